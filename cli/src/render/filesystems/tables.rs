//! How full filesystems are, as tables.

use std::collections::BTreeMap;

use anstyle::Style;
use procwire_proto::{
    escape, json,
    v1::{DiskUsage, FieldErrorReason, GetDiskUsageRequest, GetDiskUsageResponse, Mount},
};
use serde_json::Value;

use super::choice::seen;
use crate::{
    render::{
        table::{Align, Column, Table},
        unreadable::counted_reasons,
        value::MISSING,
    },
    sizes::SizeUnit,
};

/// How to show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Unit of the sizes.
    pub(crate) unit: SizeUnit,
    /// Inodes in place of bytes.
    pub(crate) inodes: bool,
    /// With the options of the mount.
    pub(crate) wide: bool,
}

/// A path and how full its filesystem is.
#[derive(Clone, Debug)]
pub(crate) struct PathUsage {
    /// As it was asked for.
    pub(crate) path: Vec<u8>,
    /// The agent's answer.
    pub(crate) answer: GetDiskUsageResponse,
}

impl PathUsage {
    /// The answer with the path that it is about.
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json::to_json(&GetDiskUsageRequest { path: self.path.clone() });
        if let (Value::Object(members), Value::Object(answer)) = (&mut value, json::to_json(&self.answer)) {
            members.extend(answer);
        }
        value
    }
}

/// A row for each mount.
pub(crate) fn mount_table(mounts: &[&Mount], shown: Shown) -> Table {
    let mut columns = vec![
        Column { drop_order: Some(2), max_width: 24, ..Column::of_paths("SOURCE") },
        Column { drop_order: Some(1), max_width: 16, ..Column::new("TYPE", Align::Left) },
    ];
    columns.extend(usage_columns(shown));
    columns.push(Column::of_paths("MOUNTED ON"));
    if shown.wide {
        columns.push(Column { drop_order: Some(3), ..Column::new("OPTIONS", Align::Left) });
    }
    let mut table = Table::new(columns);
    let seen = seen(mounts.iter().copied());
    for mount in mounts {
        let source = mount.source.as_deref().map_or_else(|| MISSING.to_owned(), shown_bytes);
        let mut cells = vec![source, shown_bytes(&mount.filesystem_type)];
        cells.extend(usage_cells(mount.usage.as_ref(), shown));
        let place = shown_bytes(&mount.mount_point);
        cells.push(match why_unknown(mount) {
            // How full it is can be unsupported for no other reason; and that word would say nothing about it.
            Some(FieldErrorReason::Unsupported) if seen.get(mount.mount_point.as_slice()) != Some(&mount.id) => {
                format!("{place} (under another mount)")
            }
            Some(reason) => format!("{place} ({})", reason.as_words()),
            None if mount.read_only => format!("{place} (read-only)"),
            None => place,
        });
        if shown.wide {
            let options: Vec<_> = mount.options.iter().map(|option| escape::terminal(option)).collect();
            cells.push(options.join(","));
        }
        table.push(cells, Style::new());
    }
    table
}

/// A row for each path.
pub(crate) fn path_table(paths: &[PathUsage], shown: Shown) -> Table {
    let mut columns = usage_columns(shown);
    columns.push(Column::of_paths("PATH"));
    let mut table = Table::new(columns);
    for PathUsage { path, answer } in paths {
        let mut cells = usage_cells(answer.usage.as_ref(), shown);
        cells.push(shown_bytes(path));
        table.push(cells, Style::new());
    }
    table
}

/// Why it is not known how full it is; `None` if it is.
pub(crate) fn why_unknown(mount: &Mount) -> Option<FieldErrorReason> {
    let is_about_usage = |path: &str| path == "usage" || path == "mounts.usage";
    let error = mount.errors.iter().find(|error| is_about_usage(&error.path))?;
    mount.usage.is_none().then(|| error.reason())
}

/// How many do not tell how full they are, and why; `None` if all do.
pub(crate) fn unanswered(mounts: &[&Mount]) -> Option<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let seen = seen(mounts.iter().copied());
    // What lies under another mount says so in its row, and nothing is wrong with it.
    let reachable = mounts.iter().filter(|mount| seen.get(mount.mount_point.as_slice()) == Some(&mount.id));
    for reason in reachable.filter_map(|mount| why_unknown(mount)) {
        *reasons.entry(reason.as_words()).or_default() += 1;
    }
    let count: usize = reasons.values().sum();
    let noun = if count == 1 { "filesystem does" } else { "filesystems do" };
    (count > 0).then(|| format!("{count} {noun} not tell how full: {}", counted_reasons(&reasons)))
}

fn usage_columns(shown: Shown) -> Vec<Column> {
    let right = |header| Column::new(header, Align::Right);
    match shown.inodes {
        true => ["INODES", "IUSED", "IFREE", "IUSED%"].map(right).to_vec(),
        false => ["SIZE", "USED", "AVAIL", "USED%"].map(right).to_vec(),
    }
}

fn usage_cells(usage: Option<&DiskUsage>, shown: Shown) -> Vec<String> {
    let cells = match (usage, shown.inodes) {
        (None, _) => [const { None }; 4],
        (Some(usage), true) => {
            let used = usage.total_inodes.zip(usage.free_inodes).map(|(total, free)| total.saturating_sub(free));
            let share = used.zip(usage.total_inodes).filter(|(_, total)| *total > 0);
            [
                usage.total_inodes.map(|count| count.to_string()),
                used.map(|count| count.to_string()),
                usage.free_inodes.map(|count| count.to_string()),
                share.map(|(used, total)| percent(used as f64 / total as f64)),
            ]
        }
        (Some(usage), false) => [
            Some(shown.unit.show(usage.total_bytes)),
            Some(shown.unit.show(usage.used_bytes)),
            Some(shown.unit.show(usage.available_bytes)),
            usage.used_ratio.map(percent),
        ],
    };
    cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect()
}

/// As df counts: 100 % is full, so what is not quite full does not say so, and what is not empty says so.
fn percent(ratio: f64) -> String {
    format!("{:.0}%", (ratio * 100.0).ceil())
}

fn shown_bytes(bytes: &[u8]) -> String {
    escape::terminal(bytes).into_owned()
}
