//! Groups whose names have one hash. The offset of an entry in a directory of kernfs is the hash of its name without any key
//! (`kernfs_name_hash`, fs/kernfs/dir.c), so that whoever may make groups may make as many as he likes with the same offset.

use std::{collections::BTreeSet, fs, os::unix::ffi::OsStrExt as _, path::PathBuf};

use super::*;

/// `(hash + (c << 4) + (c >> 4)) * 11` (include/linux/stringhash.h) of "al" is that of "ba", whatever stands before and behind.
const BLOCKS: [&str; 2] = ["al", "ba"];

/// A group of the kernel's; removed, with those below it, when it goes.
struct RealGroup(PathBuf);

impl RealGroup {
    /// `None`, and why is printed, where the tests may not make one.
    #[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
    fn make(name: &str) -> Option<Self> {
        let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        let Some(tree) = trees.into_iter().find(|tree| tree.join("cgroup.controllers").exists()) else {
            eprintln!("skipped: no unified tree of control groups is mounted");
            return None;
        };
        let folder = tree.join(format!("procwire-{name}-{}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => Some(Self(folder)),
            Err(error) => {
                eprintln!("skipped: mkdir {}: {error}", folder.display());
                None
            }
        }
    }

    fn path(&self) -> GroupPath {
        GroupPath::root().child(self.0.file_name().unwrap().as_bytes()).unwrap()
    }

    fn walk(&self) -> GroupWalk {
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        let fields = bit::PATH.union(bit::CPU_USED_CPUS);
        let query = GroupQuery { paths: vec![self.path()], descendants: true, fields, limit: 20_000 };
        GroupWalk::begin(host, query).unwrap()
    }
}

impl Drop for RealGroup {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn groups_whose_names_have_the_same_hash_come_once_each() {
    let Some(made) = RealGroup::make("same-hash") else { return };
    let mut expected = BTreeSet::from([made.path()]);
    // Far more bytes than one reading of a directory gives.
    for number in 0..256_usize {
        let blocks: String = (0..8).map(|place| BLOCKS[number >> place & 1]).collect();
        let name = format!("{blocks}{}", "x".repeat(200));
        fs::create_dir(made.0.join(&name)).unwrap();
        expected.insert(made.path().child(name.as_bytes()).unwrap());
    }
    let mut window = UsageWindow::default();
    let mut measured = made.walk();
    while let Some(row) = measured.next_row() {
        assert!(window.remember(&row));
    }
    assert_eq!((measured.returned(), measured.errors()), (257, vec![]));
    let mut walk = made.walk();
    let rows: Vec<_> = std::iter::from_fn(|| walk.next_row()).filter_map(|row| row.row.path).collect();
    assert_eq!((rows.len(), walk.errors()), (257, vec![]));
    assert_eq!(rows.into_iter().map(|path| GroupPath::parse(&path).unwrap()).collect::<BTreeSet<_>>(), expected);
}
