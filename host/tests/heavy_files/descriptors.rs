//! Descriptors of every kind.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _},
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _, net::UnixStream},
    },
    path::Path,
    process::Command,
};

use procwire_proto::v1::{FieldErrorReason, OpenFile, OpenFileKind};
use rustix::{
    event::{EventfdFlags, epoll},
    fs::{MemfdFlags, Mode, OFlags, inotify},
    process::{Pid, PidfdFlags, Resource, Rlimit},
    time::{TimerfdClockId, TimerfdFlags},
};

use super::{Victim, is_root, kernel_thread, read, reason_of, zombie};

fn files_of(pid: u32) -> Vec<OpenFile> {
    let process = read(pid, &["open_files"]);
    assert_eq!(process.errors, []);
    assert!(process.open_files.is_sorted_by(|left, right| left.fd < right.fd));
    process.open_files
}

/// What is said of a descriptor of this process.
fn own(descriptor: RawFd) -> OpenFile {
    files_of(std::process::id()).into_iter().find(|file| file.fd == descriptor.cast_unsigned()).unwrap()
}

fn path_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn directory() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    (directory, path)
}

#[test]
fn a_regular_file_is_told_with_position_flags_and_size() {
    let (_directory, path) = directory();
    let path = path.join("file");
    fs::write(&path, b"some content").unwrap();
    let mut file = OpenOptions::new().read(true).append(true).open(&path).unwrap();
    file.seek(std::io::SeekFrom::Start(5)).unwrap();
    let metadata = file.metadata().unwrap();
    let said = own(file.as_raw_fd());
    assert_eq!((said.kind(), said.path, said.deleted), (OpenFileKind::Regular, path_of(&path), false));
    assert_eq!((said.position_bytes, said.size_bytes, said.inode), (Some(5), Some(12), Some(metadata.ino())));
    let device = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    assert_eq!((said.device_major, said.device_minor), (Some(device.0), Some(device.1)));
    let flags = OFlags::from_bits_retain(said.flags.unwrap());
    assert!(flags.contains(OFlags::RDWR | OFlags::APPEND | OFlags::CLOEXEC), "{flags:?}");
    assert_eq!(said.target_pid, None);
}

#[test]
fn a_removed_file_keeps_its_path_and_a_name_that_looks_so_is_none() {
    let (_directory, path) = directory();
    for name in ["plain", "odd (deleted)", "two\nlines"] {
        let path = path.join(name);
        let file = File::create(&path).unwrap();
        let said = own(file.as_raw_fd());
        assert_eq!((said.path, said.deleted), (path_of(&path), false));
        // A second name keeps the file on its disk; under this one it is gone.
        let second = path.with_extension("second");
        fs::hard_link(&path, &second).unwrap();
        fs::remove_file(&path).unwrap();
        let said = own(file.as_raw_fd());
        assert_eq!((said.path, said.deleted), (path_of(&path), true));
        fs::remove_file(&second).unwrap();
        let said = own(file.as_raw_fd());
        assert_eq!((said.path, said.deleted, said.size_bytes), (path_of(&path), true, Some(0)));
    }
}

#[test]
fn directories_devices_and_fifos_are_told_apart() {
    let (_directory, path) = directory();
    let listing = File::open(&path).unwrap();
    assert_eq!(
        (own(listing.as_raw_fd()).kind(), own(listing.as_raw_fd()).path),
        (OpenFileKind::Directory, path_of(&path))
    );
    fs::create_dir(path.join("gone")).unwrap();
    let gone = File::open(path.join("gone")).unwrap();
    fs::remove_dir(path.join("gone")).unwrap();
    assert_eq!((own(gone.as_raw_fd()).kind(), own(gone.as_raw_fd()).deleted), (OpenFileKind::Directory, true));

    let null = File::open("/dev/null").unwrap();
    let said = own(null.as_raw_fd());
    assert_eq!((said.kind(), said.path, said.size_bytes), (OpenFileKind::Device, b"/dev/null".to_vec(), None));

    let fifo = path.join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    let end = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let said = own(end.as_raw_fd());
    assert_eq!((said.kind(), said.path), (OpenFileKind::Pipe, path_of(&fifo)));
    assert!(said.inode.is_some());

    std::os::unix::fs::symlink("nowhere", path.join("link")).unwrap();
    let link = rustix::fs::open(path.join("link"), OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()).unwrap();
    let said = own(link.as_raw_fd());
    assert_eq!((said.kind(), said.path), (OpenFileKind::Unspecified, path_of(&path.join("link"))));
}

