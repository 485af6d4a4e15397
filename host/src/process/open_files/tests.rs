#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{fs, os::unix::fs::symlink, path::Path};

use procwire_proto::{
    FieldMask, ProcessFieldSet,
    v1::{FieldError, Process},
};

use super::*;
use crate::{Host, Machine, Roots, process::plan::ProcessPlan, procfs::Buffer};

/// What is read of process 7 of this procfs.
fn read_below(proc: &Path) -> (Result<(), Errno>, Process) {
    let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: bytes::Bytes::new() };
    let host = Host::with_machine(Roots { proc: proc.into(), ..Roots::default() }, machine).unwrap();
    let mask = FieldMask { paths: vec!["open_files".to_owned()] };
    let plan = ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap());
    let mut draft = Draft::new(Process::default(), &plan);
    let mut access = Access { host: &host, buffer: &mut Buffer::new(), pid: 7, thread: None };
    let result = read(&mut access, &mut draft);
    (result, draft.process)
}

fn empty_process() -> tempfile::TempDir {
    let proc = tempfile::tempdir().unwrap();
    fs::create_dir_all(proc.path().join("7/fd")).unwrap();
    fs::create_dir_all(proc.path().join("7/fdinfo")).unwrap();
    proc
}

fn add(proc: &Path, fd: u32, link: &str, info: &str) {
    symlink(link, proc.join(format!("7/fd/{fd}"))).unwrap();
    fs::write(proc.join(format!("7/fdinfo/{fd}")), info).unwrap();
}

#[test]
fn what_needs_no_look_is_told_by_link_and_info_alone() {
    let proc = empty_process();
    add(proc.path(), 3, "socket:[4711]", "pos:\t0\nflags:\t02004002\nmnt_id:\t9\nino:\t4711\n");
    add(proc.path(), 4, "anon_inode:[pidfd]", "pos:\t0\nflags:\t02000002\nino:\t99\nPid:\t42\n");
    add(proc.path(), 5, "anon_inode:bpf-prog", "pos:\t0\nflags:\t02000002\nPid:\t42\n");
    let (result, mut process) = read_below(proc.path());
    result.unwrap();
    assert_eq!(process.errors, []);
    process.open_files.sort_by_key(|file| file.fd);
    let socket = OpenFile {
        fd: 3,
        kind: OpenFileKind::Socket.into(),
        path: b"socket:[4711]".to_vec(),
        position_bytes: Some(0),
        flags: Some(0o2_004_002),
        inode: Some(4711),
        ..OpenFile::default()
    };
    assert_eq!(process.open_files[0], socket);
    let told = |place: usize| {
        let file = &process.open_files[place];
        (file.kind(), file.inode, file.target_pid)
    };
    assert_eq!(told(1), (OpenFileKind::Pidfd, Some(99), Some(42)));
    assert_eq!(told(2), (OpenFileKind::Bpf, None, None), "only of a pidfd");
}

/// Vector V32 of psutil's tests, but a descriptor whose link cannot be read is still open, and told.
#[test]
fn descriptors_that_were_closed_are_left_out_and_those_without_a_path_are_not() {
    let proc = empty_process();
    // A link to nothing: the kernel says so of a descriptor that was closed after its link was read.
    add(proc.path(), 3, "/no/such/file", "pos:\t0\n");
    // Closed before its info was read.
    symlink("socket:[1]", proc.path().join("7/fd/4")).unwrap();
    // EINVAL: no link.
    fs::write(proc.path().join("7/fd/5"), b"12345").unwrap();
    fs::write(proc.path().join("7/fdinfo/5"), "pos:\t7\nflags:\t00\n").unwrap();
    let (result, process) = read_below(proc.path());
    result.unwrap();
    let told: Vec<_> = process.open_files.iter().map(|file| (file.fd, file.kind(), &*file.path)).collect();
    assert_eq!(told, [(5, OpenFileKind::Regular, &b""[..])]);
    assert_eq!((process.open_files[0].size_bytes, process.open_files[0].position_bytes), (Some(5), Some(7)));
    assert_eq!(process.errors, []);
}

#[test]
fn without_infos_the_rest_is_told_and_the_reason() {
    let proc = empty_process();
    add(proc.path(), 3, "socket:[1]", "");
    add(proc.path(), 4, "pipe:[2]", "");
    fs::remove_dir_all(proc.path().join("7/fdinfo")).unwrap();
    let (result, process) = read_below(proc.path());
    result.unwrap();
    assert_eq!(process.open_files.len(), 2);
    assert!(process.open_files.iter().all(|file| file.flags.is_none() && file.position_bytes.is_none()));
    let error = FieldError {
        path: "open_files".to_owned(),
        reason: FieldErrorReason::ReadFailed.into(),
        detail: "no positions and flags: fdinfo: No such file or directory (os error 2)".to_owned(),
    };
    assert_eq!(process.errors, [error]);
}

#[test]
fn a_list_that_does_not_fit_is_cut() {
    let proc = empty_process();
    let link = format!("anon_inode:{}", "x".repeat(3000));
    for fd in 0..1500 {
        symlink(&link, proc.path().join(format!("7/fd/{fd}"))).unwrap();
        fs::write(proc.path().join(format!("7/fdinfo/{fd}")), "").unwrap();
    }
    let (result, process) = read_below(proc.path());
    result.unwrap();
    let kept = process.open_files.len();
    assert!(kept < 1500);
    assert_eq!(process.errors[0].detail, format!("{kept} of 1500 descriptors"));
    assert_eq!(process.errors[0].reason(), FieldErrorReason::Truncated);
    assert!(process.encoded_len() < 3 * 1024 * 1024 + 1024);
}

#[test]
fn a_process_that_is_gone_is_an_error() {
    assert_eq!(read_below(tempfile::tempdir().unwrap().path()).0, Err(Errno::NOENT));
}
