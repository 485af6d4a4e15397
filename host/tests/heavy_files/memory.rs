//! Mappings and what they add up to.

use std::{fs, os::unix::ffi::OsStrExt as _, process::Command};

use procwire_proto::v1::{FieldErrorReason, MemoryMap};

use super::{Victim, is_root, kernel_thread, read, reason_of, zombie};

const MAPS: [&str; 2] = ["memory_maps", "memory_map_groups"];

/// A mapping as maps has it, put together again.
fn line(map: &MemoryMap) -> String {
    let columns = format!(
        "{:08x}-{:08x} {} {:08x} {:02x}:{:02x} {} ",
        map.start_address,
        map.end_address,
        map.permissions,
        map.offset_bytes,
        map.device_major,
        map.device_minor,
        map.inode
    );
    match &map.path {
        None => columns,
        Some(path) => format!("{columns:<73}{}", String::from_utf8_lossy(path).replace('\n', "\\012")),
    }
}

#[test]
fn mappings_are_those_of_maps() {
    let victim = Victim::sleeping(Command::new("sleep").arg("60"));
    let process = read(victim.pid(), &MAPS);
    assert_eq!(process.errors, []);
    let lines: Vec<_> = process.memory_maps.iter().map(line).collect();
    assert_eq!(lines, victim.file("maps").lines().collect::<Vec<_>>());
    assert!(lines.iter().any(|line| line.ends_with("[stack]")));
    for map in &process.memory_maps {
        assert_eq!(map.size_bytes, Some(map.end_address - map.start_address));
        assert!(map.resident_bytes <= map.size_bytes && map.proportional_bytes <= map.resident_bytes);
        assert!(map.swap_bytes.is_some() && map.anonymous_bytes.is_some() && map.referenced_bytes.is_some());
    }
}

#[test]
fn groups_add_up_to_the_mappings() {
    let victim = Victim::sleeping(Command::new("sleep").arg("60"));
    let process = read(victim.pid(), &MAPS);
    let (maps, groups) = (&process.memory_maps, &process.memory_map_groups);
    assert!(groups.len() < maps.len());
    assert_eq!(groups.iter().map(|group| group.map_count).sum::<u32>() as usize, maps.len());
    let of_maps = |amount: fn(&MemoryMap) -> Option<u64>| maps.iter().map(|map| amount(map).unwrap()).sum::<u64>();
    assert_eq!(groups.iter().map(|group| group.size_bytes.unwrap()).sum::<u64>(), of_maps(|map| map.size_bytes));
    assert_eq!(
        groups.iter().map(|group| group.resident_bytes.unwrap()).sum::<u64>(),
        of_maps(|map| map.resident_bytes)
    );
    assert_eq!(
        groups.iter().map(|group| group.private_dirty_bytes.unwrap()).sum::<u64>(),
        of_maps(|map| map.private_dirty_bytes)
    );
    for group in groups {
        let count = maps.iter().filter(|map| map.path == group.path).count();
        assert_eq!(group.map_count as usize, count, "{group:?}");
    }
}

#[test]
fn the_footprint_lies_between_what_is_private_and_what_is_resident() {
    let victim = Victim::sleeping(Command::new("sleep").arg("60"));
    let process = read(victim.pid(), &["memory_footprint", "memory_maps"]);
    let footprint = process.memory_footprint.unwrap();
    let sum = |amount: fn(&MemoryMap) -> Option<u64>| process.memory_maps.iter().filter_map(amount).sum::<u64>();
    let unique = footprint.unique_bytes.unwrap();
    assert!(unique >= sum(|map| map.private_dirty_bytes) && unique <= sum(|map| map.resident_bytes));
    assert!(footprint.proportional_bytes.unwrap() >= unique);
    assert!(footprint.swap_bytes.is_some() && footprint.proportional_swap_bytes <= footprint.swap_bytes);
}

/// A program with such a name is mapped under it.
fn program_called(name: &str) -> (tempfile::TempDir, std::path::PathBuf, Victim) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().canonicalize().unwrap().join(name);
    fs::copy("/bin/sleep", &program).unwrap();
    let victim = Victim::sleeping(Command::new(&program).arg("60"));
    (directory, program, victim)
}

fn has_mapping(victim: &Victim, path: &[u8], deleted: bool) -> bool {
    let process = read(victim.pid(), &MAPS);
    let mapped = process.memory_maps.iter().any(|map| map.path.as_deref() == Some(path) && map.deleted == deleted);
    let group = process.memory_map_groups.iter().find(|group| group.path.as_deref() == Some(path));
    assert_eq!(group.is_some_and(|group| group.deleted == deleted), mapped);
    mapped
}

#[test]
fn names_are_the_bytes_that_they_are() {
    for name in ["with blanks  ", "two\nlines", "a\\012b", "looks gone (deleted)", "\u{1b}[2J\u{202e}"] {
        let (_directory, program, victim) = program_called(name);
        assert!(has_mapping(&victim, program.as_os_str().as_bytes(), false), "{name:?}");
        fs::remove_file(&program).unwrap();
        assert!(has_mapping(&victim, program.as_os_str().as_bytes(), true), "{name:?}, removed");
    }
}

#[test]
fn what_has_no_memory_has_no_mappings_and_a_footprint_of_nothing() {
    let dead = zombie();
    let mut pids = vec![dead.pid()];
    pids.extend(kernel_thread());
    for pid in pids {
        let process = read(pid, &["memory_maps", "memory_map_groups", "memory_footprint"]);
        assert_eq!((process.memory_maps.len(), process.memory_map_groups.len()), (0, 0));
        let reason = (pid == dead.pid()).then_some(FieldErrorReason::Zombie);
        assert_eq!(reason_of(&process, "memory_maps"), reason, "process {pid}");
        assert_eq!(reason_of(&process, "memory_map_groups"), reason, "process {pid}");
        let footprint = process.memory_footprint.unwrap();
        assert_eq!((footprint.unique_bytes, footprint.proportional_bytes), (Some(0), Some(0)));
        assert_eq!((footprint.swap_bytes, footprint.proportional_swap_bytes), (Some(0), Some(0)));
    }
}

#[test]
fn memory_of_others_is_denied() {
    if is_root() {
        return;
    }
    let process = read(1, &["memory_maps", "memory_footprint"]);
    assert_eq!(reason_of(&process, "memory_maps"), Some(FieldErrorReason::PermissionDenied));
    assert_eq!(reason_of(&process, "memory_footprint"), Some(FieldErrorReason::PermissionDenied));
    assert_eq!((process.memory_maps.len(), process.memory_footprint), (0, None));
}
