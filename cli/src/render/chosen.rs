//! The processes that are about to be hit.

use std::io::{self, Write};

use anstyle::Style;
use procwire_client::v1::{ControlTarget, Process};
use procwire_proto::escape;

use super::{
    table::{Align, Column, Table},
    value::MISSING,
};

/// More than these are counted, not shown.
const SHOWN_MAX: usize = 20;

/// Processes, each with the whole name that it goes by.
pub(crate) fn write(out: &mut dyn Write, width: Option<u16>, processes: &[Process]) -> io::Result<()> {
    let rows = processes.iter().map(|process| {
        let reference = process.reference().map_or_else(|| MISSING.to_owned(), ToString::to_string);
        let user = match (&process.username, process.uids) {
            (Some(name), _) => escape::terminal(name).into_owned(),
            (None, Some(uids)) => uids.real.to_string(),
            (None, None) => MISSING.to_owned(),
        };
        [reference, user, process.display_command()]
    });
    write_rows(out, width, ["TARGET", "USER", "COMMAND"], rows, processes.len())
}

/// What an agent resolved: a target, and what belongs to it.
pub(crate) fn write_targets(out: &mut dyn Write, width: Option<u16>, targets: &[ControlTarget]) -> io::Result<()> {
    let rows = targets.iter().map(|target| {
        let reference = target.r#ref.as_ref().map_or_else(|| MISSING.to_owned(), ToString::to_string);
        let uid = target.uid.map_or_else(|| MISSING.to_owned(), |uid| uid.to_string());
        [reference, uid, name_of(target)]
    });
    write_rows(out, width, ["TARGET", "UID", "NAME"], rows, targets.len())
}

/// Its name, safe to print.
pub(crate) fn name_of(target: &ControlTarget) -> String {
    target.name.as_deref().map_or_else(|| "process".to_owned(), |name| escape::terminal(name).into_owned())
}

fn write_rows(
    out: &mut dyn Write,
    width: Option<u16>,
    headers: [&str; 3],
    rows: impl Iterator<Item = [String; 3]>,
    count: usize,
) -> io::Result<()> {
    let mut table = Table::new(headers.map(|header| Column::new(header, Align::Left)).into());
    for row in rows.take(SHOWN_MAX) {
        table.push(row.into(), Style::new());
    }
    table.write(out, width)?;
    match count.saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => writeln!(out, "... and {more} more (--dry-run lists all)"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_client::ProcessRef;

    use super::*;

    #[test]
    fn hostile_names_are_escaped_and_many_are_counted() {
        let process = |pid| Process {
            pid,
            r#ref: Some(ProcessRef { pid, start_ticks: 9, ..ProcessRef::default() }),
            name: Some(b")\n\x1b[2J".to_vec()),
            username: Some(b"a\x1b]0;x\x07".to_vec()),
            ..Process::default()
        };
        let processes: Vec<_> = (1..=25).map(process).collect();
        let mut out = Vec::new();
        write(&mut out, Some(80), &processes).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 20 + 1, "{text}");
        assert!(lines[1].starts_with("1@9") && lines[1].contains(r"[)\n\x1b[2J]"), "{text}");
        assert_eq!(lines[21], "... and 5 more (--dry-run lists all)");
        assert!(!text.contains(['\u{1b}', '\u{7}']));
    }
}
