//! Pages to read: sections of pairs of name and value, side by side where there is room.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::{
    clock::Clock,
    table::{Column, HEADER, Table},
    value::{self, Form, MISSING},
    wrap::wrap,
};

const LABEL: Style = AnsiColor::Cyan.on_default();
const INDENT: &str = "  ";
const GAP: usize = 4;

/// A value is never broken into shorter lines than this.
const LEAST_ROOM: usize = 20;

/// A page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    sections: Vec<Section>,
}

#[derive(Clone, Debug)]
struct Section {
    title: String,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// One pair per line: values of any length.
    List(Vec<(String, String)>),
    /// Several pairs per line: short values, to the right.
    Grid(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A table, and how many rows it could have had more.
    CutTable(Table, usize),
}

impl Page {
    /// Adds a section with one pair per line; nothing if there are no pairs.
    pub(crate) fn list(&mut self, title: impl Into<String>, pairs: Vec<(String, String)>) {
        self.push(title.into(), pairs.is_empty(), Body::List(pairs));
    }

    /// Adds a section with short pairs side by side; nothing if there are no pairs.
    pub(crate) fn grid(&mut self, title: impl Into<String>, pairs: Vec<(String, String)>) {
        self.push(title.into(), pairs.is_empty(), Body::Grid(pairs));
    }

    /// Adds a section with a table.
    pub(crate) fn table(&mut self, title: impl Into<String>, table: Table) {
        self.push(title.into(), false, Body::Table(table));
    }

    /// Adds a section with a table of which so many rows were left out.
    pub(crate) fn cut_table(&mut self, title: impl Into<String>, table: Table, left_out: usize) {
        self.push(title.into(), false, Body::CutTable(table, left_out));
    }

    /// Adds a section for a value of any shape: an object as a grid, a list of objects as a table.
    pub(crate) fn value(&mut self, title: impl Into<String>, value: &Value, clock: &Clock) {
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                self.table(title, table_of_objects(items, clock));
            }
            Value::Object(_) => self.grid(title, pairs_of(value, clock)),
            _ => {}
        }
    }

    fn push(&mut self, title: String, is_empty: bool, body: Body) {
        if !is_empty {
            self.sections.push(Section { title, body });
        }
    }

    /// Prints it. Without a width every pair has its own line and nothing is cut.
    pub(crate) fn write(&self, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
        for (index, section) in self.sections.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{HEADER}{}{HEADER:#}", section.title)?;
            match &section.body {
                Body::List(pairs) => write_list(out, pairs, width)?,
                Body::Grid(pairs) => write_grid(out, pairs, width)?,
                Body::Table(table) | Body::CutTable(table, 0) => table.write_indented(out, width, INDENT)?,
                Body::CutTable(table, left_out) => {
                    table.write_indented(out, width, INDENT)?;
                    writeln!(out, "{INDENT}... and {left_out} more (--all)")?;
                }
            }
        }
        Ok(())
    }
}

/// The members of an object as pairs; objects within are written in one with their name before.
pub(crate) fn pairs_of(object: &Value, clock: &Clock) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    collect_pairs(object, "", clock, &mut pairs);
    pairs
}

fn collect_pairs(object: &Value, prefix: &str, clock: &Clock, pairs: &mut Vec<(String, String)>) {
    for (name, member) in object.as_object().into_iter().flatten() {
        let label = format!("{prefix}{}", value::label(name));
        if name.ends_with("_base64") {
            continue;
        } else if member.is_object() {
            collect_pairs(member, &format!("{label} "), clock, pairs);
        } else if let Some(shown) = value::show_member(object, name, Form::Page, clock) {
            pairs.push((label, shown));
        }
    }
}

