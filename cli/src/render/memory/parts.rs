//! What memory and swap are made of: devices, pools of huge pages, nodes.

use anstyle::Style;
use procwire_proto::{
    escape,
    v1::{HugePagePool, MemoryNode, SwapDevice},
};

use crate::{
    render::{
        cpu::ranges,
        table::{Align, Column, Table},
        units,
        value::MISSING,
    },
    sizes::SizeUnit,
};

/// A row for each swap device, the first to be filled first; `None` without any.
pub(super) fn device_table(devices: &[SwapDevice], unit: SizeUnit) -> Option<Table> {
    let right = |header| Column::new(header, Align::Right);
    let columns = vec![
        Column::of_paths("DEVICE"),
        Column::new("KIND", Align::Left),
        right("SIZE"),
        right("USED"),
        right("USED%"),
        right("PRIORITY"),
    ];
    let mut table = Table::new(columns);
    let mut devices: Vec<&SwapDevice> = devices.iter().collect();
    devices.sort_by_key(|device| std::cmp::Reverse(device.priority));
    for device in &devices {
        let cells = vec![
            escape::terminal(&device.path).into_owned(),
            escape::terminal(device.kind.as_bytes()).into_owned(),
            unit.show(device.total_bytes),
            unit.show(device.used_bytes),
            share(device.used_bytes, device.total_bytes),
            device.priority.to_string(),
        ];
        table.push(cells, Style::new());
    }
    (!devices.is_empty()).then_some(table)
}

/// A row for each size of huge pages; `None` without any.
pub(crate) fn huge_page_table(pools: &[HugePagePool], unit: SizeUnit) -> Option<Table> {
    let right = |header| Column::new(header, Align::Right);
    let headers = ["PAGE", "PAGES", "FREE", "RESERVED", "SURPLUS", "SIZE"];
    let mut table = Table::new(headers.map(right).to_vec());
    for pool in pools {
        let count = |count: Option<u64>| count.map_or_else(|| MISSING.to_owned(), |count| count.to_string());
        let size = pool.total_pages.map(|pages| unit.show(pages.saturating_mul(pool.page_bytes)));
        let cells = vec![
            units::bytes_short(pool.page_bytes),
            count(pool.total_pages),
            count(pool.free_pages),
            count(pool.reserved_pages),
            count(pool.surplus_pages),
            size.unwrap_or_else(|| MISSING.to_owned()),
        ];
        table.push(cells, Style::new());
    }
    (!pools.is_empty()).then_some(table)
}

/// A row for each NUMA node; `None` without any.
pub(crate) fn node_table(nodes: &[MemoryNode], unit: SizeUnit) -> Option<Table> {
    let right = |header| Column::new(header, Align::Right);
    let columns = vec![
        right("NODE"),
        right("TOTAL"),
        right("FREE"),
        right("FREE%"),
        Column::new("CPUS", Align::Left),
        Column::new("DISTANCES", Align::Left),
    ];
    let mut table = Table::new(columns);
    for node in nodes {
        let size = |bytes: Option<u64>| bytes.map(|bytes| unit.show(bytes));
        let list = |text: String| Some(text).filter(|text| !text.is_empty());
        let distances: Vec<_> = node.distances.iter().map(u32::to_string).collect();
        let cells = [
            Some(node.number.to_string()),
            size(node.total_bytes),
            size(node.free_bytes),
            node.free_bytes.zip(node.total_bytes).map(|(free, total)| share(free, total)),
            list(ranges(&node.cpus)),
            list(distances.join(" ")),
        ];
        table.push(cells.map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).to_vec(), Style::new());
    }
    (!nodes.is_empty()).then_some(table)
}

/// In percent; of nothing there is no share.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 { MISSING.to_owned() } else { format!("{:.1}", part as f64 / whole as f64 * 100.0) }
}
