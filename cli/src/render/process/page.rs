//! `procwire info`: all of one process, in sections.

use std::io::{self, Write};

use procwire_proto::{escape, json, v1::Process};
use serde_json::Value;

use crate::render::{clock::Clock, page::Page, units, unreadable, value};

/// Fields that the first section shows in its own words.
const SHOWN_FIRST: [&str; 15] = [
    "pid",
    "ref",
    "ppid",
    "name",
    "state",
    "start_time",
    "cmdline",
    "cmdline_raw",
    "exe",
    "exe_deleted",
    "cwd",
    "cwd_deleted",
    "terminal",
    "username",
    "errors",
];

/// Prints the page of a process.
pub(crate) fn write_page(out: &mut dyn Write, process: &Process, clock: &Clock, width: Option<u16>) -> io::Result<()> {
    let mut page = Page::default();
    page.list(format!("{} ({})", process.display_name(), process.pid), identity(process, clock));

    let object = json::to_json(process);
    let mut details = Vec::new();
    for (name, member) in object.as_object().into_iter().flatten() {
        if SHOWN_FIRST.contains(&name.as_str()) || name.ends_with("_base64") {
            continue;
        }
        match member {
            Value::Object(_) => page.value(value::title(name), member, clock),
            Value::Array(items) if items.iter().any(Value::is_object) => page.value(value::title(name), member, clock),
            _ => details.extend(
                value::show_member(&object, name, value::Form::Page, clock).map(|shown| (value::label(name), shown)),
            ),
        }
    }
    page.grid("Other", details);
    page.list("Not readable", unreadable::by_reason(&process.errors));
    page.write(out, width)
}

fn identity(process: &Process, clock: &Clock) -> Vec<(String, String)> {
    let path = |path: &Option<Vec<u8>>, deleted: Option<bool>| {
        let mark = if deleted == Some(true) { " (deleted)" } else { "" };
        path.as_deref().map(|path| format!("{}{mark}", escape::terminal(path)))
    };
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|bytes| escape::terminal(bytes).into_owned());
    let started = process.start_time.as_ref().map(|start| match clock.since(start) {
        Some(ago) => format!("{} ({} ago)", clock.full(start), units::span(ago)),
        None => clock.full(start),
    });
    let state = process.state.map(|_| format!("{} ({})", process.state().as_words(), process.state().letter()));
    let user = match (text(&process.username), process.uids) {
        (Some(name), Some(uids)) => Some(format!("{name} ({})", uids.real)),
        (name, uids) => name.or(uids.map(|uids| uids.real.to_string())),
    };
    let kind = process.kernel_thread().then(|| "kernel thread".to_owned());
    let command = (!process.cmdline.is_empty()).then(|| process.display_command());
    let pairs = [
        ("kind", kind),
        ("command", command),
        ("program", path(&process.exe, process.exe_deleted)),
        ("directory", path(&process.cwd, process.cwd_deleted)),
        ("user", user),
        ("state", state),
        ("parent", process.ppid.map(|ppid| ppid.to_string())),
        ("started", started),
        ("terminal", text(&process.terminal)),
        ("reference", process.reference().map(ToString::to_string)),
    ];
    pairs.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?))).collect()
}
