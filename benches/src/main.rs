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
mod contenders;
mod report;
mod sleepers;

use clap::Parser;

use crate::{contenders::Contenders, sleepers::Sleepers};

#[derive(Parser)]
#[command(about = "Times procwire's process table against its peers, and prints ratios")]
struct Options {
    /// Processes to start, so that the table has at least as many rows.
    #[arg(long, default_value_t = 2000)]
    processes: u32,
    /// Turns that each contender gets.
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Exits with 1 if a target is missed.
    #[arg(long)]
    check: bool,
}

fn main() -> std::process::ExitCode {
    let options = Options::parse();
    if cfg!(debug_assertions) {
        println!("a debug build is no bench: cargo run --release -p procwire-benches");
        return std::process::ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut contenders = Contenders::start(&runtime);
    let idle = agent_cost::idle(&contenders.agent);
    let sleepers = Sleepers::start(options.processes);
    let rounds = contenders.run(options.rounds);
    let after = agent_cost::after_lists(&runtime, &contenders);
    drop(sleepers);
    let missed = report::print(&rounds, idle, after);
    if options.check && missed { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
}
