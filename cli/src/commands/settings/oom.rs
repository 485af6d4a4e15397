//! `procwire oom`

use clap::Args;

use super::{
    change::{Change, change},
    show::{Shown, show},
    split,
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
    selectors::SelectorArgs,
};

/// Whose standing with the out-of-memory killer, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct OomArgs {
    /// Pid or PID@START_TICKS, unless a selection is given; and the new adjustment, -1000 (never killed) to 1000 (first).
    /// Without it the values are shown
    #[arg(value_name = "PID|ADJUSTMENT", num_args = 0..=2, allow_negative_numbers = true)]
    words: Vec<String>,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

const SHOWN: Shown = Shown {
    field: "oom",
    header: "ADJUSTMENT",
    align: Align::Left,
    of_process: |process| {
        let oom = process.oom.as_ref()?;
        let score = oom.score.map(|score| format!(" (score {score})")).unwrap_or_default();
        Some(format!("{}{score}", oom.score_adjustment?))
    },
    of_thread: None,
};

/// Shows or sets how likely the out-of-memory killer takes processes.
pub(crate) async fn run(args: &OomArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let choice = ChoiceArgs { targets: Vec::new(), selectors: args.selectors.clone() };
    let (choice, value) = split(&args.words, choice)?;
    let Some(value) = value else { return show(&choice, &SHOWN, false, connection, out).await };
    let adjustment: Option<i32> = value.parse().ok().filter(|value| (-1000..=1000).contains(value));
    let adjustment = adjustment
        .ok_or_else(|| CliError::Usage(format!("{value:?}: an adjustment is a number from -1000 to 1000")))?;
    let it = Change {
        in_words: format!("out-of-memory adjustment {adjustment}"),
        apply: &|request| request.oom_score_adjustment(adjustment),
        all_threads: false,
        action: &args.action,
    };
    change(&choice, &it, connection, out).await
}
