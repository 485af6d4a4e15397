//! `procwire completions SHELL`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{args::Cli, error::CliError, exit::Exit, output::Output};

/// For which shell, as typed.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Prints completions; for bash: `procwire completions bash > ~/.local/share/bash-completion/completions/procwire`.
pub(crate) fn run(args: &CompletionsArgs, out: &mut Output) -> Result<Exit, CliError> {
    // The generator panics on a closed pipe, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "procwire", &mut script);
    out.answer.write_all(&script)?;
    Ok(Exit::Success)
}
