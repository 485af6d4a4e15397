//! The library behind the command line tool `procwire`: arguments in, one call of the SDK, text out.

mod args;
mod commands;
mod connection;
mod contexts;
mod error;
mod exit;
mod habits;
mod output;
pub mod pki;
pub mod private_file;
mod render;
mod selectors;
mod signals;
mod sizes;
mod sorting;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use crate::{args::Cli, error::CliError, exit::Exit, output::Output, render::printable::printable};

/// Carries out a command line and says how it went.
pub fn run(typed: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(habits::understood(typed)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A closed pipe is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let mut out = Output::standard(&cli.output);
    let result = carry_out(cli, &mut out);
    let result = result.and_then(|exit| Ok(out.answer.flush().map(|()| exit)?));
    let exit = result.unwrap_or_else(|error| {
        if error.exit() != Exit::Success {
            let _ = out.answer.flush();
            let _ = writeln!(out.notes, "{}error:{:#} {}", ERROR, ERROR, printable(&error.to_string()));
        }
        error.exit()
    });
    exit.into()
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

fn carry_out(cli: Cli, out: &mut Output) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(commands::run(cli, out));
    // A read that hangs in the kernel must not hold the tool.
    runtime.shutdown_background();
    result
}
