//! Times the process table of procwire, on the host alone and over mutual TLS, against psutil, ps, the crates sysinfo and procfs,
//! and the floor: opening, reading and closing the same files. All of them take turns in one run, so that a machine that
//! slows down slows them all; what counts are the ratios.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    unreachable_pub,
    reason = "a bench speaks on standard output and ends at the first thing that goes wrong"
)]

mod agent_cost;
mod control;
mod crowds;
mod lanes;
mod relatives;
mod report;
mod sets;
mod sockets;
mod system;
mod table;
mod turns;

use clap::{Parser, ValueEnum};
use procwire_client::Client;
use procwire_tests::{Agent, Role};
use tokio::runtime::Runtime;

use crate::{
    crowds::Sleepers,
    report::{Bound, Report},
    sets::{S1, S2, S3},
};

#[derive(Parser)]
#[command(about = "Times procwire against its peers and the floor, and prints ratios")]
struct Options {
    /// What to time. Without it: everything.
    #[arg(value_enum)]
    suites: Vec<Suite>,
    /// Processes to start, so that the table has at least as many rows.
    #[arg(long, default_value_t = 2000)]
    processes: u32,
    /// TCP connections to open on loopback; each has two ends.
    #[arg(long, default_value_t = 20_000)]
    connections: u32,
    /// Turns that each contender gets.
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Exits with 1 if a target is missed.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The agent's own cost: idle, and after lists
    Agent,
    /// The process table: three sets of fields
    Table,
    /// Children and descendants of one process
    Relatives,
    /// Cheap lists while others read maps of a huge process
    Lanes,
    /// A host full of connections
    Sockets,
    /// From the request to end a process to the signal that it gets, with the audit trail on disk and without
    Control,
    /// A snapshot of the host, in processor time, beside psutil and prometheus-node-exporter
    System,
}

/// What the suites share.
struct Bench {
    runtime: Runtime,
    agent: Agent,
    client: Client,
    options: Options,
}

fn main() -> std::process::ExitCode {
    let options = Options::parse();
    if cfg!(debug_assertions) {
        println!("a debug build is no bench: cargo run --release -p procwire-benches");
        return std::process::ExitCode::FAILURE;
    }
    let suites = match options.suites.as_slice() {
        [] => Suite::value_variants().to_vec(),
        chosen => chosen.to_vec(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let agent = Agent::start();
    let client = agent.client(Role::Inspector);
    let bench = Bench { runtime, agent, client, options };
    let mut report = Report::default();
    for suite in suites {
        match suite {
            Suite::Agent => agent_alone(&bench, &mut report),
            Suite::Table => tables(&bench, &mut report),
            Suite::Relatives => relatives::run(&bench, &mut report),
            Suite::Lanes => lanes::run(&bench, &report),
            Suite::Sockets => sockets::run(&bench, &mut report),
            Suite::Control => control::run(&bench, &mut report),
            Suite::System => system::run(&bench, &mut report),
        }
    }
    let missed = report.has_misses();
    if bench.options.check && missed { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
}

fn agent_alone(bench: &Bench, report: &mut Report) {
    let idle = agent_cost::idle(&bench.agent);
    let _sleepers = Sleepers::start(bench.options.processes);
    let after = agent_cost::after_lists(&bench.runtime, &bench.agent, &bench.client);
    report.target("agent idle, resident MB", idle.resident_bytes as f64 / 1e6, Bound::AtMost(8.0));
    report.target("agent idle for 5 s, CPU ms", idle.ticks as f64 * 10.0, Bound::AtMost(0.0));
    report.target("agent after 20 lists, peak MB", after.peak_resident_bytes as f64 / 1e6, Bound::AtMost(25.0));
}

fn tables(bench: &Bench, report: &mut Report) {
    let _sleepers = Sleepers::start(bench.options.processes);
    for set in [&S1, &S2, &S3] {
        table::run(set, &bench.client, &bench.runtime, bench.options.rounds, report);
    }
}
