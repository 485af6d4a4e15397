//! `procwire watch system`

use std::time::Duration;

use clap::{Args, Subcommand};
use procwire_client::{SystemEvent, SystemWatch};
use procwire_proto::{json, v1::System};
use tokio::signal::ctrl_c;

use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{
        json::write_line,
        system::{SampleLines, WATCHED},
        units,
    },
};

/// What to watch.
#[derive(Debug, Subcommand)]
pub(crate) enum WatchCommand {
    /// The host: a line for each sample
    System(WatchSystemArgs),
}

/// How to watch the host, as typed.
#[derive(Debug, Args)]
pub(crate) struct WatchSystemArgs {
    /// Time between samples, 100ms to 1h
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// End after so many samples
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Sections or fields to sample; for JSON only, lines show their own
    #[arg(short, long, value_name = "A,B,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    fields: Vec<String>,
}

/// Prints samples until there are enough of them, the agent refuses, or the keyboard says stop.
pub(crate) async fn run(command: &WatchCommand, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let WatchCommand::System(args) = command;
    let mut request = connection.client.system().watch().interval(args.interval);
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    if out.is_for_people() {
        request = request.fields(WATCHED);
    } else if !args.fields.is_empty() {
        request = request.fields(&args.fields);
    }
    tokio::select! {
        done = follow(request.await?, args.count, out) => done?,
        _ = ctrl_c() => {}
    }
    Ok(Exit::Success)
}

async fn follow(mut watch: SystemWatch, count: Option<u64>, out: &mut Output) -> Result<(), CliError> {
    let mut lines = SampleLines::new(out.width, out.height);
    let mut samples = 0;
    while count.is_none_or(|count| samples < count) {
        match watch.next().await? {
            Some(SystemEvent::Sample { system, .. }) => {
                samples += 1;
                print_sample(&system, &mut lines, out)?;
            }
            Some(event) => {
                if let Some(text) = describe(&event) {
                    out.note(&text)?;
                }
            }
            None => break,
        }
    }
    Ok(())
}

fn print_sample(system: &System, lines: &mut SampleLines, out: &mut Output) -> std::io::Result<()> {
    if out.is_for_people() {
        lines.write(&mut out.answer, system, &out.clock)?;
    } else {
        write_line(&mut out.answer, &json::to_json(system))?;
    }
    out.answer.flush()
}

/// What is worth saying between samples.
fn describe(event: &SystemEvent) -> Option<String> {
    match event {
        SystemEvent::Loss(loss) => Some(format!("{} samples were lost: this reader was too slow", loss.count)),
        SystemEvent::Goodbye(goodbye) => Some(format!("the agent ended the stream: {}", goodbye.reason().as_words())),
        SystemEvent::Interrupted(interruption) => {
            Some(format!("{}; trying again in {}", interruption.error, units::span(interruption.retry_in)))
        }
        SystemEvent::Gap(gap) => Some(format!("connected again after {}", units::span(gap.down_for))),
        _ => None,
    }
}
