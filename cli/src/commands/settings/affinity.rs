//! `procwire affinity`

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
    render::{cpu::ranges, table::Align},
    selectors::SelectorArgs,
};

/// No machine that Linux runs on has a processor with such a number (`CONFIG_NR_CPUS` ends at 8192).
const CPU_MAX: u32 = 8191;

/// Whose processors, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct AffinityArgs {
    /// Pid or PID@START_TICKS, unless a selection is given; and the processors it may run on: 0-3,6, or all. Without
    /// processors the values are shown
    #[arg(value_name = "PID|CPUS", num_args = 0..=2)]
    words: Vec<String>,
    /// The same processors, as taskset has it
    #[arg(short, long = "cpu-list", value_name = "CPUS")]
    cpus: Option<String>,
    /// Of every thread, not of the main thread alone
    #[arg(long, visible_short_alias = 'a')]
    threads: bool,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

const SHOWN: Shown = Shown {
    field: "cpu_affinity",
    header: "CPUS",
    align: Align::Left,
    of_process: |process| (!process.cpu_affinity.is_empty()).then(|| ranges(&process.cpu_affinity)),
    of_thread: Some(|thread| thread.allowed_cpus.clone()),
};

/// Shows or sets which processors processes may run on.
pub(crate) async fn run(args: &AffinityArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let choice = ChoiceArgs { targets: Vec::new(), selectors: args.selectors.clone() };
    let (choice, word) = split(&args.words, choice)?;
    let value = match (&args.cpus, word) {
        (Some(cpus), Some(word)) => {
            return Err(CliError::Usage(format!("both --cpu-list {cpus} and {word:?} say which processors")));
        }
        (cpus, word) => cpus.clone().or(word),
    };
    let Some(value) = value else { return show(&choice, &SHOWN, args.threads, connection, out).await };
    let cpus = parse_cpus(&value).map_err(|problem| CliError::Usage(format!("{value:?}: {problem}")))?;
    let in_words = match &cpus {
        Some(cpus) => format!("processors {}", ranges(cpus)),
        None => "all processors".to_owned(),
    };
    let it = Change {
        in_words,
        apply: &|request| match &cpus {
            Some(cpus) => request.cpu_affinity(cpus.iter().copied()),
            None => request.all_cpus(),
        },
        all_threads: args.threads,
        action: &args.action,
    };
    change(&choice, &it, connection, out).await
}

/// Numbers and ranges, as the kernel writes them; `None` for all.
fn parse_cpus(text: &str) -> Result<Option<Vec<u32>>, String> {
    if text == "all" {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().ok().filter(|cpu| *cpu <= CPU_MAX);
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let range = match part.split_once('-') {
            None => number(part).map(|cpu| cpu..=cpu),
            Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| first..=last),
        };
        match range.filter(|range| !range.is_empty()) {
            Some(range) => cpus.extend(range),
            None => return Err("processors are numbers and ranges, 0-3,6, or all".to_owned()),
        }
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(Some(cpus))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_numbers_and_ranges() {
        assert_eq!(parse_cpus("0-3,6"), Ok(Some(vec![0, 1, 2, 3, 6])));
        assert_eq!(parse_cpus("6,1-2,2"), Ok(Some(vec![1, 2, 6])));
        assert_eq!(parse_cpus("all"), Ok(None));
        for wrong in ["", ",", "3-1", "a", "0-", "-1", "1,,2", "0-99999999", "ALL"] {
            assert!(parse_cpus(wrong).is_err(), "{wrong}");
        }
    }
}
