//! Where it belongs: control group, unit, container, namespaces.

use procwire_proto::{escape, v1::Process};

use super::{Pairs, present, text};

pub(super) const FIELDS: &[&str] = &["cgroup", "namespaces", "oom"];

pub(super) fn pairs(process: &Process) -> Pairs {
    let cgroup = process.cgroup.as_deref().cloned().unwrap_or_default();
    let older = cgroup.v1.iter().map(|membership| {
        format!("{}:{}", escape::terminal(&membership.controllers), escape::terminal(&membership.path))
    });
    let older: Vec<_> = older.collect();
    present([
        ("unit", cgroup.unit.as_deref().map(text)),
        ("container", cgroup.container_id.as_deref().map(|id| text(id.as_bytes()))),
        ("control group", cgroup.path.as_deref().map(text)),
        ("groups of v1", (!older.is_empty()).then(|| older.join(" "))),
        ("namespaces", namespaces(process)),
        ("out of memory", out_of_memory(process)),
    ])
}

fn namespaces(process: &Process) -> Option<String> {
    let namespaces = process.namespaces.as_ref()?;
    let all = [
        ("mount", namespaces.mount),
        ("pid", namespaces.pid),
        ("network", namespaces.network),
        ("user", namespaces.user),
        ("ipc", namespaces.ipc),
        ("uts", namespaces.uts),
        ("cgroup", namespaces.cgroup),
        ("time", namespaces.time),
    ];
    let told = all.into_iter().filter_map(|(name, inode)| Some(format!("{name}:{}", inode?))).collect::<Vec<_>>();
    (!told.is_empty()).then(|| told.join(" "))
}

fn out_of_memory(process: &Process) -> Option<String> {
    let oom = process.oom.as_ref()?;
    let score = oom.score.map(|score| format!("score {score} of 2000"));
    let adjustment = oom.score_adjustment.map(|adjustment| match adjustment {
        -1000 => "never killed (adjustment -1000)".to_owned(),
        other => format!("adjustment {other}"),
    });
    let parts: Vec<_> = score.into_iter().chain(adjustment).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
