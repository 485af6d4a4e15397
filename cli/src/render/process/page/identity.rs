//! What it is, where it comes from, what it runs.

use procwire_proto::v1::{Process, ProcessState};

use super::{Detail, Pairs, pid_and_name, present, text};
use crate::render::units;

pub(super) const FIELDS: &[&str] = &[
    "pid",
    "ref",
    "ppid",
    "name",
    "state",
    "exit_status",
    "leader_exited",
    "kernel_thread",
    "start_time",
    "cmdline",
    "cmdline_raw",
    "exe",
    "exe_deleted",
    "cwd",
    "cwd_deleted",
    "root",
    "terminal",
    "ancestors",
    "process_group_id",
    "session_id",
    "foreground_process_group_id",
    "tracer_pid",
    "namespace_pids",
];

/// Longer commands are cut unless everything was asked for.
const COMMAND_CHARACTERS: usize = 1000;

/// More children are counted.
const CHILDREN: usize = 6;

pub(super) fn pairs(process: &Process, detail: &Detail<'_>) -> Pairs {
    let clock = detail.clock;
    let path = |path: &Option<Vec<u8>>, deleted: bool| {
        path.as_deref().map(|path| format!("{}{}", text(path), if deleted { " (deleted)" } else { "" }))
    };
    let started = process.start_time.as_ref().map(|start| match clock.since(start) {
        Some(ago) => format!("{} ({} ago)", clock.full(start), units::span(ago)),
        None => clock.full(start),
    });
    present([
        ("kind", process.kernel_thread().then(|| "kernel thread".to_owned())),
        ("state", state(process)),
        ("command", command(process, detail.is_whole)),
        ("program", path(&process.exe, process.exe_deleted())),
        ("directory", path(&process.cwd, process.cwd_deleted())),
        ("root", path(&process.root, false).filter(|root| root != "/")),
        ("started", started),
        ("ancestors", ancestors(process, detail)),
        ("parent", process.ppid.filter(|ppid| *ppid != 0 && process.ancestors.is_empty()).map(|ppid| ppid.to_string())),
        ("children", children(detail)),
        ("terminal", terminal(process)),
        ("session", session(process)),
        ("traced by", process.tracer_pid.map(|pid| format!("process {pid}"))),
        ("pid inside", inner_pids(process)),
        ("reference", process.reference().map(ToString::to_string)),
    ])
}

fn state(process: &Process) -> Option<String> {
    process.state?;
    let mut state = format!("{} ({})", process.state().as_words(), process.state().letter());
    if process.leader_exited() {
        state = format!("{state}; its main thread has exited, others run on");
    }
    match &process.exit_status {
        Some(status) => Some(format!("{state}: {}", text(status.to_string().as_bytes()))),
        None if process.state() == ProcessState::Zombie => Some(format!("{state}: not yet waited for by its parent")),
        None => Some(state),
    }
}

fn command(process: &Process, is_whole: bool) -> Option<String> {
    if process.cmdline.is_empty() {
        return None;
    }
    let command = process.display_command();
    let length = command.chars().count();
    if is_whole || length <= COMMAND_CHARACTERS {
        return Some(command);
    }
    let shown: String = command.chars().take(COMMAND_CHARACTERS).collect();
    Some(format!("{shown}… and {} more characters (--all)", length - COMMAND_CHARACTERS))
}

/// `1 systemd > 812 sshd`, the nearest last.
fn ancestors(process: &Process, detail: &Detail<'_>) -> Option<String> {
    let chain = process.ancestors.iter().rev().map(|reference| detail.relatives.ancestor(reference));
    let chain = chain.collect::<Vec<_>>().join(" > ");
    (!chain.is_empty()).then_some(chain)
}

fn children(detail: &Detail<'_>) -> Option<String> {
    let children = &detail.relatives.children;
    let most = if detail.is_whole { children.len() } else { CHILDREN };
    let mut shown = children.iter().take(most).map(pid_and_name).collect::<Vec<_>>().join(", ");
    if children.len() > most {
        shown = format!("{shown} ... and {} more (--all)", children.len() - most);
    }
    Some(shown).filter(|shown| !shown.is_empty())
}

fn terminal(process: &Process) -> Option<String> {
    let terminal = text(process.terminal.as_deref()?);
    match (process.foreground_process_group_id, process.process_group_id) {
        (Some(foreground), Some(own)) if foreground == own => Some(format!("{terminal}, in the foreground")),
        _ => Some(terminal),
    }
}

fn session(process: &Process) -> Option<String> {
    let role = |id: u32, role: &'static str| if id == process.pid { role } else { "" };
    // Kernel threads have none.
    let some = |id: Option<u32>| id.filter(|id| *id != 0);
    let session = some(process.session_id).map(|id| format!("{id}{}", role(id, " (its leader)")));
    let group = some(process.process_group_id).map(|id| format!("group {id}{}", role(id, " (its leader)")));
    let parts: Vec<_> = session.into_iter().chain(group).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Only where it has another pid in a namespace of its own.
fn inner_pids(process: &Process) -> Option<String> {
    let inner: Vec<_> = process.namespace_pids.iter().skip(1).map(u32::to_string).collect();
    (!inner.is_empty()).then(|| format!("{} in its own pid namespace", inner.join(", then ")))
}
