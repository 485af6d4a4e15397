#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod collisions;

use std::{collections::BTreeSet, fs, path::Path};

use bytes::Bytes;
use procwire_proto::v1::CgroupCpu;

use super::*;
use crate::{Machine, Roots};

/// A machine of directories and files.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.path("proc/self")).unwrap();
        fs::create_dir_all(tree.path("sys/fs/cgroup")).unwrap();
        tree
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn with(self, files: &[(&str, &str)]) -> Self {
        for (name, text) in files {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self
    }

    fn unified(files: &[(&str, &str)]) -> Self {
        let tree = Self::new()
            .with(&[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")]);
        files.iter().fold(tree, |tree, (name, text)| tree.with(&[(&format!("sys/fs/cgroup/{name}"), text)]))
    }

    fn host(&self) -> Arc<Host> {
        let roots = Roots { proc: self.path("proc"), sys: self.path("sys"), ..Roots::default() };
        let machine =
            Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Bytes::from_static(b"0123456789abcdef") };
        Arc::new(Host::with_machine(roots, machine).unwrap())
    }

    fn walk(&self, paths: &[&str], descendants: bool, fields: CgroupFieldSet) -> GroupWalk {
        let paths = paths.iter().map(|path| GroupPath::parse(path.as_bytes()).unwrap()).collect();
        GroupWalk::begin(self.host(), GroupQuery { paths, descendants, fields, limit: usize::MAX }).unwrap()
    }

    fn rows(&self, paths: &[&str], descendants: bool, fields: CgroupFieldSet) -> (Vec<Cgroup>, Vec<FieldError>) {
        let mut walk = self.walk(paths, descendants, fields);
        let rows = std::iter::from_fn(|| walk.next_row()).map(|row| row.row).collect();
        (rows, walk.errors())
    }
}

fn names(rows: &[Cgroup]) -> Vec<String> {
    let name = |row: &Cgroup| row.path.clone().or_else(|| row.v1.first().map(|tree| tree.path.clone())).unwrap();
    rows.iter().map(|row| String::from_utf8(name(row)).unwrap()).collect()
}

#[test]
fn without_any_tree_there_is_no_list() {
    let tree = Tree::new();
    let query = GroupQuery { paths: Vec::new(), descendants: true, fields: bit::PATH, limit: 1 };
    let error = GroupWalk::begin(tree.host(), query).err().unwrap();
    assert!(error.to_string().ends_with("sys/fs/cgroup"), "{error}");
}

#[test]
fn every_group_comes_once_and_after_the_one_it_is_in() {
    let mut tree = Tree::unified(&[]);
    let mut expected = BTreeSet::from(["/".to_owned()]);
    // More than are read of a directory at once, and as deep as several levels.
    for outer in 0..7 {
        expected.insert(format!("/outer-{outer}"));
        for inner in 0..150 {
            let name = format!("outer-{outer}/a-rather-long-name-of-a-group-{inner}");
            tree = tree.with(&[(&format!("sys/fs/cgroup/{name}/below/cgroup.events"), "populated 0\nfrozen 0\n")]);
            expected.insert(format!("/{name}"));
            expected.insert(format!("/{name}/below"));
        }
    }
    let (rows, errors) = tree.rows(&[], true, bit::PATH);
    assert!(errors.is_empty(), "{errors:?}");
    let names = names(&rows);
    assert_eq!(names.len(), expected.len());
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), expected);
    let mut seen = BTreeSet::new();
    for name in &names {
        let parent = Path::new(name).parent().map(|parent| parent.to_str().unwrap().to_owned());
        assert!(parent.is_none_or(|parent| seen.contains(&parent)), "{name} comes before its parent");
        seen.insert(name.clone());
    }
}

