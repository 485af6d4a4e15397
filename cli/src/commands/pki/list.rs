//! `procwire pki list`

use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::{
    error::CliError,
    output::{Format, Output},
    pki::{Directory, Entry, Purpose},
    render::{
        clock::Clock,
        json::{ArrayWriter, write_line},
        printable::printable,
        table::{Align, Column, Table},
        units,
    },
};

/// Shows all that was issued, as far as is known, those that end first before the others.
pub(super) fn run(directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    let registry = directory.registry()?;
    let now = SystemTime::now();
    match out.format {
        Format::Table | Format::Wide => {
            let table = table(&registry.entries(), now, &out.clock);
            table.write(&mut out.answer, out.width)?;
        }
        Format::Json => {
            let mut array = ArrayWriter::default();
            for entry in registry.entries() {
                array.push(&mut out.answer, &value(entry, now, &out.clock))?;
            }
            array.finish(&mut out.answer)?;
        }
        Format::Ndjson => {
            for entry in registry.entries() {
                write_line(&mut out.answer, &value(entry, now, &out.clock))?;
            }
        }
    }
    Ok(())
}

fn table(entries: &[&Entry], now: SystemTime, clock: &Clock) -> Table {
    let mut columns: Vec<_> =
        ["NAME", "FOR", "ROLES", "STATE", "SERIAL", "SPIFFE ID"].map(|header| Column::new(header, Align::Left)).into();
    // A serial number is copied from here: it stays whole where there is any room.
    for (column, drop_order) in columns.iter_mut().zip([None, Some(2), Some(3), None, None, Some(1)]) {
        column.drop_order = drop_order;
        column.may_be_cut = column.header != "SERIAL" && column.header != "STATE";
    }
    // Where nobody has a SPIFFE id, there is room for the roles.
    if entries.iter().filter_map(|entry| entry.certificate.as_ref()).all(|known| known.spiffe_id.is_none()) {
        columns.pop();
    }
    let count = columns.len();
    let mut table = Table::new(columns);
    for entry in entries {
        let known = entry.certificate.as_ref();
        let text = |text: Option<String>| {
            text.filter(|text| !text.is_empty()).map_or_else(|| "-".to_owned(), |text| printable(&text).into_owned())
        };
        let mut cells = vec![
            text(known.map(|known| known.name.clone())),
            text(known.and_then(|known| known.purpose).map(|purpose| purpose.as_str().to_owned())),
            text(known.map(|known| known.organisations.join(","))),
            state_in_words(entry, now, clock),
            entry.serial.to_string(),
            text(known.and_then(|known| known.spiffe_id.clone())),
        ];
        cells.truncate(count);
        table.push(cells, style(entry, now));
    }
    table
}

fn style(entry: &Entry, now: SystemTime) -> Style {
    if entry.is_good(now) { Style::new() } else { AnsiColor::BrightBlack.on_default() }
}

fn state_in_words(entry: &Entry, now: SystemTime, clock: &Clock) -> String {
    let ends = entry.certificate.as_ref().map(|known| known.not_after.into());
    match (entry.revoked, ends) {
        (Some((at, reason)), _) => format!("revoked {} ({reason})", clock.brief(&at.into())),
        (None, Some(end)) if !entry.is_good(now) => format!("ended {}", clock.brief(&end)),
        (None, Some(end)) => {
            clock.until(&end).map_or_else(|| "ended".to_owned(), |left| format!("ends in {}", units::span(left)))
        }
        (None, None) => "unknown".to_owned(),
    }
}

fn value(entry: &Entry, now: SystemTime, clock: &Clock) -> Value {
    let known = entry.certificate.as_ref();
    let moment = |time: SystemTime| clock.sortable(&time.into());
    let state = match (entry.revoked, entry.is_good(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "good",
        (None, false) => "ended",
    };
    json!({
        "name": known.map(|known| &known.name),
        "purpose": known.and_then(|known| known.purpose).map(Purpose::as_str),
        "organisations": known.map(|known| &known.organisations),
        "spiffe_id": known.and_then(|known| known.spiffe_id.as_ref()),
        "serial": entry.serial.as_str(),
        "state": state,
        "not_before": known.map(|known| moment(known.not_before)),
        "not_after": known.map(|known| moment(known.not_after)),
        "revoked_at": entry.revoked.map(|(at, _)| moment(at)),
        "revoked_because": entry.revoked.map(|(_, reason)| reason.as_str()),
    })
}
