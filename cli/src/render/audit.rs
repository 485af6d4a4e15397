//! Records of an audit trail: as a table, as a sentence, as they are. The file may have been tampered with: nothing of it is trusted.

mod entry;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use procwire_proto::escape;

pub(crate) use self::entry::Entry;
use super::{
    clock::Clock,
    printable::printable,
    table::{Align, Column, Table},
    value::MISSING,
};

/// So much of a line that is no record is shown.
const SHOWN_OF_RUBBISH: usize = 160;
/// Targets that a sentence names.
const NAMED_TARGETS: usize = 3;

/// A row for each record.
pub(crate) fn entry_table(entries: &[Entry], clock: &Clock, wide: bool) -> Table {
    let left = |header| Column::new(header, Align::Left);
    let dropped = |header, order| Column { drop_order: Some(order), ..left(header) };
    let mut columns = vec![
        Column { may_be_cut: false, ..left("TIME") },
        Column { drop_order: Some(4), ..Column::new("SEQ", Align::Right) },
        left("EVENT"),
        left("WHO"),
        left("METHOD"),
        Column { drop_order: Some(3), ..left("DECISION") },
        left("TARGET"),
        left("WHAT"),
        dropped("REASON", 5),
        dropped("ID", 6),
    ];
    if wide {
        columns.extend([dropped("ROLES", 7), dropped("PEER", 8), dropped("SERIAL", 9)]);
    }
    let mut table = Table::new(columns);
    for entry in entries {
        let mut cells = vec![
            time(entry, clock),
            entry.seq.to_string(),
            entry.event.clone(),
            entry.principal.clone(),
            entry.short_method().to_owned(),
            entry.decision.clone(),
            targets(entry, 1),
            Some(what(entry)).filter(|what| !what.is_empty()).unwrap_or_else(|| entry.arguments.clone()),
            entry.reason.clone(),
            entry.request_id.clone(),
        ];
        if wide {
            cells.extend([entry.roles.clone(), entry.peer.clone(), entry.serial.clone()]);
        }
        let cells = cells
            .into_iter()
            .map(|cell| if cell.is_empty() { MISSING.to_owned() } else { printable(&cell).into_owned() });
        let style = if entry.decision == "denied" { AnsiColor::Red.on_default() } else { Style::new() };
        table.push(cells.collect(), style);
    }
    table
}

/// One record on one line.
pub(crate) fn sentence(entry: &Entry, clock: &Clock) -> String {
    let mut text = format!("{} #{} {}", time(entry, clock), entry.seq, entry.event);
    let mut add = |before: &str, words: &str| {
        if !words.is_empty() {
            text.push_str(before);
            text.push_str(words);
        }
    };
    add(" ", &entry.principal);
    add(" ", entry.short_method());
    add(" ", &entry.decision);
    add(" ", &targets(entry, NAMED_TARGETS));
    add(": ", &what(entry));
    add("; ", &entry.arguments);
    add("; because: ", &entry.reason);
    add("; id ", &entry.request_id);
    add("; from ", &entry.peer);
    printable(&text).into_owned()
}

/// A line that is no record.
pub(crate) fn broken_sentence(line: &[u8]) -> String {
    let beginning = line.get(..line.len().min(SHOWN_OF_RUBBISH)).unwrap_or_default();
    let more = if line.len() > beginning.len() { "..." } else { "" };
    format!("[no record] {}{more}", escape::terminal(beginning))
}

/// A line as it is, so that it can be checked again; on a terminal without what that would obey.
pub(crate) fn write_raw(out: &mut dyn Write, line: &[u8], is_terminal: bool) -> io::Result<()> {
    if is_terminal {
        writeln!(out, "{}", printable(&String::from_utf8_lossy(line)))
    } else {
        out.write_all(line)?;
        out.write_all(b"\n")
    }
}

fn time(entry: &Entry, clock: &Clock) -> String {
    let Ok(time) = entry.time.parse::<Timestamp>() else { return "?".to_owned() };
    let moment = prost_types::Timestamp { seconds: time.as_second(), nanos: 0 };
    clock.to_the_second(&moment)
}

/// What came of it, or by which rule; where targets differ, what the first says.
fn what(entry: &Entry) -> String {
    let of_first = |text: fn(&entry::Target) -> &str| {
        let first = entry.targets.iter().map(text).find(|text| !text.is_empty())?;
        Some(if entry.targets.len() > 1 { format!("{first}, ...") } else { first.to_owned() })
    };
    let or = |own: &str, text: fn(&entry::Target) -> &str| {
        if own.is_empty() { of_first(text).unwrap_or_default() } else { own.to_owned() }
    };
    let mut words = or(&entry.result, |target| &target.result);
    if words.is_empty() {
        words = or(&entry.rule, |target| &target.rule);
    }
    match entry.repeated {
        0 => words,
        times => format!("{times} times more: {words}"),
    }
}

/// "nginx[42], sh[43] and 62 more".
fn targets(entry: &Entry, most: usize) -> String {
    let total = usize::try_from(entry.targets_total).unwrap_or(usize::MAX).max(entry.targets.len());
    let named = entry.targets.iter().take(most).map(|target| match target.name.as_str() {
        "" => target.pid.to_string(),
        name => format!("{name}[{}]", target.pid),
    });
    let named: Vec<String> = named.collect();
    let more = total.saturating_sub(named.len());
    let part =
        if entry.part.of > 1 { format!(" (part {} of {})", entry.part.number, entry.part.of) } else { String::new() };
    match (named.join(", "), more) {
        (named, 0) => named + &part,
        (named, more) if most == 1 => format!("{named} +{more}{part}"),
        (named, more) => format!("{named} and {more} more{part}"),
    }
}

#[cfg(test)]
mod tests;
