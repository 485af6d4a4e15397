#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use procwire_proto::{
    FieldMask, ProcessFieldSet,
    v1::{
        Capabilities, EnvironmentVariable, ExitStatus, FieldError, FieldErrorReason, OpenFile, OpenFileKind,
        ProcessCgroup, ProcessIo, ProcessMemory, ProcessState, ProcessThread, UserIds,
    },
};

use super::*;
use crate::render::process::layout::tests::{clock, process};

fn page_of(process: &Process, relatives: &Relatives, is_whole: bool, width: Option<u16>) -> String {
    let clock = clock();
    let detail = Detail { clock: &clock, relatives, is_whole };
    let mut out = Vec::new();
    write_page(&mut out, process, &detail, width).unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

fn page(process: &Process) -> String {
    page_of(process, &Relatives::default(), false, Some(80))
}

/// The page without its line breaks.
fn one_line(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn reference(pid: u32) -> ProcessRef {
    ProcessRef { pid, start_ticks: 100, ..ProcessRef::default() }
}

fn relative(pid: u32, ppid: u32, name: &[u8]) -> Process {
    Process { r#ref: Some(reference(pid)), ppid: Some(ppid), ..process(pid, name, &[]) }
}

fn full() -> Process {
    let file =
        |fd| OpenFile { fd, kind: OpenFileKind::Regular.into(), path: b"/tmp/\x1bx".to_vec(), ..OpenFile::default() };
    let thread = |thread_id| ProcessThread { thread_id, name: Some(b"worker)".to_vec()), ..ProcessThread::default() };
    let variable = |value: Option<&[u8]>| EnvironmentVariable {
        name: b"NAME".to_vec(),
        value: value.map(<[u8]>::to_vec),
        redacted: value.is_none(),
    };
    Process {
        r#ref: Some(reference(4242)),
        exe: Some(b"/usr/bin/\x1b[2Jserver".to_vec()),
        exe_deleted: Some(true),
        root: Some(b"/".to_vec()),
        ancestors: vec![reference(812), reference(1)],
        uids: Some(UserIds { real: 1000, effective: 0, saved: 1000, filesystem: 0 }),
        capabilities: Some(Capabilities { effective: Some(1 << 10), ..Capabilities::default() }.into()),
        memory: Some(ProcessMemory { resident_bytes: Some(12_582_912), ..ProcessMemory::default() }),
        io: Some(ProcessIo { read_bytes: Some(0), ..ProcessIo::default() }),
        cgroup: Some(ProcessCgroup { unit: Some(b"web.service".to_vec()), ..ProcessCgroup::default() }.into()),
        open_files: (0..45).map(file).collect(),
        threads: vec![thread(4242), thread(4243)],
        environ: vec![variable(Some(b"va\nlue")), variable(None)],
        ..process(4242, b"server", &[b"server", b"--name", "日本語".as_bytes()])
    }
}

#[test]
fn a_page_says_what_a_process_is_first_and_cuts_long_lists() {
    let children = (0..8).map(|number| relative(5000 + number, 4242, b"worker"));
    let relatives = Relatives::of(
        &full(),
        [relative(1, 0, b"systemd"), relative(812, 1, b"ss\x1bhd"), relative(9, 1, b"stranger")]
            .into_iter()
            .chain(children)
            .collect(),
    );
    let page = page_of(&full(), &relatives, false, Some(80));
    for wanted in [
        "server (4242)\n",
        "  state      sleeping (S)\n",
        "  command    server --name 日本語\n",
        "  program    /usr/bin/\\x1b[2Jserver (deleted)\n",
        "  ancestors  1 systemd > 812 ss\\x1bhd\n",
        "  children   5000 worker, 5001 worker, ",
        "  reference  4242@100\n",
        "  user          alice (real 1000, effective 0, saved 1000, file system 0)\n",
        "  capabilities  net_bind_service\n",
        "  unit  web.service\n",
        "Open files (45)\n",
        "  ... and 39 more (--all)\n",
        "Threads (2)\n",
        "Environment (2)\n  NAME  va\\nlue\n  NAME  (REDACTED)\n",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
    }
    assert!(!page.contains("stranger") && !page.contains("root  "), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    assert!(one_line(&page).contains("5005 worker ... and 2 more (--all) "), "{page}");

    let whole = page_of(&full(), &relatives, true, Some(80));
    assert!(!whole.contains("--all") && whole.contains("5007 worker"), "{whole}");
}

#[test]
fn what_is_absent_is_told_once_with_its_reason() {
    let error = |path: &str, reason: FieldErrorReason| FieldError {
        path: path.to_owned(),
        reason: reason.into(),
        detail: "x".to_owned(),
    };
    let zombie = Process {
        state: Some(ProcessState::Zombie.into()),
        exit_status: Some(ExitStatus::from_wait_status(1792).into()),
        errors: vec![
            error("exe", FieldErrorReason::Zombie),
            error("cwd", FieldErrorReason::Zombie),
            error("io", FieldErrorReason::PermissionDenied),
        ],
        ..process(7, b"dead", &[])
    };
    let page = page(&zombie);
    assert!(page.contains("  state    zombie (Z): exit code 7\n"), "{page}");
    assert!(page.ends_with("Not readable\n  permission denied  io\n  zombie             exe, cwd\n"), "{page}");
    for field in ["program", "directory"] {
        assert!(!page.contains(field), "{page}");
    }
}

#[test]
fn a_row_of_nothing_is_a_title() {
    assert_eq!(page(&Process { pid: 9, ..Process::default() }), "process 9\n  pid  9\n");
}

#[test]
fn every_field_has_its_place() {
    let claimed: BTreeSet<&str> = SHOWN_IN_WORDS.iter().flat_map(|fields| fields.iter().copied()).collect();
    let fields = ProcessFieldSet::matching(|_| true);
    for field in fields.iter() {
        let top = field.path.split('.').next().unwrap();
        assert!(claimed.contains(top), "{top} is in no section");
    }
    for name in claimed.iter().filter(|name| **name != "errors") {
        let mask = FieldMask { paths: vec![(*name).to_owned()] };
        assert!(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).is_ok(), "{name} is no field");
    }
}

#[test]
fn a_very_long_command_is_cut_unless_everything_was_asked_for() {
    let long = process(7, b"java", &[b"java".as_slice(), &[b'x'; 5000]]);
    assert!(one_line(&page(&long)).contains("x… and 4005 more characters (--all) "), "{}", page(&long));
    assert!(page_of(&long, &Relatives::default(), true, None).contains(&"x".repeat(5000)));
}
