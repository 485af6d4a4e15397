#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{fs, os::fd::AsFd as _, os::unix::fs::MetadataExt as _, path::Path};

use procwire_proto::{
    FieldMask, ProcessFieldSet,
    v1::{FieldError, MemoryMapGroup, Process},
};

use super::*;
use crate::{Host, Machine, Roots, process::plan::ProcessPlan, procfs::Buffer};

const NEW: &[u8] = include_bytes!("../smaps/smaps-6.18.txt");
const OLD: &[u8] = include_bytes!("../smaps/smaps-2.6.18.txt");
const OF_4_14: &[u8] = include_bytes!("../smaps/smaps-4.14.txt");

/// What is read of process 7 of this procfs.
fn read_below(proc: &Path, fields: &[&str]) -> (Result<(), Errno>, Process) {
    let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::new() };
    let host = Host::with_machine(Roots { proc: proc.into(), ..Roots::default() }, machine).unwrap();
    let mask = FieldMask { paths: fields.iter().map(ToString::to_string).collect() };
    let plan = ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap());
    let mut draft = Draft::new(Process::default(), &plan);
    let mut access = Access { host: &host, buffer: &mut Buffer::new(), pid: 7, thread: None };
    let result = read(&mut access, &mut draft);
    (result, draft.process)
}

fn proc_with(smaps: &[u8]) -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    fs::create_dir(proc.path().join("7")).unwrap();
    fs::write(proc.path().join("7/smaps"), smaps).unwrap();
    proc
}

fn parsed(smaps: &[u8]) -> Process {
    let (result, process) = read_below(proc_with(smaps).path(), &["memory_maps", "memory_map_groups"]);
    result.unwrap();
    process
}

fn kilobytes(count: u64) -> Option<u64> {
    Some(count * 1024)
}

/// The path of each mapping; "" for anonymous memory.
fn paths(process: &Process) -> Vec<String> {
    let text = |map: &MemoryMap| String::from_utf8(map.path.clone().unwrap_or_default()).unwrap();
    process.memory_maps.iter().map(text).collect()
}

#[test]
fn a_captured_file_is_read_mapping_by_mapping() {
    let process = parsed(NEW);
    assert_eq!(process.errors, []);
    assert_eq!(
        paths(&process),
        [
            "/usr/bin/he ad",
            "/usr/bin/he ad",
            "[heap]",
            "",
            "/usr/lib/locale/locale-archive",
            "[anon:my arena]",
            "/memfd:a b",
            "",
            "anon_inode:[perf_event]",
            "[stack]",
            "[vvar]",
            "[vdso]",
            "[vsyscall]",
        ]
    );
    let program = MemoryMap {
        start_address: 0x5598_3537_4000,
        end_address: 0x5598_3537_a000,
        permissions: "r-xp".to_owned(),
        offset_bytes: 0x2000,
        device_major: 0xfe,
        device_minor: 0x10,
        inode: 247_282,
        path: Some(b"/usr/bin/he ad".to_vec()),
        deleted: false,
        size_bytes: kilobytes(24),
        resident_bytes: kilobytes(20),
        proportional_bytes: kilobytes(19),
        shared_clean_bytes: kilobytes(18),
        shared_dirty_bytes: kilobytes(17),
        private_clean_bytes: kilobytes(16),
        private_dirty_bytes: kilobytes(15),
        referenced_bytes: kilobytes(14),
        anonymous_bytes: kilobytes(13),
        swap_bytes: kilobytes(12),
    };
    assert_eq!(process.memory_maps[1], program);
    let memfd = &process.memory_maps[6];
    assert!(memfd.deleted, "the kernel's mark is taken off, and said");
    assert_eq!(process.memory_maps[12].start_address, 0xffff_ffff_ff60_0000);
}

#[test]
fn groups_are_sums_in_the_order_of_first_sight() {
    let process = parsed(NEW);
    let groups = &process.memory_map_groups;
    let order: Vec<_> =
        groups.iter().map(|group| String::from_utf8_lossy(group.path.as_deref().unwrap_or(b"none"))).collect();
    assert_eq!(order[..5], ["/usr/bin/he ad", "[heap]", "none", "/usr/lib/locale/locale-archive", "[anon:my arena]"]);
    let program = MemoryMapGroup {
        path: Some(b"/usr/bin/he ad".to_vec()),
        deleted: false,
        map_count: 2,
        size_bytes: kilobytes(8 + 24),
        resident_bytes: kilobytes(8 + 20),
        proportional_bytes: kilobytes(8 + 19),
        shared_clean_bytes: kilobytes(18),
        shared_dirty_bytes: kilobytes(17),
        private_clean_bytes: kilobytes(8 + 16),
        private_dirty_bytes: kilobytes(15),
        referenced_bytes: kilobytes(8 + 14),
        anonymous_bytes: kilobytes(13),
        swap_bytes: kilobytes(12),
    };
    assert_eq!(groups[0], program);
    let anonymous = groups.iter().find(|group| group.path.is_none()).unwrap();
    assert_eq!(anonymous.map_count, 2, "anonymous memory is one group");
    let maps: u32 = groups.iter().map(|group| group.map_count).sum();
    assert_eq!(maps as usize, process.memory_maps.len());
}

