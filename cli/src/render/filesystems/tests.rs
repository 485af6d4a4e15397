#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::v1::{DiskUsage, FieldError, FieldErrorReason, GetDiskUsageResponse, Mount};

use super::*;
use crate::sizes::SizeUnit;

const HUMAN: Shown = Shown { unit: SizeUnit::Human, inodes: false, wide: false };

fn mount(id: u64, kind: &str, place: &str, minor: u32) -> Mount {
    let usage = DiskUsage {
        total_bytes: 100 << 30,
        used_bytes: 50 << 30,
        available_bytes: 40 << 30,
        used_ratio: Some(5.0 / 9.0),
        total_inodes: Some(1000),
        free_inodes: Some(999),
        ..DiskUsage::default()
    };
    Mount {
        id,
        source: Some(b"/dev/vda1".to_vec()),
        mount_point: place.as_bytes().to_vec(),
        filesystem_type: kind.as_bytes().to_vec(),
        physical: kind == "ext4",
        minor,
        root: b"/".to_vec(),
        usage: Some(usage),
        ..Mount::default()
    }
}

fn hung(id: u64) -> Mount {
    let error =
        FieldError { path: "usage".to_owned(), reason: FieldErrorReason::Timeout.into(), ..FieldError::default() };
    Mount {
        source: Some(b"gone:/ex\x1bport".to_vec()),
        usage: None,
        errors: vec![error],
        ..mount(id, "nfs4", "/mnt/gone", 77)
    }
}

fn places(mounts: &[Mount], choice: &Choice) -> Vec<String> {
    choose(mounts, choice).iter().map(|mount| String::from_utf8_lossy(&mount.mount_point).into_owned()).collect()
}

