//! `/proc/PID/ns/*`: the namespaces a process is in (namespaces(7)).

use procwire_proto::v1::ProcessNamespaces;
use rustix::io::Errno;

use super::{access::Access, draft::Draft, plan::ProcessFile};
use crate::procfs::number;

/// A namespace: its part of the field, its link, what the link says before the inode, and where that goes.
struct Kind {
    part: &'static str,
    link: &'static str,
    prefix: &'static [u8],
    place: fn(&mut ProcessNamespaces) -> &mut Option<u64>,
}

const KINDS: [Kind; 8] = [
    Kind { part: "namespaces.cgroup", link: "ns/cgroup", prefix: b"cgroup:[", place: |found| &mut found.cgroup },
    Kind { part: "namespaces.ipc", link: "ns/ipc", prefix: b"ipc:[", place: |found| &mut found.ipc },
    Kind { part: "namespaces.mount", link: "ns/mnt", prefix: b"mnt:[", place: |found| &mut found.mount },
    Kind { part: "namespaces.network", link: "ns/net", prefix: b"net:[", place: |found| &mut found.network },
    Kind { part: "namespaces.pid", link: "ns/pid", prefix: b"pid:[", place: |found| &mut found.pid },
    Kind { part: "namespaces.time", link: "ns/time", prefix: b"time:[", place: |found| &mut found.time },
    Kind { part: "namespaces.user", link: "ns/user", prefix: b"user:[", place: |found| &mut found.user },
    Kind { part: "namespaces.uts", link: "ns/uts", prefix: b"uts:[", place: |found| &mut found.uts },
];

/// Reads the namespaces into the row. A zombie keeps some of them, an old kernel lacks some: each link speaks for itself.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let mut found = ProcessNamespaces::default();
    let mut failed = Vec::new();
    let mut target = Vec::with_capacity(64);
    for kind in &KINDS {
        match rustix::fs::readlinkat(access.proc(), access.path().file(kind.link), target) {
            Ok(link) => {
                let inode = inode(link.as_bytes(), kind.prefix);
                *(kind.place)(&mut found) = inode;
                if inode.is_none() {
                    failed.push((kind, Errno::BADMSG));
                }
                target = link.into_bytes();
            }
            Err(errno) => {
                failed.push((kind, errno));
                target = Vec::new();
            }
        }
    }
    if failed.len() == KINDS.len()
        && let Some((_, errno)) = failed.first()
    {
        return Err(*errno);
    }
    for (kind, errno) in failed {
        draft.part_failed(ProcessFile::Namespaces, kind.part, kind.link, errno);
    }
    draft.process.namespaces = Some(Box::new(found));
    Ok(())
}

/// The number in `net:[4026531840]`.
fn inode(link: &[u8], prefix: &[u8]) -> Option<u64> {
    let digits = link.strip_prefix(prefix)?.strip_suffix(b"]")?;
    number(digits).filter(|_| digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inode_is_between_the_brackets() {
        assert_eq!(inode(b"net:[4026531840]", b"net:["), Some(4_026_531_840));
        for odd in [&b""[..], b"net:[", b"net:[]", b"net:[1", b"mnt:[1]", b"net:[1x]", b"net:[99999999999999999999]"] {
            assert_eq!(inode(odd, b"net:["), None);
        }
    }
}
