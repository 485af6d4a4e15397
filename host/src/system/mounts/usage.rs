//! How much room there is at each mount, as far as its filesystem answers.

use std::{io, sync::Arc};

use procwire_proto::v1::{FieldError, FieldErrorReason, Mount};

use super::table::Row;
use crate::{
    Host,
    askers::Outcome,
    disk_usage::{CAP, MountUsage, Waits, silence},
    system::kept_file::reason_of_io,
};

/// Fills it in. False if a filesystem does not say of itself what the table says: the table has changed.
pub(super) fn fill(host: &Host, rows: &[Row], mounts: &mut [Mount]) -> bool {
    let mut agrees = true;
    let mut tell = |index: usize, row: &Row, outcome| {
        if let Some(mount) = mounts.get_mut(index) {
            agrees &= settle(mount, row, outcome);
        }
    };
    let of = |waits| (0..).zip(rows).filter(move |(_, row): &(usize, &Row)| row.waits == waits);
    for (index, row) in of(Waits::Never) {
        let question = &row.question;
        let is_automount = row.mount.filesystem_type == b"autofs";
        tell(index, row, Outcome::Answered(if is_automount { question.ask_at_once() } else { question.ask_by_path() }));
    }
    for waits in [Waits::ForDevice, Waits::ForOthers] {
        let questions: Vec<_> = of(waits).map(|(_, row)| Arc::clone(&row.question)).collect();
        let outcomes = host.filesystems().ask(waits, &questions, CAP);
        of(waits).zip(outcomes).for_each(|((index, row), outcome)| tell(index, row, outcome));
    }
    agrees
}

/// False if it does not say of itself what the table says.
fn settle(mount: &mut Mount, row: &Row, outcome: Outcome<MountUsage>) -> bool {
    let mut absent = |reason: FieldErrorReason, detail: String| {
        mount.errors.push(FieldError { path: "usage".to_owned(), reason: reason.into(), detail });
    };
    match outcome {
        Outcome::Answered(MountUsage::Usage(room)) => {
            if room.usage.total_bytes == 0 && is_private(row) {
                let detail = "FUSE answers only the user who mounted it, unless with the option allow_other".to_owned();
                absent(FieldErrorReason::PermissionDenied, detail);
            } else {
                mount.usage = Some(room.usage);
            }
            return room.is_read_only == row.mount.read_only;
        }
        Outcome::Answered(MountUsage::Hidden) => {
            absent(FieldErrorReason::Unsupported, "another mount lies over it, so no path leads to it".to_owned());
        }
        Outcome::Answered(MountUsage::Failed(errno)) => {
            let error = io::Error::from(errno);
            absent(reason_of_io(&error), format!("statfs: {error}"));
        }
        Outcome::Silent | Outcome::NoThread => absent(FieldErrorReason::Timeout, silence(&outcome).to_owned()),
    }
    true
}

/// The kernel tells everybody else zeros, without asking the program (fs/fuse/inode.c, fuse_statfs).
fn is_private(row: &Row) -> bool {
    if !row.mount.filesystem_type.starts_with(b"fuse") {
        return false;
    }
    let own = format!("user_id={}", rustix::process::geteuid().as_raw());
    let has = |option: &[u8]| row.mount.options.iter().any(|set| set == option);
    !has(b"allow_other") && !has(own.as_bytes())
}
