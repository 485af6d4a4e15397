//! `procwire free`: memory and swap of the host, and what of it the agent's own group may use.

mod limit;
mod parts;

use std::io::{self, Write};

use anstyle::Style;
use procwire_proto::v1::{Memory, Swap, System};

pub(crate) use limit::limit_sentence;
pub(crate) use parts::{huge_page_table, node_table};

use self::parts::device_table;
use super::{
    page::Page,
    table::{Align, Column, Table},
    value::MISSING,
};
use crate::sizes::SizeUnit;

/// How, and what beside the two lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Unit of the sizes.
    pub(crate) unit: SizeUnit,
    /// Buffers and cache in columns of their own.
    pub(crate) wide: bool,
    /// A line with the sum.
    pub(crate) total: bool,
    /// Swap devices, huge pages and nodes.
    pub(crate) all: bool,
}

/// Prints memory and swap.
pub(crate) fn write_memory(out: &mut dyn Write, system: &System, shown: Shown, width: Option<u16>) -> io::Result<()> {
    memory_table(system, shown).write(out, width)?;
    if let Some(sentence) = limit_sentence(system, width) {
        writeln!(out, "\n{sentence}")?;
    }
    if shown.all {
        let (memory, swap) = (system.memory.clone().unwrap_or_default(), system.swap.clone().unwrap_or_default());
        let mut page = Page::default();
        let tables = [
            ("Swap devices", device_table(&swap.devices, shown.unit)),
            ("Huge pages", huge_page_table(&memory.huge_pages, shown.unit)),
            ("NUMA nodes", node_table(&memory.nodes, shown.unit)),
        ];
        for (title, table) in tables.into_iter().filter_map(|(title, table)| Some((title, table?))) {
            page.table(title, table);
        }
        let mut text = Vec::new();
        page.write(&mut text, width)?;
        if !text.is_empty() {
            writeln!(out)?;
            out.write_all(&text)?;
        }
    }
    Ok(())
}

/// The table of free(1).
fn memory_table(system: &System, shown: Shown) -> Table {
    let right = |header| Column::new(header, Align::Right).at_least(6);
    let caches = if shown.wide { &["BUFFERS", "CACHE"][..] } else { &["BUFF/CACHE"] };
    let names = ["TOTAL", "USED", "FREE", "SHARED"].iter().chain(caches).chain(&["AVAILABLE"]);
    let columns = std::iter::once(Column::new("", Align::Left)).chain(names.map(|name| right(*name)));
    let mut table = Table::new(columns.collect());
    let size = |bytes: Option<u64>| bytes.map_or_else(|| MISSING.to_owned(), |bytes| shown.unit.show(bytes));
    let mut push = |name: &str, sizes: Vec<String>| {
        table.push(std::iter::once(name.to_owned()).chain(sizes).collect(), Style::new());
    };
    let (memory, swap) = (system.memory.clone().unwrap_or_default(), system.swap.clone().unwrap_or_default());
    let caches = match shown.wide {
        true => vec![memory.buffers_bytes, memory.cached_bytes],
        false => vec![sum(memory.buffers_bytes, memory.cached_bytes)],
    };
    let sizes = [memory.total_bytes, memory.used_bytes, memory.free_bytes, memory.shared_bytes];
    push("Mem", sizes.into_iter().chain(caches).chain([memory.available_bytes]).map(size).collect());
    // What is not said of swap is no dash: there is nothing to know.
    let three = |sizes: [Option<u64>; 3]| {
        let blank = std::iter::repeat_n(String::new(), if shown.wide { 4 } else { 3 });
        sizes.into_iter().map(size).chain(blank).collect()
    };
    push("Swap", three([swap.total_bytes, swap.used_bytes, swap.free_bytes]));
    if shown.total {
        push("Total", three(totals(&memory, &swap)));
    }
    table
}

fn totals(memory: &Memory, swap: &Swap) -> [Option<u64>; 3] {
    [
        sum(memory.total_bytes, swap.total_bytes),
        sum(memory.used_bytes, swap.used_bytes),
        sum(memory.free_bytes, swap.free_bytes),
    ]
}

fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    Some(left?.saturating_add(right?))
}

#[cfg(test)]
mod tests;