#[test]
fn what_lies_in_no_directory_is_told_by_its_kind() {
    let (pipe, _other_end) = std::io::pipe().unwrap();
    let inode = rustix::fs::fstat(&pipe).unwrap().st_ino;
    let said = own(pipe.as_raw_fd());
    assert_eq!((said.kind(), said.inode), (OpenFileKind::Pipe, Some(inode)));
    assert_eq!(said.path, format!("pipe:[{inode}]").into_bytes());

    let (socket, _peer) = UnixStream::pair().unwrap();
    let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
    let said = own(socket.as_raw_fd());
    assert_eq!((said.kind(), said.inode, said.deleted), (OpenFileKind::Socket, Some(inode), false));

    let memory = rustix::fs::memfd_create("a name (deleted)", MemfdFlags::CLOEXEC).unwrap();
    let said = own(memory.as_raw_fd());
    assert_eq!((said.kind(), said.path), (OpenFileKind::Memfd, b"/memfd:a name (deleted)".to_vec()));
    assert_eq!((said.deleted, said.size_bytes), (true, Some(0)));

    let events = rustix::event::eventfd(3, EventfdFlags::CLOEXEC).unwrap();
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).unwrap();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    let expected: [(&OwnedFd, _, &[u8]); 4] = [
        (&events, OpenFileKind::Eventfd, b"anon_inode:[eventfd]"),
        (&poll, OpenFileKind::Epoll, b"anon_inode:[eventpoll]"),
        (&timer, OpenFileKind::Timerfd, b"anon_inode:[timerfd]"),
        (&watch, OpenFileKind::Notify, b"anon_inode:inotify"),
    ];
    for (descriptor, kind, path) in expected {
        let said = own(descriptor.as_raw_fd());
        assert_eq!((said.kind(), &*said.path, said.deleted), (kind, path, false));
        assert!(said.flags.is_some() && said.position_bytes.is_some());
    }

    let namespace = File::open("/proc/self/ns/net").unwrap();
    let said = own(namespace.as_raw_fd());
    assert_eq!((said.kind(), said.inode), (OpenFileKind::AnonymousInode, Some(namespace.metadata().unwrap().ino())));
}

#[test]
fn a_pidfd_names_its_process_until_that_is_gone() {
    let mut child = Victim::sleeping(Command::new("sleep").arg("60"));
    let descriptor = rustix::process::pidfd_open(Pid::from_child(&child.0), PidfdFlags::empty()).unwrap();
    let said = own(descriptor.as_raw_fd());
    assert_eq!((said.kind(), said.target_pid), (OpenFileKind::Pidfd, Some(child.pid())));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let said = own(descriptor.as_raw_fd());
    assert_eq!((said.kind(), said.target_pid), (OpenFileKind::Pidfd, None));
}

/// Paths that are longer than the kernel tells do not hide the descriptor.
#[test]
fn a_path_that_is_too_long_to_be_told_leaves_the_rest() {
    let (_directory, path) = directory();
    let name = "d".repeat(250);
    let mut place = File::open(&path).unwrap();
    for _ in 0..20 {
        rustix::fs::mkdirat(&place, &name, Mode::RWXU).unwrap();
        place = File::from(rustix::fs::openat(&place, &name, OFlags::RDONLY, Mode::empty()).unwrap());
    }
    let file = File::from(rustix::fs::openat(&place, "file", OFlags::CREATE | OFlags::RDWR, Mode::RWXU).unwrap());
    let said = own(file.as_raw_fd());
    assert_eq!((said.kind(), said.path.len()), (OpenFileKind::Regular, 0));
    assert_eq!((said.size_bytes, said.position_bytes, said.deleted), (Some(0), Some(0), false));
}

#[test]
fn ten_thousand_descriptors_are_all_told() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let count = limit.maximum.map_or(10_000, |most| most.saturating_sub(500).min(10_000)) / 4;
    let (_directory, path) = directory();
    let mut held: Vec<(OwnedFd, OpenFileKind)> = Vec::new();
    for index in 0..count {
        held.push((File::create(path.join(index.to_string())).unwrap().into(), OpenFileKind::Regular));
        held.push((rustix::event::eventfd(0, EventfdFlags::empty()).unwrap(), OpenFileKind::Eventfd));
        held.push((File::open("/dev/null").unwrap().into(), OpenFileKind::Device));
        held.push((rustix::fs::memfd_create("m", MemfdFlags::empty()).unwrap(), OpenFileKind::Memfd));
    }
    let process = read(std::process::id(), &["open_files", "fd_count"]);
    assert_eq!(process.errors, []);
    assert!(process.fd_count.unwrap() as usize >= held.len());
    let files = process.open_files;
    for (descriptor, kind) in &held {
        let place = files.binary_search_by_key(&descriptor.as_raw_fd().cast_unsigned(), |file| file.fd).unwrap();
        assert_eq!(files[place].kind(), *kind);
    }
}

#[test]
fn another_process_is_read_as_this_one() {
    let (_directory, path) = directory();
    let path = path.join("input");
    fs::write(&path, b"12345").unwrap();
    let mut input = File::open(&path).unwrap();
    input.read_exact(&mut [0; 3]).unwrap();
    let child = Command::new("sleep").arg("60").stdin(input).stdout(File::open("/dev/null").unwrap()).spawn().unwrap();
    let victim = Victim(child);
    // Until it runs its program it also holds what this process opened.
    while victim.file("comm") != "sleep\n" {
        std::thread::yield_now();
    }
    let files = files_of(victim.pid());
    assert_eq!((files[0].fd, files[0].kind(), files[0].position_bytes), (0, OpenFileKind::Regular, Some(3)));
    assert_eq!(files[0].path, path_of(&path));
    assert_eq!((files[1].fd, files[1].kind()), (1, OpenFileKind::Device));
}

#[test]
fn what_has_no_descriptors_has_an_empty_list() {
    if !is_root() {
        let process = read(1, &["open_files"]);
        assert_eq!(reason_of(&process, "open_files"), Some(FieldErrorReason::PermissionDenied));
        return;
    }
    assert_eq!(files_of(zombie().pid()), []);
    if let Some(pid) = kernel_thread() {
        assert_eq!(files_of(pid), []);
    }
}
