//! The commands: what was typed, one call, what is printed.

pub(crate) mod agent;
pub(crate) mod completions;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod info;
pub(crate) mod pki;
pub(crate) mod ps;
pub(crate) mod system;
mod target;
pub(crate) mod terminate;
pub(crate) mod wait;
pub(crate) mod watch;

use crate::{
    args::{Cli, Command},
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
};

/// Carries out a command line.
pub(crate) async fn run(cli: Cli, out: &mut Output) -> Result<Exit, CliError> {
    let Cli { connection, output: _, command } = cli;
    let connect = || Connection::open(&connection);
    match command {
        Command::Ps(args) => ps::run(&args, &connect()?, out).await,
        Command::Info(args) => info::run(&args, &connect()?, out).await,
        Command::System(args) => system::run(&args, &connect()?, out).await,
        Command::Watch(command) => watch::run(&command, &connect()?, out).await,
        Command::Terminate(args) => terminate::run(&args, &connect()?, out).await,
        Command::Wait(args) => wait::run(&args, &connect()?, out).await,
        Command::Agent(command) => agent::run(&command, &connect()?, out).await,
        Command::Context(command) => context::run(&command, &connection, out),
        Command::Pki(args) => pki::run(&args, out),
        Command::Demo(args) => demo::run(&args, out).await,
        Command::Completions(args) => completions::run(&args, out),
        Command::DemoChild => demo::child().await,
    }
}
