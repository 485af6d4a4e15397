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

pub(super) fn fill(host: &Host, rows: &[Row], mounts: &mut [Mount]) {
    for waits in [Waits::Never, Waits::ForDevice, Waits::ForOthers] {
        let asked: Vec<_> = (0..).zip(rows).filter(|(_, row)| row.waits == waits).collect();
        let questions: Vec<_> = asked.iter().map(|(_, row)| Arc::clone(&row.question)).collect();
        let outcomes = host.filesystems().ask(waits, &questions, CAP);
        for ((index, row), outcome) in asked.into_iter().zip(outcomes) {
            if let Some(mount) = mounts.get_mut(index) {
                settle(mount, row, outcome);
            }
        }
    }
}

fn settle(mount: &mut Mount, row: &Row, outcome: Outcome<MountUsage>) {
    let mut absent = |reason: FieldErrorReason, detail: String| {
        mount.errors.push(FieldError { path: "usage".to_owned(), reason: reason.into(), detail });
    };
    match outcome {
        Outcome::Answered(MountUsage::Usage(usage)) if usage.total_bytes == 0 && is_private(row) => {
            let detail = "FUSE answers only the user who mounted it, unless with the option allow_other".to_owned();
            absent(FieldErrorReason::PermissionDenied, detail);
        }
        Outcome::Answered(MountUsage::Usage(usage)) => mount.usage = Some(usage),
        Outcome::Answered(MountUsage::Hidden) => {
            absent(FieldErrorReason::Unsupported, "another mount lies over it, so no path leads to it".to_owned());
        }
        Outcome::Answered(MountUsage::Failed(errno)) => {
            let error = io::Error::from(errno);
            absent(reason_of_io(&error), format!("statfs: {error}"));
        }
        Outcome::Silent | Outcome::NoThread => absent(FieldErrorReason::Timeout, silence(&outcome).to_owned()),
    }
}

/// The kernel tells everybody else zeros, without asking the program (fs/fuse/inode.c, fuse_statfs).
fn is_private(row: &Row) -> bool {
    let own = format!("user_id={}", rustix::process::geteuid().as_raw());
    let has = |option: &[u8]| row.mount.options.iter().any(|set| set == option);
    row.mount.filesystem_type.starts_with(b"fuse") && !has(b"allow_other") && !has(own.as_bytes())
}
