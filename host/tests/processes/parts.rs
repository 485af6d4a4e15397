//! A row that is read in two steps, as a list with a filter reads it, is the row that one step reads.

use std::{fs, os::unix::fs::symlink};

use procwire_host::{EnvironDisclosure, ProcessPlan, ProcessReader};
use procwire_proto::{FieldMask, FieldTable as _, ProcessFieldSet, v1::Process};

use super::fixture;

const STAT: &[u8] = b"7 (a-name-that-is-) S 1 7 7 0 -1 4194304 901 1207 3 4 7 5 11 13 20 -5 2 0 150 4415488 661 18446744073709551615 94310 94311 140 0 0 0 65536 3686404 1266761467 0 0 0 17 1 0 0 9 0 0 0 0 0 0 0 0 0 0\n";
const STATUS: &[u8] = b"Name:\ta\nTgid:\t7\nTracerPid:\t5\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10\nNStgid:\t7\nNSpid:\t7\nVmPeak:\t9 kB\nVmLck:\t1 kB\nVmHWM:\t2 kB\nRssAnon:\t3 kB\nRssFile:\t4 kB\nRssShmem:\t5 kB\nVmPTE:\t6 kB\nVmSwap:\t7 kB\nHugetlbPages:\t8 kB\nShdPnd:\t1\nSigBlk:\t2\nSigIgn:\t3\nSigCgt:\t4\nCapInh:\t1\nCapPrm:\t2\nCapEff:\t3\nCapBnd:\t4\nCapAmb:\t5\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t13\n";
const SMAPS: &[u8] = b"00400000-00401000 r-xp 00000000 08:01 9 /bin/a\nSize: 4 kB\nRss: 4 kB\nPss: 2 kB\nShared_Clean: 4 kB\nShared_Dirty: 0 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: 0 kB\nReferenced: 4 kB\nAnonymous: 0 kB\nSwap: 0 kB\nSwapPss: 0 kB\nVmFlags: rd ex\n";

/// A process of which every file is there.
fn whole() -> (tempfile::TempDir, ProcessReader) {
    let (root, reader) = fixture(&[
        ("stat", STAT),
        ("statm", b"10 5 4 3 0 2 0\n"),
        ("status", STATUS),
        ("cmdline", b"/bin/a-name-that-is-long\0--token=x\0"),
        ("environ", b"A=1\0TOKEN=x\0"),
        ("io", b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n"),
        ("limits", b"Max open files            20000                30000                files     \n"),
        ("cgroup", b"0::/system.slice/a.service\n"),
        ("oom_score", b"666\n"),
        ("oom_score_adj", b"-5\n"),
        ("loginuid", b"1000\n"),
        ("smaps", SMAPS),
        ("smaps_rollup", SMAPS),
    ]);
    let directory = root.path().join("7");
    for name in ["attr", "ns", "fd", "fdinfo", "task"] {
        fs::create_dir(directory.join(name)).unwrap();
    }
    fs::write(directory.join("attr/current"), "unconfined\n").unwrap();
    symlink("net:[4026531840]", directory.join("ns/net")).unwrap();
    for (link, target) in [("exe", "/bin/a (deleted)"), ("cwd", "/"), ("root", "/"), ("fd/0", "/dev/null")] {
        symlink(target, directory.join(link)).unwrap();
    }
    fs::write(directory.join("fdinfo/0"), "pos:\t5\nflags:\t0100002\n").unwrap();
    for thread in ["7", "8"] {
        let thread = directory.join("task").join(thread);
        fs::create_dir(&thread).unwrap();
        fs::write(thread.join("stat"), STAT).unwrap();
        fs::write(thread.join("status"), STATUS).unwrap();
    }
    fs::create_dir(root.path().join("1")).unwrap();
    fs::write(root.path().join("1/stat"), b"1 (init) S 0 1 1 0 -1 0 0 0 0 0 2 3 0 0 20 5 1 0 3 4096 1\n").unwrap();
    fs::write(root.path().join("meminfo"), "MemTotal:         800 kB\n").unwrap();
    (root, reader)
}

fn plan(fields: ProcessFieldSet, scrub: bool) -> ProcessPlan {
    ProcessPlan::new(fields).scrub_cmdline(scrub).disclose_environ(EnvironDisclosure::Masked)
}

/// The order in which errors are said does not matter.
fn sorted(mut process: Process) -> Process {
    process.errors.sort_by(|left, right| left.path.cmp(&right.path).then(left.reason.cmp(&right.reason)));
    process
}

fn set(fields: impl Iterator<Item = &'static str>) -> ProcessFieldSet {
    let mask = FieldMask { paths: fields.map(str::to_owned).collect() };
    ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap()
}

#[test]
fn the_process_of_this_test_has_something_in_every_field() {
    let (_root, mut reader) = whole();
    let all = set(Process::FIELDS.iter().map(|field| field.path).filter(|path| *path != "sockets"));
    let process = reader.read_listed(7, &plan(all, false)).unwrap().unwrap();
    let told: Vec<_> = process.errors.iter().map(|error| error.path.as_str()).collect();
    let without_answer = ["cpu_affinity", "io_priority", "environ"];
    assert!(told.iter().all(|path| without_answer.contains(path) || path.starts_with("namespaces.")), "{told:?}");
    assert_eq!((process.ancestors.len(), process.memory_maps.len(), process.threads.len()), (1, 1, 2));
    assert_eq!((process.exe_deleted, process.leader_exited, process.fd_count), (Some(true), Some(false), Some(1)));
    assert_eq!(process.name.as_deref(), Some(&b"a-name-that-is-long"[..]));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whole fields, not their parts: of a part the path of an error depends on what was asked with it.
    #[test]
    fn two_steps_make_the_row_of_one(mask: u128, scrub: bool) {
        let (_root, mut reader) = whole();
        let mut roots: Vec<&'static str> = Process::FIELDS.iter().map(|field| field.path.split('.').next().unwrap()).collect();
        roots.dedup();
        roots.retain(|root| *root != "sockets");
        let is_first = |index: usize| mask >> index & 1 == 0;
        let pick = |first| set(roots.iter().enumerate().filter(|(index, _)| is_first(*index) == first).map(|(_, root)| *root));
        let (first, second) = (pick(true), pick(false));
        let once = reader.read_listed(7, &plan(first.union(second), scrub)).unwrap().unwrap();
        let row = reader.read_listed(7, &plan(first, scrub)).unwrap().unwrap();
        let twice = reader.read_more(row, &plan(second, scrub)).unwrap().unwrap();
        proptest::prop_assert_eq!(sorted(twice), sorted(once));
    }
}
