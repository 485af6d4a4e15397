//! `procwire ionice`

use clap::Args;
use procwire_client::v1::IoClass;

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
    render::{settings::io_priority, table::Align},
};

/// The level of classes that have levels where none is typed: ionice's own.
const USUAL_LEVEL: u32 = 4;

/// Whose I/O priority, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct IoniceArgs {
    /// New class: 0 none, 1 realtime, 2 best-effort, 3 idle; without it the values are shown
    #[arg(short, long, value_name = "CLASS", value_parser = parse_class)]
    class: Option<IoClass>,
    /// Level within the class, 0 (first) to 7 (last); 4 if none is given
    #[arg(short = 'n', long = "level", visible_alias = "classdata", value_name = "LEVEL")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=7))]
    level: Option<u32>,
    /// Of every thread, not of the main thread alone
    #[arg(long)]
    threads: bool,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
}

const SHOWN: Shown = Shown {
    field: "io_priority",
    header: "I/O PRIORITY",
    align: Align::Left,
    of_process: |process| Some(io_priority(process.io_priority.as_ref()?)),
    of_thread: None,
};

/// Shows or sets I/O priorities.
pub(crate) async fn run(args: &IoniceArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    // As ionice(1): a level alone is one of the usual class.
    let class = args.class.or(args.level.map(|_| IoClass::BestEffort));
    let Some(class) = class else { return show(&args.choice, &SHOWN, args.threads, connection, out).await };
    let has_levels = matches!(class, IoClass::Realtime | IoClass::BestEffort);
    if let (Some(level), false) = (args.level, has_levels) {
        let problem = format!("the class {} has no levels; leave out --level {level}", class.as_words());
        return Err(CliError::Usage(problem));
    }
    let level = if has_levels { args.level.unwrap_or(USUAL_LEVEL) } else { 0 };
    let priority = procwire_client::v1::IoPriority { io_class: class.into(), level };
    let it = Change {
        in_words: format!("I/O priority {}", io_priority(&priority)),
        apply: &|request| request.io_priority(class, level),
        all_threads: args.threads,
        action: &args.action,
    };
    change(&args.choice, &it, connection, out).await
}

fn parse_class(text: &str) -> Result<IoClass, String> {
    match text.to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
        "0" | "none" => Ok(IoClass::None),
        "1" | "realtime" | "rt" => Ok(IoClass::Realtime),
        "2" | "best-effort" | "be" => Ok(IoClass::BestEffort),
        "3" | "idle" => Ok(IoClass::Idle),
        _ => Err("classes are 0 none, 1 realtime, 2 best-effort, 3 idle".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_number_or_name() {
        for (text, class) in [
            ("0", IoClass::None),
            ("2", IoClass::BestEffort),
            ("Best-Effort", IoClass::BestEffort),
            ("idle", IoClass::Idle),
        ] {
            assert_eq!(parse_class(text), Ok(class));
        }
        for wrong in ["", "4", "-1", "busy"] {
            assert!(parse_class(wrong).is_err(), "{wrong}");
        }
    }
}
