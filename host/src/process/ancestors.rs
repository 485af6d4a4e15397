//! The parent of a process, its parent, and so on.

use bytes::Bytes;
use procwire_proto::v1::{FieldErrorReason, ProcessRef};
use rustix::io::Errno;

use super::{access::Access, draft::Draft, stat::Stat};
use crate::procfs::ProcessPath;

/// Longer chains are cut: what a user may pile up must not make every row of a table as costly as the table.
const MOST: usize = 256;

/// How often a process is asked again for its parent when the one it named is not there any more.
const TRIES: usize = 3;

/// One process of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    pid: u32,
    parent: u32,
    start_ticks: u64,
}

/// Reads the chain into the row, the parent first. It ends at pid 1, and at what is outside the pid namespace.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let boot_id = access.host.machine().boot_id.clone();
    let (chain, end) = chain(access.pid, |pid| look(access, pid))?;
    draft.process.ancestors = chain.into_iter().map(|link| reference(link, &boot_id)).collect();
    let absent = match end {
        End::Complete => None,
        End::Refused => Some((FieldErrorReason::PermissionDenied, "a parent is hidden: hidepid".to_owned())),
        End::TooLong => Some((FieldErrorReason::Truncated, format!("cut at {MOST} ancestors"))),
    };
    if let Some((reason, detail)) = absent {
        draft.absent("ancestors", reason, detail);
    }
    Ok(())
}

fn reference(link: Link, boot_id: &Bytes) -> ProcessRef {
    ProcessRef { pid: link.pid, start_ticks: link.start_ticks, boot_id: boot_id.clone(), pidfd_inode: None }
}

fn look(access: &mut Access<'_>, pid: u32) -> Result<Link, Errno> {
    let line = access.buffer.read_file(access.host.proc(), ProcessPath::new(pid).file("stat"))?;
    let stat = Stat::parse(line).ok_or(Errno::BADMSG)?;
    let parent = stat.ppid.and_then(|ppid| u32::try_from(ppid).ok()).ok_or(Errno::BADMSG)?;
    Ok(Link { pid, parent, start_ticks: stat.start_ticks })
}

/// Why a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There is no further parent, as far as can be known.
    Complete,
    /// The next may not be read (hidepid=1), or is there and not shown (hidepid=2).
    Refused,
    TooLong,
}

/// The chain above a process.
fn chain(pid: u32, mut look: impl FnMut(u32) -> Result<Link, Errno>) -> Result<(Vec<Link>, End), Errno> {
    let mut child = look(pid)?;
    let mut chain: Vec<Link> = Vec::new();
    while child.parent != 0 {
        if chain.len() == MOST {
            return Ok((chain, End::TooLong));
        }
        match parent_of(child, &mut look) {
            // Pids come round again, so a chain that was read bit by bit may lead back into itself.
            Ok(Some(parent)) if parent.pid != pid && chain.iter().all(|link| link.pid != parent.pid) => {
                chain.push(parent);
                child = parent;
            }
            Ok(_) => break,
            Err(Errno::ACCESS | Errno::PERM | Errno::NOENT) => return Ok((chain, End::Refused)),
            Err(errno) => return Err(errno),
        }
    }
    Ok((chain, End::Complete))
}

/// The parent, unless the process that has its pid is younger than its child. A parent that is not there any more has left the child to
/// another (kernel/exit.c: forget_original_parent, before its files go), so the child is asked again; where it names the same as before,
/// that one is hidden, `NOENT`.
fn parent_of(mut child: Link, look: &mut impl FnMut(u32) -> Result<Link, Errno>) -> Result<Option<Link>, Errno> {
    let mut is_hidden = false;
    for _ in 0..TRIES {
        let is_missing = match look(child.parent) {
            Ok(parent) if parent.start_ticks <= child.start_ticks => return Ok(Some(parent)),
            Ok(_) => false,
            Err(Errno::NOENT | Errno::SRCH) => true,
            Err(errno) => return Err(errno),
        };
        match look(child.pid) {
            Ok(again) if again.start_ticks == child.start_ticks && again.parent != 0 => {
                is_hidden = is_missing && again.parent == child.parent;
                child = again;
            }
            Ok(_) | Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
    if is_hidden { Err(Errno::NOENT) } else { Ok(None) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// Processes as (pid, parent, start).
    fn pids_above(pid: u32, table: &[(u32, u32, u64)]) -> (Vec<u32>, End) {
        let look = |pid| {
            let found = table.iter().find(|(known, _, _)| *known == pid).ok_or(Errno::NOENT)?;
            Ok(Link { pid, parent: found.1, start_ticks: found.2 })
        };
        let (chain, end) = chain(pid, look).unwrap();
        (chain.iter().map(|link| link.pid).collect(), end)
    }

    #[test]
    fn the_chain_ends_where_there_is_no_parent() {
        let table = [(1, 0, 0), (5, 1, 10), (9, 5, 10), (12, 9, 40)];
        assert_eq!(pids_above(12, &table), (vec![9, 5, 1], End::Complete));
        assert_eq!(pids_above(9, &table), (vec![5, 1], End::Complete), "an equal start is old enough");
        assert_eq!(pids_above(1, &table), (vec![], End::Complete));
    }

    #[test]
    fn a_parent_that_is_younger_than_its_child_is_another_process() {
        assert_eq!(pids_above(12, &[(12, 9, 40), (9, 1, 41), (1, 0, 0)]), (vec![], End::Complete));
        assert_eq!(pids_above(12, &[(12, 9, 40), (9, 5, 30), (5, 1, 31), (1, 0, 0)]), (vec![9], End::Complete));
    }

    #[test]
    fn a_chain_that_leads_back_into_itself_ends() {
        assert_eq!(pids_above(12, &[(12, 9, 40), (9, 12, 40)]), (vec![9], End::Complete));
        assert_eq!(pids_above(12, &[(12, 9, 4), (9, 5, 4), (5, 9, 4)]), (vec![9, 5], End::Complete));
        assert_eq!(pids_above(12, &[(12, 12, 40)]), (vec![], End::Complete));
    }

    #[test]
    fn a_child_that_was_left_to_another_is_followed_there() {
        let mut orphaned = false;
        let (chain, end) = chain(12, |pid| match pid {
            12 if orphaned => Ok(Link { pid, parent: 1, start_ticks: 40 }),
            12 => Ok(Link { pid, parent: 9, start_ticks: 40 }),
            1 => Ok(Link { pid, parent: 0, start_ticks: 0 }),
            _ => {
                orphaned = true;
                Err(Errno::NOENT)
            }
        })
        .unwrap();
        assert_eq!((chain.as_slice(), end), (&[Link { pid: 1, parent: 0, start_ticks: 0 }][..], End::Complete));
    }

    #[test]
    fn what_may_not_be_read_and_what_is_too_long_is_said() {
        let (chain_read, end) = chain(12, |pid| match pid {
            12 => Ok(Link { pid, parent: 9, start_ticks: 40 }),
            _ => Err(Errno::PERM),
        })
        .unwrap();
        assert_eq!((chain_read.len(), end), (0, End::Refused));
        assert_eq!(
            pids_above(12, &[(12, 9, 40), (9, 1, 40)]),
            (vec![9], End::Refused),
            "pid 1 is there, and not shown"
        );
        let (long, end) = chain(9999, |pid| Ok(Link { pid, parent: pid - 1, start_ticks: u64::from(pid) })).unwrap();
        assert_eq!((long.len(), end), (MOST, End::TooLong));
        assert_eq!(chain(7, |_| Err(Errno::MFILE)), Err(Errno::MFILE));
    }
}
