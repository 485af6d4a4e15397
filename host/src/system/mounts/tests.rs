#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use procwire_proto::{
    FieldMask,
    v1::{FieldErrorReason, System},
};

use super::*;
use crate::{Machine, Roots, SystemReader};

/// A host whose process 1 has this mount table, with a folder for its files.
struct Tree {
    folder: tempfile::TempDir,
    reader: SystemReader,
}

impl Tree {
    fn new(mountinfo: &str, filesystems: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = |name: &str| folder.path().join(name);
        let roots = Roots { proc: root("proc"), sys: root("sys"), dev: root("dev"), ..Roots::default() };
        fs::create_dir_all(roots.proc.join("1/root")).unwrap();
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Default::default() };
        let host = Host::with_machine(roots, machine).unwrap();
        let tree = Self { reader: SystemReader::new(Arc::new(host)), folder };
        tree.set("1/mountinfo", mountinfo);
        tree.set("filesystems", filesystems);
        tree
    }

    fn set(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join("proc").join(name), text).unwrap();
    }

    fn read(&mut self, paths: &[&str]) -> System {
        let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
        self.reader.read(SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap())
    }
}

const TABLE: &str = "\
20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw,discard\n\
21 20 0:5 / /pro\\040c rw,nosuid - proc proc rw\n\
22 20 0:30 / /pool rw - zfs pool/a rw,xattr\n\
23 20 0:31 /sub /none ro - tmpfs none rw\n\
24 20 254:0 /etc/hosts /etc/hosts ro,relatime - ext4 /dev/root rw,discard\n";
const FILESYSTEMS: &str = "nodev\tproc\nnodev\ttmpfs\nnodev\tzfs\n\text4\n";

#[test]
fn rows_say_what_the_table_says() {
    let mut tree = Tree::new(TABLE, FILESYSTEMS);
    let fields = ["source", "filesystem_type", "options", "physical", "read_only", "major", "minor", "root", "id"];
    let paths: Vec<_> = fields.iter().map(|field| format!("mounts.{field}")).collect();
    let system = tree.read(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(system.errors, []);
    let hosts = Mount {
        source: Some(b"/dev/root".to_vec()),
        mount_point: b"/etc/hosts".to_vec(),
        filesystem_type: b"ext4".to_vec(),
        options: [&b"ro"[..], b"relatime", b"discard"].map(<[u8]>::to_vec).into(),
        physical: true,
        read_only: true,
        major: 254,
        root: b"/etc/hosts".to_vec(),
        id: 24,
        ..Mount::default()
    };
    assert_eq!(system.mounts[4], hosts);
    let points: Vec<_> = system.mounts.iter().map(|mount| String::from_utf8_lossy(&mount.mount_point)).collect();
    assert_eq!(points, ["/", "/pro c", "/pool", "/none", "/etc/hosts"]);
    let physical: Vec<_> = system.mounts.iter().map(|mount| mount.physical).collect();
    assert_eq!(physical, [true, false, true, false, true], "zfs is nodev and physical all the same");
    assert_eq!(system.mounts[3].source, None);
}

#[test]
fn nothing_is_told_that_nobody_asked_for() {
    let mut tree = Tree::new(TABLE, FILESYSTEMS);
    let only_point = |point: &[u8]| Mount { mount_point: point.to_vec(), ..Mount::default() };
    let system = tree.read(&["mounts.mount_point"]);
    assert_eq!(system.mounts[0], only_point(b"/"));
    let parent = tree.read(&["mounts.parent_id"]).mounts[0].clone();
    assert_eq!(parent, Mount { parent_id: 1, ..only_point(b"/") });
    assert_eq!(tree.read(&["load"]).mounts, []);
}

#[test]
fn a_table_that_changes_is_told_as_it_is_now() {
    let mut tree = Tree::new(TABLE, FILESYSTEMS);
    let read_only = |tree: &mut Tree| tree.read(&["mounts.read_only"]).mounts[0].read_only;
    assert!(!read_only(&mut tree));
    tree.set("1/mountinfo", &TABLE.replace("/dev/root rw", "/dev/root ro"));
    assert!(read_only(&mut tree), "the kernel made the filesystem read-only");
    tree.set("1/mountinfo", "");
    assert_eq!(tree.read(&["mounts"]).mounts, []);
    tree.set("filesystems", "nodev\text4\n");
    tree.set("1/mountinfo", TABLE);
    assert!(!tree.read(&["mounts.physical"]).mounts[0].physical);
}

#[test]
fn an_odd_line_and_a_file_that_is_missing_are_told() {
    let mut tree = Tree::new(&format!("junk\n{TABLE}"), FILESYSTEMS);
    for _ in 0..2 {
        let system = tree.read(&["mounts.id"]);
        assert_eq!(system.mounts.len(), 5);
        let error = &system.errors[0];
        assert_eq!((error.path.as_str(), error.reason()), ("mounts", FieldErrorReason::InvalidData));
        assert!(error.detail.contains("line 1"), "{error:?}");
    }
    fs::remove_file(tree.folder.path().join("proc/filesystems")).unwrap();
    let mut tree = Tree { reader: SystemReader::new(Arc::clone(&tree.reader.host)), ..tree };
    let system = tree.read(&["mounts.physical", "mounts.id"]);
    assert_eq!(
        system.errors.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(),
        ["mounts", "mounts.physical"]
    );
    fs::remove_file(tree.folder.path().join("proc/1/mountinfo")).unwrap();
    let mut tree = Tree { reader: SystemReader::new(Arc::clone(&tree.reader.host)), ..tree };
    let system = tree.read(&["mounts.id"]);
    assert_eq!((system.mounts.len(), system.errors[0].path.as_str()), (0, "mounts.id"));
}

#[test]
fn where_filesystems_are_hidden_every_source_is_a_device() {
    let mut tree = Tree::new(TABLE, FILESYSTEMS);
    let hidden = tree.folder.path().join("proc/filesystems");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&hidden).is_ok() {
        return eprintln!("skipped: nothing is hidden from root");
    }
    let physical: Vec<_> = tree.read(&["mounts.physical"]).mounts.iter().map(|mount| mount.physical).collect();
    assert_eq!(physical, [true, true, true, false, true]);
}