#[test]
fn a_limit_ends_the_list() {
    let tree = Tree::unified(&[("a/x", ""), ("b/x", "")]);
    let query = GroupQuery { paths: Vec::new(), descendants: true, fields: bit::PATH, limit: 2 };
    let mut walk = GroupWalk::begin(tree.host(), query).unwrap();
    assert!(walk.next_row().is_some() && walk.next_row().is_some());
    assert_eq!((walk.next_row(), walk.returned()), (None, 2));
}

#[test]
fn groups_that_were_named_come_once_and_those_that_are_not_there_are_errors() {
    let tree = Tree::unified(&[("a/b/x", ""), ("c/x", ""), ("file", "")]);
    std::os::unix::fs::symlink(tree.path("proc"), tree.path("sys/fs/cgroup/link")).unwrap();
    let (rows, errors) = tree.rows(&["/c", "/none", "/a/b", "/a", "/c", "/file", "/link"], true, bit::PATH);
    assert_eq!(names(&rows), ["/c", "/a", "/a/b"]);
    let missing: Vec<_> = errors.iter().map(|error| error.detail.as_str()).collect();
    let none = |name| format!("there is no control group {name}");
    assert_eq!(missing, ["/none", "/file", "/link"].map(none));
    assert_eq!(errors[1].path, "paths[5]", "its place in the request");
    let (rows, errors) = tree.rows(&["/a/b", "/link/self", "/a"], false, bit::PATH);
    assert_eq!(errors.len(), 1);
    assert_eq!(names(&rows), ["/a/b", "/a"], "without those below each is its own");
}

#[test]
fn links_are_not_walked_into() {
    let tree = Tree::unified(&[("a/x", "")]);
    std::os::unix::fs::symlink(tree.path("proc"), tree.path("sys/fs/cgroup/a/out")).unwrap();
    std::os::unix::fs::symlink("..", tree.path("sys/fs/cgroup/a/round")).unwrap();
    fs::create_dir(tree.path("sys/fs/cgroup/a/b")).unwrap();
    let (rows, errors) = tree.rows(&[], true, bit::PATH);
    assert_eq!((names(&rows), errors), (vec!["/".to_owned(), "/a".to_owned(), "/a/b".to_owned()], vec![]));
}

#[test]
fn hostile_names_are_names() {
    let tree = Tree::unified(&[]);
    let odd = std::ffi::OsStr::new("a\u{1b}[2J\nb");
    fs::create_dir(tree.path("sys/fs/cgroup").join(odd)).unwrap();
    use std::os::unix::ffi::OsStrExt as _;
    fs::create_dir(tree.path("sys/fs/cgroup").join(std::ffi::OsStr::from_bytes(b"\xff..\xfe"))).unwrap();
    let (rows, _) = tree.rows(&[], true, bit::PATH);
    let mut paths: Vec<_> = rows.into_iter().map(|row| row.path.unwrap()).collect();
    paths.sort();
    assert_eq!(paths, [&b"/"[..], b"/a\x1b[2J\nb", b"/\xff..\xfe"]);
}

#[test]
fn groups_whose_paths_are_too_long_are_counted_and_said() {
    let tree = Tree::unified(&[]);
    let long = "x".repeat(255);
    // 15 times a slash and 255 bytes: the next name may have 254.
    let deepest = vec![long.as_str(); 15].join("/");
    fs::create_dir_all(tree.path("sys/fs/cgroup").join(&deepest)).unwrap();
    let folder = fs::File::open(tree.path("sys/fs/cgroup").join(&deepest)).unwrap();
    for name in [&long, &"y".repeat(255), &"z".repeat(254)] {
        rustix::fs::mkdirat(&folder, name.as_str(), 0o755.into()).unwrap();
    }
    let (rows, errors) = tree.rows(&[], true, bit::PATH);
    assert_eq!(rows.len(), 17);
    assert_eq!(rows[16].path, Some(format!("/{deepest}/{}", "z".repeat(254)).into_bytes()));
    assert_eq!((errors.len(), errors[0].path.as_str()), (1, format!("/{deepest}").as_str()));
    assert_eq!(errors[0].reason(), FieldErrorReason::Truncated);
    assert!(errors[0].detail.starts_with("2 groups below are not listed"), "{errors:?}");
}

