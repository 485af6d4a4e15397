//! Limits, sockets, open files, threads, environment, mapped memory: cut to a few unless everything was asked for.

use procwire_proto::v1::{Process, ResourceKind};

use super::{Detail, Pairs, text};
use crate::render::{
    page::Page,
    process::{
        files::{EntryFilter, EntryTable, entries},
        limits, maps, threads,
    },
    sockets,
};

pub(super) const FIELDS: &[&str] =
    &["resource_limits", "sockets", "open_files", "threads", "environ", "memory_maps", "memory_map_groups"];

/// So many entries of a list are enough to see what it is about.
const FEW: usize = 6;

pub(super) fn add(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    add_limits(page, process, detail);
    add_sockets(page, process, detail);
    add_files(page, process, detail);
    add_threads(page, process, detail);
    add_environment(page, process, detail);
    add_maps(page, process, detail);
}

impl Detail<'_> {
    /// How many entries of a list are shown.
    fn most(&self) -> usize {
        if self.is_whole { usize::MAX } else { FEW }
    }
}

/// In short those that people run into.
fn add_limits(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    if process.resource_limits.is_empty() {
        return;
    }
    if detail.is_whole {
        return page.table("Limits", limits::table(process, &limits::Usage::default()));
    }
    let asked = [
        ("descriptors", ResourceKind::Nofile),
        ("threads of user", ResourceKind::Nproc),
        ("address space", ResourceKind::As),
        ("locked memory", ResourceKind::Memlock),
        ("stack", ResourceKind::Stack),
        ("core dump", ResourceKind::Core),
    ];
    let told = asked.into_iter().filter_map(|(label, kind)| Some((label.to_owned(), limits::in_short(process, kind)?)));
    page.grid("Limits", told.collect());
}

fn add_sockets(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    if process.sockets.is_empty() {
        return;
    }
    let mut all = process.sockets.clone();
    sockets::sort(&mut all);
    // Addresses of the network first: people look for them.
    all.sort_by_key(|socket| socket.local.as_ref().is_none_or(|local| local.as_socket_addr().is_none()));
    let total = all.len();
    all.truncate(detail.most());
    page.cut_table(format!("Sockets ({total})"), sockets::socket_table(&all, None, false), total - all.len());
}

fn add_files(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    let of_descriptors =
        Process { open_files: process.open_files.clone(), sockets: process.sockets.clone(), ..Process::default() };
    let all = entries(&of_descriptors, &EntryFilter::default());
    if all.is_empty() {
        return;
    }
    let mut table = EntryTable::new(false, false);
    all.iter().take(detail.most()).for_each(|entry| table.push(process, entry));
    page.cut_table(format!("Open files ({})", all.len()), table.finish(), all.len().saturating_sub(detail.most()));
}

fn add_threads(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    let all = threads::in_order(process, None);
    // One that has no thread beside its first has said it all above.
    if all.len() < 2 && !detail.is_whole {
        return;
    }
    let shown: Vec<_> = all.iter().take(detail.most()).copied().collect();
    if !shown.is_empty() {
        let table = threads::table(&shown, None, false);
        page.cut_table(format!("Threads ({})", all.len()), table, all.len() - shown.len());
    }
}

fn add_environment(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    let variables = process.environ.iter().map(|variable| {
        let value = variable.value.as_deref().map(text).unwrap_or_default();
        let mark = if variable.redacted { "(REDACTED)" } else { "" };
        (text(&variable.name), [value.as_str(), mark].join(" ").trim().to_owned())
    });
    let mut pairs: Pairs = variables.collect();
    let total = pairs.len();
    pairs.truncate(detail.most());
    if total > pairs.len() {
        pairs.push(("...".to_owned(), format!("and {} more (--all)", total - pairs.len())));
    }
    page.list(format!("Environment ({total})"), pairs);
}

fn add_maps(page: &mut Page, process: &Process, detail: &Detail<'_>) {
    let mut groups: Vec<_> = process.memory_map_groups.iter().collect();
    let total = groups.iter().map(|group| maps::Amounts::from(*group)).sum();
    groups.sort_by_key(|group| std::cmp::Reverse(group.resident_bytes));
    if !groups.is_empty() {
        let shown = groups.iter().take(detail.most()).copied();
        let table = maps::table_of_groups(shown, &total, false);
        page.cut_table(format!("Mapped memory ({})", groups.len()), table, groups.len().saturating_sub(detail.most()));
    } else if !process.memory_maps.is_empty() {
        let total = process.memory_maps.iter().map(maps::Amounts::from).sum();
        let table = maps::table_of_each(process.memory_maps.iter().take(detail.most()), &total, false);
        let left_out = process.memory_maps.len().saturating_sub(detail.most());
        page.cut_table(format!("Mapped memory ({})", process.memory_maps.len()), table, left_out);
    }
}