/// Before 2.6.25 there was no Pss, before 2.6.26 no Swap, before 2.6.22 no Referenced.
#[test]
fn lines_that_a_kernel_does_not_write_are_absent() {
    let process = parsed(OLD);
    assert_eq!(process.memory_maps.len(), 2);
    let map = &process.memory_maps[0];
    assert_eq!((map.size_bytes, map.resident_bytes), (kilobytes(72), kilobytes(64)));
    assert_eq!(
        (map.proportional_bytes, map.referenced_bytes, map.anonymous_bytes, map.swap_bytes),
        (None, None, None, None)
    );
    assert_eq!(process.memory_map_groups[0].proportional_bytes, None);

    let map = &parsed(OF_4_14).memory_maps[0];
    assert_eq!((map.proportional_bytes, map.swap_bytes), (kilobytes(5), kilobytes(7)));
    assert_eq!(map.path.as_deref(), Some(&b"/usr/bin/cat"[..]));
}

#[test]
fn only_what_is_asked_for_is_set() {
    let proc = proc_with(NEW);
    let (_, process) = read_below(proc.path(), &["memory_maps"]);
    assert_eq!((process.memory_maps.len(), process.memory_map_groups.len()), (13, 0));
    let (_, process) = read_below(proc.path(), &["memory_map_groups"]);
    assert_eq!((process.memory_maps.len(), process.memory_map_groups.len()), (0, 11));
}

#[test]
fn what_has_no_address_space_has_nothing_to_list() {
    assert_eq!(read_below(proc_with(b"").path(), &["memory_maps"]).0, Err(Errno::SRCH));
    assert_eq!(read_below(tempfile::tempdir().unwrap().path(), &["memory_maps"]).0, Err(Errno::NOENT));
}

#[test]
fn a_torn_mapping_is_counted_and_its_amounts_are_nobodys() {
    let smaps =
        b"1000-2000 r--p 0 0:0 0\nRss: 4 kB\n3000-4000 r-\nRss: 9 kB\nSwap: 9 kB\n4000-5000 r--p 0 0:0 0\nSwap: 1 kB\n";
    let process = parsed(smaps);
    let amounts: Vec<_> = process.memory_maps.iter().map(|map| (map.resident_bytes, map.swap_bytes)).collect();
    assert_eq!(amounts, [(kilobytes(4), None), (None, kilobytes(1))]);
    let error = |path: &str| FieldError {
        path: path.to_owned(),
        reason: FieldErrorReason::InvalidData.into(),
        detail: "smaps: 1 mappings could not be read".to_owned(),
    };
    assert_eq!(process.errors, [error("memory_maps"), error("memory_map_groups")]);
}

#[test]
fn a_list_that_does_not_fit_is_cut_and_its_groups_are_not() {
    let mapping = |index: u64| {
        let start = index << 12;
        format!("{start:x}-{:x} r--p 00000000 00:00 0   /file {}\nSize: 4 kB\nRss: 1 kB\n", start + 4096, index % 3)
    };
    let smaps: String = (1..=200_000).map(mapping).collect();
    let process = parsed(smaps.as_bytes());
    let groups: Vec<_> =
        process.memory_map_groups.iter().map(|group| (group.map_count, group.resident_bytes)).collect();
    assert_eq!(
        groups,
        [(66_667, kilobytes(66_667)), (66_667, kilobytes(66_667)), (66_666, kilobytes(66_666))],
        "of every mapping"
    );
    let kept = process.memory_maps.len();
    assert!((20_000..200_000).contains(&kept), "{kept}");
    let error = FieldError {
        path: "memory_maps".to_owned(),
        reason: FieldErrorReason::Truncated.into(),
        detail: format!("{kept} of 200000 mappings"),
    };
    assert_eq!(process.errors, [error]);
    assert!(process.encoded_len() < 3 * 1024 * 1024 + 1024, "{}", process.encoded_len());
}

#[test]
fn groups_that_do_not_fit_are_counted() {
    let name = "x".repeat(3000);
    let mapping = |index: u64| format!("{index:x}000-{index:x}fff r--p 00000000 00:00 0   /{name}{}\n", index % 5000);
    let smaps: String = (1..=10_000).map(mapping).collect();
    let process = parsed(smaps.as_bytes());
    let kept = process.memory_map_groups.len();
    assert!((500..5000).contains(&kept), "{kept}");
    let details: Vec<_> = process.errors.iter().map(|error| error.detail.as_str()).collect();
    assert_eq!(details, [format!("{kept} of 5000 groups"), "0 of 10000 mappings".to_owned()]);
    assert!(process.encoded_len() < 3 * 1024 * 1024 + 1024);
}

