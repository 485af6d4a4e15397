//! `/proc/PID/oom_score` and `oom_score_adj` (fs/proc/base.c; mm/oom_kill.c: oom_badness).

use procwire_proto::v1::OomStanding;
use rustix::io::Errno;

use super::{access::Access, draft::Draft, plan::ProcessFile};
use crate::procfs::Numbers;

/// Reads the standing into the row; one of the two files may be there without the other.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let score = signed(access, "oom_score").map(|score| u32::try_from(score).unwrap_or(0));
    let adjustment = signed(access, "oom_score_adj");
    if let (Err(errno), Err(_)) = (score, adjustment) {
        return Err(errno);
    }
    for (part, name, errno) in
        [("oom.score", "oom_score", score.err()), ("oom.score_adjustment", "oom_score_adj", adjustment.err())]
    {
        if let Some(errno) = errno {
            draft.part_failed(ProcessFile::Oom, part, name, errno);
        }
    }
    draft.process.oom = Some(Box::new(OomStanding { score: score.ok(), score_adjustment: adjustment.ok() }));
    Ok(())
}

fn signed(access: &mut Access<'_>, name: &str) -> Result<i32, Errno> {
    let number = Numbers::new(access.contents(name)?).signed();
    number.and_then(|number| i32::try_from(number).ok()).ok_or(Errno::BADMSG)
}
