//! `procwire demo`: all of it in a few seconds, on this machine, with nothing left behind.

mod child;
mod narrator;
mod stage;
mod story;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use child::run as child;
use narrator::Narrator;
use stage::Stage;

use crate::{error::CliError, exit::Exit, output::Output};

/// What to show, as typed.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {}

/// Shows it all. What is not as it should be is an error, so that the demonstration is a test too.
pub(crate) async fn run(_: &DemoArgs, out: &mut Output) -> Result<Exit, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut narrator = Narrator::new(out);
    let told = tokio::select! {
        told = tell(&mut narrator) => Some(told),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    // Folder, agent and child were dropped with the story, wherever it ended.
    match told {
        Some(told) => told.map(|()| Exit::Success),
        None => {
            out.note("interrupted; the agent is stopped and its folder removed")?;
            Ok(Exit::Interrupted)
        }
    }
}

async fn tell(say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.opening()?;
    let stage = Stage::set(say).await?;
    story::table(&stage, say).await?;
    story::snapshot(&stage, say).await?;
    story::samples(&stage, say).await?;
    story::termination(&stage, say).await?;
    story::refusals(&stage, say).await?;
    story::audit_trail(&stage, say)?;
    stage.strike(say).await?;
    say.for_real()
}
