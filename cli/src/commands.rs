//! The commands: what was typed, one call, what is printed.

pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod battery;
pub(crate) mod cgroups;
mod choice;
pub(crate) mod completions;
mod consent;
pub(crate) mod context;
pub(crate) mod cpu;
pub(crate) mod demo;
pub(crate) mod df;
pub(crate) mod env;
pub(crate) mod files;
pub(crate) mod free;
mod holders;
pub(crate) mod ifconfig;
pub(crate) mod info;
pub(crate) mod iostat;
pub(crate) mod limits;
mod listing;
pub(crate) mod maps;
pub(crate) mod mem;
pub(crate) mod netstat;
pub(crate) mod nettop;
mod one_host;
mod one_process;
pub(crate) mod pgrep;
pub(crate) mod pidof;
pub(crate) mod pki;
pub(crate) mod policy;
pub(crate) mod pressure;
pub(crate) mod ps;
mod rows;
pub(crate) mod sensors;
pub(crate) mod settings;
pub(crate) mod signal;
pub(crate) mod system;
mod tally;
mod target;
pub(crate) mod terminate;
pub(crate) mod threads;
pub(crate) mod tree;
mod two_readings;
pub(crate) mod units;
pub(crate) mod uptime;
pub(crate) mod wait;
pub(crate) mod watch;
pub(crate) mod who;
pub(crate) mod who_listens;

use procwire_client::Signal;

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
        Command::Tree(args) => tree::run(&args, &connect()?, out).await,
        Command::Mem(args) => mem::run(&args, &connect()?, out).await,
        Command::Pidof(args) => pidof::run(&args, &connect()?, out).await,
        Command::Pgrep(args) => pgrep::run(&args, &connect()?, out).await,
        Command::Info(args) => info::run(&args, &connect()?, out).await,
        Command::Files(args) => files::run(&args, &connect()?, out).await,
        Command::Maps(args) => maps::run(&args, &connect()?, out).await,
        Command::Env(args) => env::run(&args, &connect()?, out).await,
        Command::Limits(args) => limits::run(&args, &connect()?, out).await,
        Command::Threads(args) => threads::run(&args, &connect()?, out).await,
        Command::Netstat(args) => netstat::run(&args, &connect()?, out).await,
        Command::WhoListens(args) => who_listens::run(&args, &connect()?, out).await,
        Command::System(args) => system::run(&args, &connect()?, out).await,
        Command::Cpu(args) => cpu::run(&args, &connect()?, out).await,
        Command::Free(args) => free::run(&args, &connect()?, out).await,
        Command::Df(args) => df::run(&args, &connect()?, out).await,
        Command::Iostat(args) => iostat::run(&args, &connect()?, out).await,
        Command::Ifconfig(args) => ifconfig::run(&args, &connect()?, out).await,
        Command::Nettop(args) => nettop::run(&args, &connect()?, out).await,
        Command::Sensors(args) => sensors::run(&args, &connect()?, out).await,
        Command::Battery(args) => battery::run(&args, &connect()?, out).await,
        Command::Who(args) => who::run(&args, &connect()?, out).await,
        Command::Uptime(args) => uptime::run(&args, &connect()?, out).await,
        Command::Pressure(args) => pressure::run(&args, &connect()?, out).await,
        Command::Cgroups(args) => cgroups::run(&args, &connect()?, out).await,
        Command::Units(args) => units::run(&args, &connect()?, out).await,
        Command::Watch(command) => watch::run(&command, &connect()?, out).await,
        Command::Terminate(args) => terminate::run(&args, &connect()?, out).await,
        Command::Kill(args) => signal::kill(&args, connect, out).await,
        Command::Pkill(args) => signal::pkill(&args, &connect()?, out).await,
        Command::Killall(args) => signal::killall(&args, &connect()?, out).await,
        Command::Suspend(args) => signal::suspend(&args, Signal::Stop, &connect()?, out).await,
        Command::Resume(args) => signal::suspend(&args, Signal::Cont, &connect()?, out).await,
        Command::Nice(args) => settings::nice::run(&args, &connect()?, out).await,
        Command::Ionice(args) => settings::ionice::run(&args, &connect()?, out).await,
        Command::Affinity(args) => settings::affinity::run(&args, &connect()?, out).await,
        Command::Limit(args) => settings::limit::run(&args, &connect()?, out).await,
        Command::Oom(args) => settings::oom::run(&args, &connect()?, out).await,
        Command::Wait(args) => wait::run(&args, &connect()?, out).await,
        Command::Agent(command) => agent::run(&command, &connect()?, out).await,
        Command::Audit(command) => audit::run(&command, out).await,
        Command::Context(command) => context::run(&command, &connection, out),
        Command::Pki(args) => pki::run(&args, out),
        Command::Policy(command) => policy::run(&command, out),
        Command::Demo(args) => demo::run(&args, out).await,
        Command::Completions(args) => completions::run(&args, out),
        Command::DemoChild => demo::child().await,
    }
}
