//! `ps --fields`: one column per field, whatever the field is.

use procwire_proto::{FieldMask, FieldTable as _, ProcessFieldSet, json, v1::Process};
use serde_json::Value;

use super::columns::style;
use crate::render::{
    clock::Clock,
    table::{Align, Column, Table},
    value::{self, Form, MISSING},
};

/// The table of these processes with the fields asked for, in that order. A message stands for all its fields that
/// are in `effective`, the mask that the agent answered by.
pub(crate) fn table_of_fields(asked: &[String], effective: &FieldMask, processes: &[Process], clock: &Clock) -> Table {
    let paths = expand(asked, effective);
    let objects: Vec<Value> = processes.iter().map(json::to_json).collect();
    let columns = paths.iter().map(|path| {
        let first = objects.iter().find_map(|object| parent(object, path)?.get(leaf(path)));
        Column::new(header(path, &paths), first.map_or(Align::Left, |value| value::align(leaf(path), value)))
    });
    let mut table = Table::new(columns.collect());
    for (process, object) in processes.iter().zip(&objects) {
        let shown = |path: &String| show(object, path, clock);
        table
            .push(paths.iter().map(|path| shown(path).unwrap_or_else(|| MISSING.to_owned())).collect(), style(process));
    }
    table
}

/// The cell of a field.
pub(super) fn show(object: &Value, path: &str, clock: &Clock) -> Option<String> {
    value::show_member(parent(object, path)?, leaf(path), Form::Cell, clock)
}

/// The field of a read mask that a value is part of: orders reach into messages that masks take whole. `None`: it is of a newer
/// agent, or of none, and the agent will say so where it was typed.
pub(crate) fn mask_path(path: &str) -> Option<&str> {
    let is_field = |path: &str| Process::FIELDS.iter().any(|field| field.path == path);
    std::iter::successors(Some(path), |path| Some(path.rsplit_once('.')?.0)).find(|path| is_field(path))
}

/// The field's own name without its unit.
pub(super) fn short_header(path: &str) -> String {
    value::without_unit(leaf(path)).to_ascii_uppercase()
}

/// The paths of the columns.
fn expand(asked: &[String], effective: &FieldMask) -> Vec<String> {
    // A newer agent may know fields that this version does not: then its own words are the columns.
    let known = ProcessFieldSet::from_mask(Some(effective), ProcessFieldSet::EMPTY);
    let available: Vec<String> = match known {
        Ok(set) => set.iter().map(|field| field.path.to_owned()).collect(),
        Err(_) => effective.paths.clone(),
    };
    let mut paths: Vec<String> = Vec::new();
    for path in asked {
        let below = |candidate: &&String| {
            path == "*"
                || candidate.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found: Vec<&String> = available.iter().filter(below).collect();
        let found = if found.is_empty() { vec![path] } else { found };
        for path in found {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
    }
    paths
}

/// The field's own name without its unit, or the whole path where that names two columns.
fn header(path: &str, paths: &[String]) -> String {
    let short = short_header(path);
    let is_unique = paths.iter().filter(|other| short_header(other) == short).count() == 1;
    if is_unique { short } else { path.to_ascii_uppercase() }
}

/// The object that a path leads to the door of.
fn parent<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let Some((above, _)) = path.rsplit_once('.') else { return Some(object) };
    above.split('.').try_fold(object, |value, name| value.get(name))
}

fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::render::process::layout::tests::{clock, process};

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(ToString::to_string).collect() }
    }

    fn lines(asked: &[&str], effective: &[&str]) -> Vec<String> {
        let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
        let processes = [process(7, b"one", &[b"one", b"\x1b[2J"]), process(1234, b"two", &[])];
        let mut out = Vec::new();
        table_of_fields(&asked, &mask(effective), &processes, &clock()).write(&mut out, None).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn columns_follow_the_fields_in_their_order() {
        let lines = lines(&["name", "pid", "memory.resident_bytes"], &["pid", "name", "memory.resident_bytes"]);
        assert_eq!(lines, ["NAME  PID RESIDENT", "one     7      12M", "two  1234      12M"]);
    }

    #[test]
    fn a_message_stands_for_its_fields() {
        let lines = lines(&["uids", "cpu_times"], &["uids", "cpu_times.user_ns", "cpu_times.system_ns"]);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines[0]), ["UIDS", "USER", "SYSTEM"]);
        assert_eq!(words(&lines[1]), ["real=1000,effective=1000,saved=1000,filesystem=1000", "0:03.00", "0:00.21"]);
    }

    #[test]
    fn two_fields_of_one_name_are_told_apart() {
        let header = |asked: &[&str]| lines(asked, asked)[0].split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let asked = ["memory.swap_bytes", "memory_footprint.swap_bytes"];
        assert_eq!(header(&asked), ["MEMORY.SWAP_BYTES", "MEMORY_FOOTPRINT.SWAP_BYTES"]);
    }

    #[test]
    fn lists_and_hostile_text_stay_on_one_line() {
        let lines = lines(&["cmdline"], &["cmdline"]);
        assert_eq!(lines, ["CMDLINE", r"one \x1b[2J", "-"]);
    }

    #[test]
    fn a_part_of_a_field_is_asked_for_with_all_of_it() {
        for (path, wanted) in [
            ("memory_footprint.unique_bytes", Some("memory_footprint")),
            ("memory.swap_bytes", Some("memory.swap_bytes")),
            ("pid", Some("pid")),
            ("aura.colour", None),
        ] {
            assert_eq!(mask_path(path), wanted);
        }
    }

    #[test]
    fn a_field_of_a_newer_agent_is_a_column_too() {
        assert_eq!(lines(&["pid", "aura"], &["pid", "aura"])[0], " PID AURA");
    }
}
