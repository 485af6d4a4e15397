//! `procwire demo`

use clap::Args;

use crate::{error::CliError, exit::Exit, output::Output};

/// What to show, as typed.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {}

/// Shows it all.
pub(crate) async fn run(_args: &DemoArgs, _out: &mut Output) -> Result<Exit, CliError> {
    Err(CliError::Demo("not yet".to_owned()))
}

/// The process that is ended.
pub(crate) async fn child() -> Result<Exit, CliError> {
    Ok(Exit::Success)
}