fn table_of_objects(items: &[Value], clock: &Clock) -> Table {
    let mut names: Vec<&String> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        if !names.contains(&name) && !name.ends_with("_base64") {
            names.push(name);
        }
    }
    let columns = names.iter().map(|name| {
        let first = items.iter().find_map(|item| item.get(name.as_str())).unwrap_or(&Value::Null);
        Column::new(value::label(name).to_uppercase(), value::align(name, first))
    });
    let mut table = Table::new(columns.collect());
    for item in items {
        let cell =
            |name: &&String| value::show_member(item, name, Form::Cell, clock).unwrap_or_else(|| MISSING.to_owned());
        table.push(names.iter().map(cell).collect(), Style::new());
    }
    table
}

fn write_list(out: &mut dyn Write, pairs: &[(String, String)], width: Option<u16>) -> io::Result<()> {
    let label_width = widest(pairs.iter().map(|(label, _)| label));
    let left = INDENT.len() + label_width + INDENT.len();
    let room = width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(left).max(LEAST_ROOM));
    for (label, value) in pairs {
        let mut label = label.as_str();
        for line in wrap(value, room) {
            writeln!(out, "{INDENT}{LABEL}{label:label_width$}{LABEL:#}{INDENT}{line}")?;
            label = "";
        }
    }
    Ok(())
}

fn write_grid(out: &mut dyn Write, pairs: &[(String, String)], width: Option<u16>) -> io::Result<()> {
    let label_width = widest(pairs.iter().map(|(label, _)| label));
    let value_width = widest(pairs.iter().map(|(_, value)| value));
    let pair_width = label_width + 2 + value_width;
    let available = width.map_or(0, usize::from).saturating_sub(INDENT.len());
    let across = ((available + GAP) / (pair_width + GAP)).clamp(1, 4);
    for line in pairs.chunks(across) {
        let cells =
            line.iter().map(|(label, value)| format!("{LABEL}{label:label_width$}{LABEL:#}  {value:>value_width$}"));
        writeln!(out, "{INDENT}{}", cells.collect::<Vec<_>>().join(&" ".repeat(GAP)))?;
    }
    Ok(())
}

/// In characters, as padding counts them; labels and short values are plain text.
fn widest<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(page: &Page, width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        page.write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    fn memory() -> Page {
        let mut page = Page::default();
        let memory = json!({ "resident_bytes": 1024, "peak_virtual_bytes": 3_565_158, "swap_bytes": 0 });
        page.value("Memory", &memory, &Clock::system());
        page
    }

    #[test]
    fn pairs_stand_side_by_side_where_there_is_room() {
        assert_eq!(
            lines(&memory(), Some(60)),
            ["Memory", "  resident      1.0 KiB    peak virtual  3.4 MiB", "  swap              0 B"]
        );
        assert_eq!(lines(&memory(), Some(200)).len(), 2);
        assert_eq!(lines(&memory(), None).len(), 4, "one pair per line without a terminal");
    }

    #[test]
    fn long_values_are_broken_below_their_beginning() {
        let mut page = Page::default();
        page.list("List", vec![("label".to_owned(), "twenty-two characters and a few more of them".to_owned())]);
        assert_eq!(
            lines(&page, Some(40)),
            ["List", "  label  twenty-two characters and a few", "         more of them"]
        );
        assert_eq!(lines(&page, None).len(), 2);
    }

    #[test]
    fn objects_within_give_their_name_and_lists_of_objects_are_tables() {
        let mut page = Page::default();
        let clock = Clock::system();
        page.value("Standing", &json!({ "limits": { "soft": 1 }, "odd": true }), &clock);
        page.value("Threads", &json!([{ "thread_id": 7, "name": "a\u{1b}" }, { "thread_id": 12 }]), &clock);
        assert_eq!(
            lines(&page, Some(80)),
            [
                "Standing",
                "  limits soft    1    odd          yes",
                "",
                "Threads",
                "  THREAD ID NAME",
                r"          7 a\x1b",
                "         12 -"
            ]
        );
    }

    #[test]
    fn a_section_without_pairs_is_left_out() {
        let mut page = Page::default();
        page.list("Empty", Vec::new());
        page.value("Scalar", &json!(7), &Clock::system());
        assert!(lines(&page, None).is_empty());
    }
}