fn printed(table: &crate::render::table::Table, width: Option<u16>) -> String {
    let mut out = Vec::new();
    table.write(&mut out, width).unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

#[test]
fn usual_are_disks_the_root_and_other_hosts() {
    let empty = Mount { usage: Some(DiskUsage::default()), ..mount(9, "fuse.portal", "/run/doc", 9) };
    let mounts = [
        mount(1, "overlay", "/", 1),
        mount(2, "proc", "/proc", 2),
        mount(3, "ext4", "/home", 3),
        mount(4, "tmpfs", "/run", 4),
        mount(5, "fuse.sshfs", "/mnt/ssh", 5),
        hung(6),
        empty,
    ];
    let usual = ["/", "/home", "/mnt/ssh", "/mnt/gone"];
    assert_eq!(places(&mounts, &Choice::default()), usual);
    assert_eq!(places(&mounts, &Choice { all: true, ..Choice::default() }).len(), 7);
}

#[test]
fn a_type_that_is_named_is_meant() {
    let mounts = [mount(1, "ext4", "/", 1), mount(2, "tmpfs", "/run", 2), mount(3, "ext4", "/home", 3)];
    let of = |types: &[&str], except: &[&str], all| {
        let bytes = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        places(&mounts, &Choice { all, types: bytes(types), except: bytes(except) })
    };
    assert_eq!(of(&["tmpfs"], &[], false), ["/run"]);
    assert_eq!(of(&["tmpfs", "ext4"], &["ext4"], false), ["/run"]);
    assert_eq!(of(&[], &["ext4"], true), ["/run"]);
    assert!(of(&["xfs"], &[], true).is_empty());
}

#[test]
fn a_filesystem_counts_once_and_what_is_covered_not_at_all() {
    let part = Mount { root: b"/var/lib/docker/hosts".to_vec(), ..mount(3, "ext4", "/etc/hosts", 1) };
    let mounts = [
        mount(1, "ext4", "/srv/data", 1),
        mount(2, "ext4", "/srv", 1),
        part,
        mount(4, "ext4", "/mnt", 4),
        mount(5, "ext4", "/mnt", 5),
        mount(6, "ext4", "/same", 6),
        mount(7, "ext4", "/same", 6),
    ];
    assert_eq!(places(&mounts, &Choice::default()), ["/srv", "/mnt", "/same"]);
    let shown = choose(&mounts, &Choice::default());
    assert_eq!((shown[1].id, shown[2].id), (5, 7), "the last that was mounted is the one that is seen");
}

#[test]
fn it_looks_like_df_and_a_filesystem_that_hangs_says_so() {
    let home = Mount { read_only: true, ..mount(1, "ext4", "/home", 3) };
    let hung = hung(2);
    assert_eq!(
        printed(&mount_table(&[&home, &hung], HUMAN), Some(80)),
        "SOURCE           TYPE SIZE USED AVAIL USED% MOUNTED ON\n\
         /dev/vda1        ext4 100G  50G   40G   56% /home (read-only)\n\
         gone:/ex\\x1bport nfs4    -    -     -     - /mnt/gone (timeout)\n"
    );
    assert_eq!(unanswered(&[&home]), None);
    assert_eq!(unanswered(&[&home, &hung]).unwrap(), "1 filesystem does not tell how full: timeout");
}

#[test]
fn a_mount_under_another_says_so_and_counts_as_no_trouble() {
    let error =
        FieldError { path: "usage".to_owned(), reason: FieldErrorReason::Unsupported.into(), ..FieldError::default() };
    let unknown = |id, place| Mount { usage: None, errors: vec![error.clone()], ..mount(id, "tmpfs", place, 9) };
    let (under, above, elsewhere) = (unknown(1, "/dev/shm"), mount(2, "tmpfs", "/dev/shm", 4), unknown(3, "/odd"));
    let shown = printed(&mount_table(&[&under, &above, &elsewhere], HUMAN), Some(80));
    let places: Vec<_> = shown.lines().collect();
    assert!(places[1].ends_with("/dev/shm (under another mount)"), "{shown}");
    assert!(places[2].ends_with("/dev/shm"), "{shown}");
    assert!(places[3].ends_with("/odd (unsupported)"), "{shown}");
    assert_eq!(unanswered(&[&under, &above]), None);
    assert_eq!(unanswered(&[&under, &above, &elsewhere]).unwrap(), "1 filesystem does not tell how full: unsupported");
}

#[test]
fn inodes_and_units_can_be_chosen() {
    let home = mount(1, "ext4", "/home", 3);
    let row = |shown| printed(&mount_table(&[&home], shown), None).lines().nth(1).unwrap().to_owned();
    assert!(row(Shown { inodes: true, ..HUMAN }).contains(" ext4   1000     1   999     1% /home"));
    assert!(row(Shown { unit: SizeUnit::Whole(1 << 30), ..HUMAN }).contains(" ext4  100   50    40   56% /home"));
    let without_inodes = Mount { usage: Some(DiskUsage::default()), ..home.clone() };
    let table = printed(&mount_table(&[&without_inodes], Shown { inodes: true, ..HUMAN }), None);
    assert_eq!(table.lines().nth(1).unwrap().matches(" -").count(), 4, "{table}");
}

#[test]
fn no_line_is_longer_than_the_terminal() {
    let long = Mount {
        source: Some(vec![b's'; 300]),
        mount_point: vec![b'm'; 300],
        filesystem_type: vec![b't'; 300],
        options: vec![vec![b'o'; 300]],
        ..mount(1, "ext4", "/", 1)
    };
    for width in [80, 200] {
        for unit in [SizeUnit::Human, SizeUnit::Whole(1)] {
            let shown = Shown { unit, wide: true, inodes: false };
            let table = printed(&mount_table(&[&long, &hung(2)], shown), Some(width));
            assert!(table.lines().all(|line| line.chars().count() <= usize::from(width)), "{table}");
        }
    }
}

#[test]
fn a_path_has_its_answer_beside_it() {
    let usage = mount(1, "ext4", "/", 1).usage;
    let answer = GetDiskUsageResponse { usage, sampled: None };
    let of_path = PathUsage { path: b"/a\xff\x1b".to_vec(), answer };
    let value = of_path.to_json();
    assert_eq!(value["path_base64"], "L2H/Gw==");
    assert_eq!(value["usage"]["total_bytes"], 100_u64 << 30);
    let table = printed(&path_table(&[of_path], HUMAN), Some(80));
    assert_eq!(table, "SIZE USED AVAIL USED% PATH\n100G  50G   40G   56% /a\\xff\\x1b\n");
}