#[test]
fn names_that_have_no_room_are_said_to_be_missing() {
    let tree = Tree::unified(&[("a/x", ""), ("b/x", "")]);
    let roots = [open_directory(&tree.path("sys/fs/cgroup")).unwrap()];
    let (mut errors, directories) = (Errors::default(), roots.each_ref().map(|root| root.try_clone().ok()));
    let mut level = Level::below(GroupPath::root(), &directories);
    // A letter, its NUL, and where it begins.
    assert!(level.next_child(&roots, 6, &mut errors).is_some());
    assert_eq!(level.next_child(&roots, 6, &mut errors), None);
    let list = errors.list();
    assert_eq!((list.len(), list[0].path.as_str(), list[0].reason()), (1, "/", FieldErrorReason::Truncated));
}

#[test]
fn what_is_said_of_the_whole_list_is_said_however_many_errors_there_are() {
    let tree = Tree::unified(&[]);
    let missing: Vec<_> = (0..100).map(|number| format!("/missing-{number}")).collect();
    let mut walk = tree.walk(&missing.iter().map(String::as_str).collect::<Vec<_>>(), true, bit::PATH);
    walk.report("cpu.used_cpus", FieldErrorReason::Truncated, "too many");
    assert!(walk.next_row().is_none());
    let errors = walk.errors();
    assert_eq!((errors.len(), errors[0].path.as_str()), (65, "cpu.used_cpus"));
    assert_eq!(errors[64].detail, "37 more errors are left out");
}

/// A group that is removed between two rows.
#[test]
fn a_group_that_goes_while_the_list_is_read_is_said_to_have_gone() {
    let tree = Tree::unified(&[("a/x", ""), ("b/x", ""), ("c/x", "")]);
    let mut walk = tree.walk(&[], true, bit::PATH);
    let mut rows = vec![walk.next_row().unwrap().row, walk.next_row().unwrap().row];
    let listed = names(&rows)[1].clone();
    let gone = ["/a", "/b", "/c"].into_iter().find(|name| *name != listed).unwrap();
    fs::remove_dir_all(tree.path(&format!("sys/fs/cgroup{gone}"))).unwrap();
    rows.extend(std::iter::from_fn(|| walk.next_row()).map(|row| row.row));
    assert_eq!(rows.len(), 3);
    let errors = walk.errors();
    assert_eq!((errors.len(), errors[0].path.as_str()), (1, gone));
    assert!(errors[0].detail.contains("removed"), "{errors:?}");
}

#[test]
fn the_least_limit_above_holds_below() {
    let tree = Tree::unified(&[
        ("a/cpu.max", "200000 100000\n"),
        ("a/memory.max", "67108864\n"),
        ("a/cgroup.events", "populated 1\nfrozen 0\n"),
        ("a/b/cpu.max", "max 100000\n"),
        ("a/b/memory.max", "max\n"),
        ("a/b/c/cpu.max", "50000 100000\n"),
        ("a/b/c/memory.max", "134217728\n"),
        ("a/b/c/pids.max", "7\n"),
        ("d/memory.max", "no number\n"),
        ("d/e/memory.max", "4096\n"),
    ]);
    let fields = bit::PATH.union(Limits::FIELDS).union(bit::CPU_LIMIT_CPUS).union(bit::MEMORY_LIMIT_BYTES);
    let (rows, _) = tree.rows(&["/a/b/c", "/a/b", "/d/e", "/a"], false, fields);
    let cpu = |row: &Cgroup| row.cpu.as_ref().map(|cpu| (cpu.limit_cpus, cpu.effective_limit_cpus));
    let memory = |row: &Cgroup| row.memory.as_ref().map(|memory| (memory.limit_bytes, memory.effective_limit_bytes));
    assert_eq!(
        rows.iter().map(cpu).collect::<Vec<_>>(),
        [Some((Some(0.5), Some(0.5))), Some((None, Some(2.0))), None, Some((Some(2.0), Some(2.0))),]
    );
    assert_eq!(
        rows.iter().map(memory).collect::<Vec<_>>(),
        [
            Some((Some(134_217_728), Some(67_108_864))),
            Some((None, Some(67_108_864))),
            Some((Some(4096), None)),
            Some((Some(67_108_864), Some(67_108_864))),
        ]
    );
    let above = rows[2].errors.iter().find(|error| error.path == "memory.effective_limit_bytes").unwrap();
    assert_eq!(above.reason(), FieldErrorReason::ReadFailed);
    let pids = rows[0].pids.as_ref().unwrap();
    assert_eq!((pids.limit, pids.effective_limit), (Some(7), Some(7)));
}

