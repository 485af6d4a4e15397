//! `procwire info`: all of one process, in sections.

mod identity;
mod lists;
mod memory;
mod place;
mod processor;
mod rights;
mod signals;

use std::io::{self, Write};

use procwire_proto::{
    escape, json,
    v1::{Process, ProcessRef},
};
use serde_json::Value;

use crate::render::{clock::Clock, page::Page, unreadable, value};

/// Fields that sections show in words of their own; others, which a newer agent may have, are shown as they come.
const SHOWN_IN_WORDS: &[&[&str]] = &[
    identity::FIELDS,
    rights::FIELDS,
    signals::FIELDS,
    processor::FIELDS,
    memory::FIELDS,
    place::FIELDS,
    lists::FIELDS,
    &["errors"],
];

/// Labels and values.
type Pairs = Vec<(String, String)>;

/// How a page is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail<'a> {
    /// Now.
    pub(crate) clock: &'a Clock,
    /// Of this process.
    pub(crate) relatives: &'a Relatives,
    /// Lists in full.
    pub(crate) is_whole: bool,
}

/// Processes above and below one.
#[derive(Debug, Default)]
pub(crate) struct Relatives {
    ancestors: Vec<Process>,
    children: Vec<Process>,
}

impl Relatives {
    /// Those of a process, from a list that has them.
    pub(crate) fn of(process: &Process, list: Vec<Process>) -> Self {
        let is_ancestor = |other: &Process| {
            let reference = other.reference();
            reference.is_some_and(|reference| process.ancestors.iter().any(|known| known.is_same_process(reference)))
        };
        let (ancestors, others): (Vec<_>, Vec<_>) = list.into_iter().partition(is_ancestor);
        let children = others.into_iter().filter(|other| other.ppid == Some(process.pid)).collect();
        Self { ancestors, children }
    }

    /// `812 sshd`, or the pid alone where the name is not known.
    fn ancestor(&self, reference: &ProcessRef) -> String {
        let is_it = |process: &&Process| process.reference().is_some_and(|other| other.is_same_process(reference));
        self.ancestors.iter().find(is_it).map_or_else(|| reference.pid.to_string(), pid_and_name)
    }
}

/// Prints the page of a process.
pub(crate) fn write_page(
    out: &mut dyn Write,
    process: &Process,
    detail: &Detail<'_>,
    width: Option<u16>,
) -> io::Result<()> {
    let mut page = Page::default();
    let mut identity = identity::pairs(process, detail);
    if identity.is_empty() {
        identity.push(("pid".to_owned(), process.pid.to_string()));
    }
    let title = match process.name {
        Some(_) => format!("{} ({})", process.display_name(), process.pid),
        None => format!("process {}", process.pid),
    };
    page.list(title, identity);
    page.list("Rights", rights::pairs(process));
    page.list("Processor", processor::pairs(process));
    page.grid("Memory", memory::amounts(process));
    page.grid("Input and output", memory::input_and_output(process));
    page.list("Place", place::pairs(process));
    page.list("Signals", signals::pairs(process));
    lists::add(&mut page, process, detail);
    add_others(&mut page, process, detail.clock);
    page.list("Not readable", unreadable::by_reason(&process.errors));
    page.write(out, width)
}

/// Fields that no section knows.
fn add_others(page: &mut Page, process: &Process, clock: &Clock) {
    let object = json::to_json(process);
    let mut others = Pairs::new();
    for (name, member) in object.as_object().into_iter().flatten() {
        if SHOWN_IN_WORDS.iter().any(|fields| fields.contains(&name.as_str())) || name.ends_with("_base64") {
            continue;
        }
        match member {
            Value::Object(_) => page.value(value::title(name), member, clock),
            Value::Array(items) if items.iter().any(Value::is_object) => page.value(value::title(name), member, clock),
            _ => others.extend(
                value::show_member(&object, name, value::Form::Page, clock).map(|shown| (value::label(name), shown)),
            ),
        }
    }
    page.grid("Other", others);
}

/// Pairs of those values that are there.
fn present<const N: usize>(pairs: [(&str, Option<String>); N]) -> Pairs {
    pairs.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?))).collect()
}

fn text(bytes: &[u8]) -> String {
    escape::terminal(bytes).into_owned()
}

fn pid_and_name(process: &Process) -> String {
    format!("{} {}", process.pid, process.display_name())
}

#[cfg(test)]
mod tests;