#[test]
fn usage_of_a_mount_that_is_not_there_is_absent_with_its_reason() {
    let mut tree = Tree::new(TABLE, FILESYSTEMS);
    for mount in tree.read(&["mounts.usage"]).mounts {
        assert_eq!(mount.usage, None, "the folder of the test is no mount of this table");
        assert_eq!(mount.errors.len(), 1, "{mount:?}");
        assert_eq!(mount.errors[0].path, "usage");
    }
}

#[test]
fn what_lies_below_another_host_is_waited_for_like_it() {
    let table = "20 1 254:0 / / rw - ext4 /dev/vda rw\n\
        21 20 0:5 / /net rw - nfs4 host:/ rw\n\
        22 21 0:6 / /net/tmp rw - tmpfs none rw\n\
        30 31 0:7 / /round rw - tmpfs none rw\n\
        31 30 8:1 / /round rw - xfs /dev/sda1 rw\n";
    let mut tree = Tree::new(table, FILESYSTEMS);
    tree.read(&["mounts.id"]);
    let waits: Vec<_> = tree.reader.mounts.table.rows().iter().map(|row| row.waits).collect();
    use crate::disk_usage::Waits;
    let expected = [Waits::Never, Waits::ForOthers, Waits::ForOthers, Waits::ForDevice, Waits::ForDevice];
    assert_eq!(waits, expected);
}

#[test]
fn what_another_host_lies_over_is_waited_for_like_it() {
    use crate::disk_usage::Waits;
    let table = "20 1 254:0 / / rw - ext4 /dev/vda rw\n\
        21 20 0:5 / /srv/data rw - tmpfs none rw\n\
        22 20 0:6 / /srvx rw - tmpfs none rw\n\
        23 20 0:7 / /srv rw - nfs4 host:/ rw\n\
        24 20 0:8 / /net/x rw - tmpfs none rw\n\
        25 20 0:9 / /net rw - autofs -hosts rw\n\
        26 20 0:10 / /layers rw - overlay overlay ro,lowerdir=/srv\n";
    let mut tree = Tree::new(table, FILESYSTEMS);
    tree.read(&["mounts.id"]);
    let waits: Vec<_> = tree.reader.mounts.table.rows().iter().map(|row| row.waits).collect();
    let (never, others) = (Waits::Never, Waits::ForOthers);
    assert_eq!(waits, [never, others, never, others, others, never, others]);
}

#[test]
fn passwords_are_masked_and_that_is_told_where_they_are_asked_for() {
    let table = "20 1 0:5 / /ftp rw - fuse curlftpfs#ftp://bob:hunter2@host/ rw,password=hunter2\n";
    let mut tree = Tree::new(table, FILESYSTEMS);
    let errors = |mount: &Mount| mount.errors.iter().map(|error| error.path.clone()).collect::<Vec<_>>();
    let system = tree.read(&["mounts.source", "mounts.options"]);
    assert!(!format!("{system:?}").contains("hunter2"));
    assert_eq!(system.mounts[0].source.as_deref(), Some(&b"curlftpfs#ftp://bob:***@host/"[..]));
    assert_eq!(system.mounts[0].options, [b"rw".to_vec(), b"password=***".to_vec()]);
    assert_eq!(errors(&system.mounts[0]), ["source", "options"]);
    assert_eq!(errors(&tree.read(&["mounts.options"]).mounts[0]), ["options"]);
    assert!(errors(&tree.read(&["mounts.id"]).mounts[0]).is_empty());
}

#[test]
fn mounts_of_this_host_have_their_own_room() {
    let host = Host::open(Roots::default()).unwrap();
    let mut reader = SystemReader::new(Arc::new(host));
    let before = fs::read("/proc/self/mountinfo").unwrap();
    let system = reader.read(SystemFieldSet::all_served().intersection(TABLE_OF_THIS_TEST));
    if before != fs::read("/proc/self/mountinfo").unwrap() {
        return eprintln!("skipped: something was mounted meanwhile");
    }
    let root = system.mounts.iter().rfind(|mount| mount.mount_point == b"/").unwrap();
    let told = rustix::fs::statvfs("/").unwrap();
    assert_eq!(root.usage.unwrap().total_bytes, told.f_blocks * told.f_frsize);
    for mount in &system.mounts {
        let is_settled = mount.usage.is_some() != mount.errors.iter().any(|error| error.path == "usage");
        assert!(is_settled, "{mount:?}");
        let point = Path::new(std::str::from_utf8(&mount.mount_point).unwrap_or("/"));
        let covers = |other: &&Mount| other.mount_point == mount.mount_point && other.parent_id == mount.id;
        if system.mounts.iter().any(|other| covers(&other)) {
            assert_eq!(mount.usage, None, "{}: another mount lies over it", point.display());
        }
    }
}

const TABLE_OF_THIS_TEST: SystemFieldSet = bit::MOUNTS_USAGE.union(bit::MOUNTS_ID).union(bit::MOUNTS_PARENT_ID);
