//! `procwire audit show`

use std::{collections::VecDeque, io, path::PathBuf};

use clap::Args;

use super::{
    selection::Selection,
    trail::{self, Line},
};
use crate::{
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::audit::{Entry, entry_table, write_raw},
};

/// What to show, as typed.
#[derive(Debug, Args)]
#[command(
    after_help = "The chain is not checked: `procwire audit verify` does that. With -o json or ndjson the lines come as they are."
)]
pub(crate) struct ShowArgs {
    /// Files of one trail, in any order; a folder: all trails in it; -: standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    /// Only the last so many
    #[arg(short = 'n', long, value_name = "COUNT")]
    lines: Option<usize>,
}

/// Shows records.
pub(super) fn run(args: &ShowArgs, out: &mut Output) -> Result<Exit, CliError> {
    let most = args.lines.unwrap_or(usize::MAX);
    let is_raw = !out.is_for_people();
    let mut chosen = VecDeque::new();
    let mut unreadable = 0_u64;
    let mut failed = Ok(());
    for mut part in trail::open(&args.files)? {
        part.each_line(|line: Line<'_>| {
            let Some(entry) = Entry::read(line.text()) else {
                unreadable = unreadable.saturating_add(1);
                return;
            };
            if !args.selection.has(&entry) || failed.is_err() {
                return;
            }
            if is_raw && args.lines.is_none() {
                failed = write_raw(&mut out.answer, line.text(), out.width.is_some());
                return;
            }
            if chosen.len() >= most {
                chosen.pop_front();
            }
            if most > 0 {
                chosen.push_back((entry, if is_raw { line.text().to_vec() } else { Vec::new() }));
            }
        })?;
        std::mem::replace(&mut failed, Ok(()))?;
    }
    if is_raw {
        let written: io::Result<()> =
            chosen.iter().try_for_each(|(_, line)| write_raw(&mut out.answer, line, out.width.is_some()));
        written?;
    } else {
        let entries: Vec<Entry> = chosen.into_iter().map(|(entry, _)| entry).collect();
        entry_table(&entries, &out.clock, out.format == Format::Wide).write(&mut out.answer, out.width)?;
    }
    if unreadable > 0 {
        out.note(&format!("{unreadable} lines are no audit records; `procwire audit verify` says which"))?;
    }
    Ok(Exit::Success)
}
