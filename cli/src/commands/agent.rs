//! `procwire agent info|capabilities|status|health`

use clap::Subcommand;
use procwire_client::Health;
use procwire_proto::json;
use serde_json::json as value;

use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::agent::{capabilities_page, info_page, status_page},
};

/// What to ask the agent about itself.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Who answers: versions, host, kernel, and who the caller is to it
    Info,
    /// What it can answer and why not the rest: methods, fields, features
    Capabilities,
    /// What it costs its host, and how it fares
    Status,
    /// Whether it takes calls: exit code 0 if so; for health checks of containers, which need no shell for it
    Health,
}

/// Asks the agent about itself.
pub(crate) async fn run(command: &AgentCommand, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let agent = connection.client.agent();
    macro_rules! ask {
        ($request:expr, $page:expr) => {{
            let request = $request;
            let answer = match connection.timeout {
                Some(timeout) => request.timeout(timeout).await?,
                None => request.await?,
            };
            if out.is_for_people() {
                $page(&answer, &out.clock).write(&mut out.answer, out.width)?;
            } else {
                out.write_value(&json::to_json(&answer))?;
            }
        }};
    }
    match command {
        AgentCommand::Info => ask!(agent.info(), info_page),
        AgentCommand::Capabilities => ask!(agent.capabilities(), capabilities_page),
        AgentCommand::Status => ask!(agent.status(), status_page),
        AgentCommand::Health => return health(connection, out).await,
    }
    Ok(Exit::Success)
}

async fn health(connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let request = connection.client.agent().health();
    let health = match connection.timeout {
        Some(timeout) => request.timeout(timeout).await?,
        None => request.await?,
    };
    let is_serving = health == Health::Serving;
    if out.is_for_people() {
        writeln!(out.answer, "{}", if is_serving { "serving" } else { "not serving" })?;
    } else {
        out.write_value(&value!({ "serving": is_serving }))?;
    }
    Ok(if is_serving { Exit::Success } else { Exit::Failed })
}