/// Vector V21 of psutil's tests; and a file that is really called so.
#[test]
fn the_mark_of_a_removed_file_is_told_from_a_name() {
    let proc = proc_with(b"");
    let root = proc.path().join("7/root");
    fs::create_dir_all(root.join("home")).unwrap();
    fs::write(root.join("home/kept (deleted)"), b"").unwrap();
    let inode = fs::metadata(root.join("home/kept (deleted)")).unwrap().ino();
    let smaps = format!(
        "1000-2000 r--p 0 0:0 {inode}   /home/foo (deleted)\n\
         2000-3000 r--p 0 0:0 {inode}   /home/kept (deleted)\n\
         3000-4000 r--p 0 0:0 1   /home/kept (deleted)\n\
         4000-5000 r--p 0 0:0 {inode}   /home/kept (deleted)\n\
         5000-6000 r--p 0 0:0 2   /home/kept\n"
    );
    fs::write(proc.path().join("7/smaps"), smaps).unwrap();
    let (result, process) = read_below(proc.path(), &["memory_maps", "memory_map_groups"]);
    result.unwrap();
    let names: Vec<_> = process.memory_maps.iter().map(|map| (map.path.as_deref().unwrap(), map.deleted)).collect();
    let kept = (&b"/home/kept (deleted)"[..], false);
    let removed = (&b"/home/kept"[..], true);
    assert_eq!(names, [(&b"/home/foo"[..], true), kept, removed, kept, (b"/home/kept", false)]);
    let groups: Vec<_> = process.memory_map_groups.iter().map(|group| (group.deleted, group.map_count)).collect();
    assert_eq!(groups, [(true, 1), (false, 2), (true, 1), (false, 1)], "a removed file and its heir are two");
}

/// The file is moved away while names are found out: what is known is not looked up again, and there are only so many look-ups.
#[test]
fn each_name_is_looked_up_once_and_only_so_many_are() {
    let proc = proc_with(b"");
    let root = proc.path().join("7/root");
    fs::create_dir_all(&root).unwrap();
    let called_so = |index: u64| {
        let file = root.join(format!("{index} (deleted)"));
        fs::write(&file, b"").unwrap();
        fs::metadata(&file).unwrap().ino()
    };
    let inodes: Vec<u64> = (0..300).map(called_so).collect();
    let line = |index: usize| {
        format!("{:x}000-{:x}fff r--p 0 0:0 {}   /{index} (deleted)\n", index + 1, index + 1, inodes[index])
    };
    let lines: Vec<String> = (0..300).map(line).collect();
    let proc_directory = fs::File::open(proc.path()).unwrap();
    let mut names = Names::new(proc_directory.as_fd(), ProcessPath::new(7), ProcessPath::new(7));
    let mut is_deleted = |index: usize| match Line::parse(lines[index].trim_end().as_bytes()) {
        Line::Header(header) => names.resolve(&header).deleted,
        _ => panic!("{}", lines[index]),
    };
    assert_eq!([0, 1].map(&mut is_deleted), [false, false]);
    for index in 0..2 {
        fs::remove_file(root.join(format!("{index} (deleted)"))).unwrap();
    }
    assert_eq!([0, 1, 0, 1].map(&mut is_deleted), [false; 4], "both are known");
    assert_eq!((2..300).filter(|index| is_deleted(*index)).collect::<Vec<_>>(), (256..300).collect::<Vec<_>>());
    assert_eq!([0, 1].map(&mut is_deleted), [false; 2], "they still are");
}

#[test]
fn newlines_in_names_come_back_and_are_told_from_their_escape() {
    let proc = proc_with(
        b"1000-2000 r--p 0 0:0 1   /a\\012b\n2000-3000 r--p 0 0:0 2   /a\\012b\n3000-4000 r--p 0 0:0 3   /a\\012b\n\
          4000-5000 r--p 0 0:0 4   /a\\012b (deleted)\n",
    );
    let links = proc.path().join("7/map_files");
    fs::create_dir(&links).unwrap();
    std::os::unix::fs::symlink("/a\\012b", links.join("2000-3000")).unwrap();
    std::os::unix::fs::symlink("/another", links.join("3000-4000")).unwrap();
    let (result, process) = read_below(proc.path(), &["memory_maps"]);
    result.unwrap();
    assert_eq!(paths(&process), ["/a\nb", "/a\\012b", "/a\nb", "/a\nb"]);
    assert!(process.memory_maps[3].deleted);
}

#[test]
fn another_program_is_noticed() {
    let mut command = std::process::Command::new("sh");
    let mut child =
        command.args(["-c", "read line; exec sleep 60"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let process = Path::new("/proc").join(child.id().to_string());
    let smaps = OwnedFd::from(fs::File::open(process.join("smaps")).unwrap());
    assert_eq!(has_begun_anew(&smaps), Ok(false));
    drop(child.stdin.take());
    while fs::read(process.join("comm")).unwrap() != b"sleep\n" {
        std::thread::yield_now();
    }
    let has_begun_anew = has_begun_anew(&smaps);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(has_begun_anew, Ok(true));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..NEW.len()) {
        let torn = [&NEW[..cut], b"\n", bytes.as_slice()].concat();
        for smaps in [&bytes, &torn] {
            let _ = read_below(proc_with(smaps).path(), &["memory_maps", "memory_map_groups"]);
        }
    }
}
