//! `procwire audit verify|show|tail`: reads the files of a trail, here; no agent is asked.

mod follow;
mod selection;
mod show;
mod tail;
mod trail;
mod verify;

use clap::Subcommand;

use self::{show::ShowArgs, tail::TailArgs, verify::VerifyArgs};
use crate::{error::CliError, exit::Exit, output::Output};

/// What to do with an audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the chain: which line was changed, left out, put in, moved or torn
    Verify(VerifyArgs),
    /// Show records as a table: by whom, on which process, since when
    Show(ShowArgs),
    /// Show the last records, and those that come
    Tail(TailArgs),
}

/// Reads a trail.
pub(crate) async fn run(command: &AuditCommand, out: &mut Output) -> Result<Exit, CliError> {
    match command {
        AuditCommand::Verify(args) => verify::run(args, out).await,
        AuditCommand::Show(args) => show::run(args, out),
        AuditCommand::Tail(args) => tail::run(args, out).await,
    }
}
