//! `procwire nice`

use clap::Args;

use super::{
    change::{Change, change},
    show::{Shown, show},
};
use crate::{
    commands::{
        choice::ChoiceArgs,
        consent::{self, ActionArgs},
    },
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::table::Align,
};

/// Whose nice value, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct NiceArgs {
    /// New value, -20 (most favoured) to 19, as it shall be and not on top of what it is; without it the values are shown
    #[arg(short = 'n', long = "nice", value_name = "N", allow_hyphen_values = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-20..=19))]
    nice: Option<i32>,
    /// Of every thread, not of the main thread alone
    #[arg(long)]
    threads: bool,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
}

const SHOWN: Shown = Shown {
    field: "nice",
    header: "NICE",
    align: Align::Right,
    of_process: |process| Some(process.nice?.to_string()),
    of_thread: Some(|thread| Some(thread.nice?.to_string())),
};

/// Shows or sets nice values.
pub(crate) async fn run(args: &NiceArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let Some(nice) = args.nice else { return show(&args.choice, &SHOWN, args.threads, connection, out).await };
    let it = Change {
        in_words: format!("nice {nice}"),
        apply: &|request| request.nice(nice),
        all_threads: args.threads,
        action: &args.action,
    };
    change(&args.choice, &it, connection, out).await
}
