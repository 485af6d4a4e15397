//! What a descriptor is, from its link and from the mode of what it leads to.

use procwire_proto::v1::OpenFileKind;
use rustix::fs::FileType;

use crate::{process::removed, procfs::number};

/// What the link of something that lies in no directory says. Paths begin with a slash, so none can be taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: OpenFileKind,
    pub(super) inode: Option<u64>,
}

impl Target {
    /// `None`: a path, or nothing that is known.
    pub(super) fn of_name(link: &[u8]) -> Option<Self> {
        let colon = link.iter().position(|byte| *byte == b':').filter(|_| !link.starts_with(b"/"))?;
        let (class, rest) = link.split_at(colon);
        let name = rest.get(1..).unwrap_or_default();
        let inode = name.strip_prefix(b"[").and_then(number);
        let kind = match class {
            b"socket" => OpenFileKind::Socket,
            b"pipe" => OpenFileKind::Pipe,
            b"pidfd" => OpenFileKind::Pidfd,
            b"anon_inode" => of_anonymous_inode(name),
            // Namespaces: "net:[4026531833]".
            _ if inode.is_some() => OpenFileKind::AnonymousInode,
            _ => return None,
        };
        Some(Self { kind, inode })
    }
}

/// The name that a subsystem of the kernel gave to `anon_inode_getfile`, some with brackets.
fn of_anonymous_inode(name: &[u8]) -> OpenFileKind {
    match name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name) {
        b"eventfd" => OpenFileKind::Eventfd,
        b"eventpoll" => OpenFileKind::Epoll,
        b"timerfd" => OpenFileKind::Timerfd,
        b"signalfd" => OpenFileKind::Signalfd,
        b"inotify" | b"fanotify" => OpenFileKind::Notify,
        b"io_uring" => OpenFileKind::IoUring,
        b"pidfd" => OpenFileKind::Pidfd,
        // bpf-prog, bpf-map, bpf_link, bpf_iter, bpf-token; type information.
        name if name.starts_with(b"bpf") || name == b"btf" => OpenFileKind::Bpf,
        _ => OpenFileKind::AnonymousInode,
    }
}

/// The kind of a file that lies in a directory.
pub(super) fn of_mode(mode: u32) -> OpenFileKind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => OpenFileKind::Regular,
        FileType::Directory => OpenFileKind::Directory,
        FileType::CharacterDevice | FileType::BlockDevice => OpenFileKind::Device,
        FileType::Fifo => OpenFileKind::Pipe,
        FileType::Socket => OpenFileKind::Socket,
        // A symbolic link, opened with O_PATH.
        _ => OpenFileKind::Unspecified,
    }
}

pub(super) fn is_regular(mode: u32) -> bool {
    FileType::from_raw_mode(mode) == FileType::RegularFile
}

/// True for what memfd_create(2) made: it is called so, and has never been in a directory (mm/memfd.c).
pub(super) fn is_memfd(link: &[u8], file: &removed::File) -> bool {
    link.starts_with(b"/memfd:") && removed::is_marked(link) && is_regular(file.mode) && file.links == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_no_directory_says_what_it_is() {
        let expected = [
            ("socket:[2062554]", OpenFileKind::Socket, Some(2_062_554)),
            ("pipe:[7]", OpenFileKind::Pipe, Some(7)),
            ("anon_inode:[eventfd]", OpenFileKind::Eventfd, None),
            ("anon_inode:[eventpoll]", OpenFileKind::Epoll, None),
            ("anon_inode:[timerfd]", OpenFileKind::Timerfd, None),
            ("anon_inode:[signalfd]", OpenFileKind::Signalfd, None),
            ("anon_inode:inotify", OpenFileKind::Notify, None),
            ("anon_inode:[fanotify]", OpenFileKind::Notify, None),
            ("anon_inode:[io_uring]", OpenFileKind::IoUring, None),
            ("anon_inode:[pidfd]", OpenFileKind::Pidfd, None),
            ("pidfd:[560215]", OpenFileKind::Pidfd, Some(560_215)),
            ("anon_inode:bpf-map", OpenFileKind::Bpf, None),
            ("anon_inode:bpf_link", OpenFileKind::Bpf, None),
            ("anon_inode:btf", OpenFileKind::Bpf, None),
            ("anon_inode:[perf_event]", OpenFileKind::AnonymousInode, None),
            ("anon_inode:", OpenFileKind::AnonymousInode, None),
            ("net:[4026531833]", OpenFileKind::AnonymousInode, Some(4_026_531_833)),
        ];
        for (link, kind, inode) in expected {
            assert_eq!(Target::of_name(link.as_bytes()), Some(Target { kind, inode }), "{link}");
        }
    }

    #[test]
    fn paths_and_strange_links_are_looked_at() {
        for link in ["/socket:[1]", "/a:b", "", "socket", "strange:name", "(unreachable)/x"] {
            assert_eq!(Target::of_name(link.as_bytes()), None, "{link}");
        }
    }

    #[test]
    fn a_file_that_is_called_like_one_in_memory_is_none() {
        let file = removed::File { mode: 0o100_600, ..removed::File::default() };
        assert!(is_memfd(b"/memfd:x (deleted)", &file));
        assert!(!is_memfd(b"/memfd:x (deleted)", &removed::File { links: 1, ..file }));
        assert!(!is_memfd(b"/memfd:x", &file));
        assert!(!is_memfd(b"/tmp/memfd:x (deleted)", &file));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, mode: u32) {
            Target::of_name(&bytes);
            of_mode(mode);
        }
    }
}
