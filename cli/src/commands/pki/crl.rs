//! `procwire pki crl`

use std::time::Duration;

use clap::Args;

use super::{days, end, say};
use crate::{
    error::CliError,
    output::Output,
    pki::{Directory, ListWritten},
};

/// A week: agents let nobody in past it, so it must outlast a timer that fails on a long weekend; and as long can one who keeps an agent from
/// the new list go on with a certificate that was taken back. A timer that runs daily has six more tries.
pub(super) const VALID_DAYS: u32 = 7;

/// How to write it, as typed.
#[derive(Debug, Args)]
pub(super) struct CrlArgs {
    /// For how long it is good; agents and clients that check it let nobody in once it is past that
    #[arg(long, default_value_t = VALID_DAYS, value_parser = days())]
    days: u32,
}

/// Writes it and says for how long it is good.
pub(super) fn run(args: &CrlArgs, directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    let list = directory.refresh_list(valid_for(args.days))?;
    let line = written(&list, out);
    say(&[line], out)
}

pub(super) fn valid_for(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

pub(super) fn valid_for_by_default() -> Duration {
    valid_for(VALID_DAYS)
}

/// `wrote DIR/ca.crl, number 3: 2 revoked; good until ...`
pub(super) fn written(list: &ListWritten, out: &Output) -> String {
    let ListWritten { path, number, revoked, next_update } = list;
    format!(
        "wrote {}, number {number}: {revoked} revoked; good until {}",
        path.display(),
        end(*next_update, &out.clock)
    )
}