#[test]
fn a_malformed_file_spoils_its_own_fields_alone() {
    let good = [
        ("a/cgroup.controllers", "cpu io memory pids\n"),
        ("a/cgroup.events", "populated 1\nfrozen 0\n"),
        ("a/cpu.stat", "usage_usec 1\nuser_usec 2\nsystem_usec 3\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n"),
        ("a/cpu.max", "max 100000\n"),
        ("a/cpu.weight", "100\n"),
        ("a/memory.current", "1000\n"),
        ("a/memory.peak", "2000\n"),
        ("a/memory.max", "max\n"),
        ("a/memory.high", "max\n"),
        ("a/memory.swap.current", "0\n"),
        ("a/memory.swap.max", "max\n"),
        ("a/memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n"),
        ("a/memory.stat", "anon 500\ninactive_file 300\n"),
        ("a/io.stat", ""),
        ("a/io.max", ""),
        ("a/pids.current", "3\n"),
        ("a/pids.max", "max\n"),
        ("a/pids.events", "max 0\n"),
        ("a/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
        ("a/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
        ("a/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
    ];
    let read =
        |files: &[(&str, &str)]| Tree::unified(files).rows(&["/a"], false, CgroupFieldSet::all_served()).0.remove(0);
    let whole = read(&good);
    assert_eq!(whole.errors, []);
    assert_eq!(whole.memory.as_ref().unwrap().working_set_bytes, Some(700));
    let spoils = [
        ("a/cpu.weight", vec!["cpu.weight"]),
        ("a/cpu.max", vec!["cpu"]),
        ("a/memory.current", vec!["memory"]),
        ("a/memory.peak", vec!["memory.peak_bytes"]),
        ("a/memory.max", vec!["memory"]),
        ("a/memory.events", vec!["memory"]),
        ("a/memory.stat", vec!["memory.statistics", "memory.working_set_bytes"]),
        ("a/pids.current", vec!["pids"]),
        ("a/cpu.pressure", vec!["pressure"]),
        ("a/cgroup.events", vec!["populated"]),
    ];
    for (name, paths) in spoils {
        for torn in ["", "\u{fffd}", "99999999999999999999999\n", "-5\n"] {
            let files: Vec<_> = good.iter().map(|file| if file.0 == name { (name, torn) } else { *file }).collect();
            let row = read(&files);
            let spoiled: Vec<_> = row.errors.iter().map(|error| error.path.as_str()).collect();
            assert!(paths.iter().all(|path| spoiled.contains(path)), "{name} {torn:?}: {:?}", row.errors);
            let known = [row.cpu.is_some(), row.memory.is_some(), row.pids.is_some(), row.pressure.is_some()];
            assert_eq!(known, [true; 4], "{name} {torn:?}");
            assert_eq!((row.path.clone(), row.controllers.len()), (whole.path.clone(), 4));
        }
    }
}

#[test]
fn a_group_of_v1_is_read_from_each_of_its_trees() {
    let tree = Tree::new().with(&[
        ("proc/self/cgroup", "5:blkio:/\n4:memory:/\n3:cpu,cpuacct:/\n2:pids:/\n1:name=systemd:/\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cgroup.procs", ""),
        ("sys/fs/cgroup/cpu,cpuacct/a/cgroup.procs", ""),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpuacct.usage", "1500000000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpuacct.stat", "user 100\nsystem 50\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.stat", "nr_periods 9\nnr_throttled 3\nthrottled_time 12345\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/a/cpu.shares", "512\n"),
        ("sys/fs/cgroup/memory/cgroup.procs", ""),
        ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000000\n"),
        ("sys/fs/cgroup/memory/a/memory.max_usage_in_bytes", "2000000\n"),
        ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728\n"),
        ("sys/fs/cgroup/memory/a/memory.memsw.usage_in_bytes", "1200000\n"),
        ("sys/fs/cgroup/memory/a/memory.memsw.limit_in_bytes", "201326592\n"),
        ("sys/fs/cgroup/memory/a/memory.failcnt", "11\n"),
        ("sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        (
            "sys/fs/cgroup/memory/a/memory.stat",
            "inactive_file 1\nhierarchical_memory_limit 67108864\ntotal_inactive_file 300000\n",
        ),
        ("sys/fs/cgroup/blkio/cgroup.procs", ""),
        ("sys/fs/cgroup/blkio/a/blkio.throttle.io_service_bytes", "8:0 Read 7\n8:0 Write 8\nTotal 15\n"),
        ("sys/fs/cgroup/blkio/a/blkio.throttle.io_serviced", "8:0 Read 1\n8:0 Write 2\nTotal 3\n"),
        ("sys/fs/cgroup/blkio/a/blkio.throttle.read_bps_device", "8:0 1048576\n"),
        ("sys/fs/cgroup/systemd/cgroup.procs", ""),
        ("sys/fs/cgroup/systemd/b/cgroup.procs", ""),
    ]);
    let (rows, errors) = tree.rows(&[], true, CgroupFieldSet::all_served());
    assert_eq!((names(&rows).iter().collect::<BTreeSet<_>>().len(), rows.len(), errors.len()), (3, 3, 0));
    let row = rows.iter().find(|row| row.v1.iter().any(|tree| tree.path == b"/a")).unwrap();
    assert_eq!(row.path, None);
    let trees: Vec<_> = row.v1.iter().map(|tree| tree.controllers.as_slice()).collect();
    assert_eq!(trees, [&b"blkio"[..], b"memory", b"cpu,cpuacct"]);
    assert_eq!(
        row.cpu,
        Some(CgroupCpu {
            usage_ns: Some(1_500_000_000),
            user_ns: Some(1_000_000_000),
            system_ns: Some(500_000_000),
            throttled_ns: Some(12_345),
            periods: Some(9),
            throttled_periods: Some(3),
            limit_cpus: Some(1.5),
            effective_limit_cpus: Some(1.5),
            weight: Some(50),
            used_cpus: None,
        })
    );
    let memory = row.memory.as_ref().unwrap();
    assert_eq!((memory.usage_bytes, memory.peak_bytes), (Some(1_000_000), Some(2_000_000)));
    assert_eq!((memory.limit_bytes, memory.effective_limit_bytes), (Some(134_217_728), Some(67_108_864)));
    assert_eq!((memory.swap_bytes, memory.swap_limit_bytes), (Some(200_000), Some(67_108_864)));
    assert_eq!((memory.limit_hits, memory.oom_kills), (Some(11), Some(2)));
    assert_eq!(memory.working_set_bytes, Some(700_000));
    assert_eq!(row.io.len(), 1);
    assert_eq!((row.io[0].write_bytes, row.io[0].reads), (Some(8), Some(1)));
    assert_eq!(row.io[0].read_bytes_per_second_limit, Some(1_048_576));
    assert_eq!(row.controllers, ["blkio", "memory", "cpu", "cpuacct"]);
    let reasons: Vec<_> = row.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    let unsupported = |path| (path, FieldErrorReason::Unsupported);
    assert_eq!(reasons, [unsupported("memory"), unsupported("pids"), unsupported("pressure")], "{:?}", row.errors);
}

#[test]
fn what_a_group_used_is_measured_between_two_of_its_rows() {
    let tree = Tree::unified(&[
        ("a/cpu.stat", "usage_usec 1000\nuser_usec 1\nsystem_usec 1\n"),
        ("b/cpu.stat", "usage_usec 5\nuser_usec 1\nsystem_usec 1\n"),
    ]);
    let fields = bit::PATH.union(bit::CPU_USED_CPUS);
    let mut window = UsageWindow::default();
    let mut before = tree.walk(&[], true, fields);
    while let Some(row) = before.next_row() {
        assert!(window.remember(&row));
    }
    let tree = tree.with(&[
        ("sys/fs/cgroup/a/cpu.stat", "usage_usec 3000\n"),
        ("sys/fs/cgroup/b/cpu.stat", "usage_usec 4\n"),
        ("sys/fs/cgroup/new/cpu.stat", "usage_usec 4\n"),
    ]);
    let mut after = tree.walk(&[], true, fields);
    let mut used = Vec::new();
    while let Some(mut row) = after.next_row() {
        let since_ns = window.before.get(&row.key).map(|(_, at_ns)| row.read_at_ns - at_ns);
        window.fill(&mut row, fields);
        let cpus = row.row.cpu.as_ref().and_then(|cpu| cpu.used_cpus);
        used.push((
            String::from_utf8(row.row.path.unwrap()).unwrap(),
            cpus.map(|cpus| (cpus * since_ns.unwrap() as f64).round()),
        ));
        assert!(row.row.cpu.is_none_or(|cpu| cpu.usage_ns.is_none()), "nobody asked for it");
    }
    used.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("/", None), ("/a", Some(2_000_000.0)), ("/b", None), ("/new", None)];
    assert_eq!(used, expected.map(|(name, ns)| (name.to_owned(), ns)));
}

#[test]
fn the_top_of_a_mount_is_where_names_begin() {
    // As a container of an old docker sees it: its own group at the top of each mount.
    let tree = Tree::new().with(&[
        ("proc/self/cgroup", "4:memory:/docker/7\n"),
        ("proc/self/mountinfo", "32 31 0:29 /docker/7 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
        ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"),
    ]);
    let (rows, _) = tree.rows(&["/a"], false, bit::V1.union(bit::MEMORY_EFFECTIVE_LIMIT_BYTES));
    assert_eq!(rows[0].v1[0].path, b"/a");
    assert_eq!(rows[0].memory.as_ref().unwrap().effective_limit_bytes, Some(67_108_864));
}

/// A file that is counted as it is read.
struct Counted(usize);

impl crate::cgroup::files::Files for Counted {
    fn is_in(&self, _: usize) -> bool {
        true
    }

    fn read(&mut self, _: usize, name: &'static std::ffi::CStr) -> Result<&[u8], Errno> {
        self.0 += 1;
        if name == c"cpu.stat" {
            Ok(b"usage_usec 1\nuser_usec 1\nsystem_usec 1\nnr_periods 1\nnr_throttled 1\nthrottled_usec 1\n")
        } else {
            Err(Errno::NOENT)
        }
    }
}

#[test]
fn a_file_of_several_fields_is_read_once() {
    let tree = Tree::unified(&[]);
    let walk = tree.walk(&[], false, bit::PATH);
    let trees = (walk.hierarchies.trees.as_slice(), walk.hierarchies.homes);
    let mut files = Counted(0);
    let fields = CgroupFieldSet::matching(|field| field.source == "cpu.stat").difference(bit::CPU_USED_CPUS);
    let row = Filler::new(&mut files, trees, walk.host.machine(), fields, Limits::NONE).fill().row;
    assert_eq!((files.0, row.errors.len()), (1, 0));
    assert_eq!(row.cpu.unwrap().throttled_ns, Some(1000));
}
