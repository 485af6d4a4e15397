//! What is mapped into the memory of a process.

use std::iter::Sum;

use anstyle::Style;
use procwire_proto::{
    escape,
    v1::{MemoryMap, MemoryMapGroup},
};

use crate::render::{
    table::{Align, Column, HEADER, Table},
    units,
    value::MISSING,
};

/// The amounts of one mapping, of a group or of all, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// Address space.
    pub(crate) size: Option<u64>,
    /// In RAM.
    pub(crate) resident: Option<u64>,
    /// In RAM, shared pages divided by their users.
    pub(crate) proportional: Option<u64>,
    /// Swapped out.
    pub(crate) swap: Option<u64>,
    shared_clean: Option<u64>,
    shared_dirty: Option<u64>,
    private_clean: Option<u64>,
    private_dirty: Option<u64>,
    anonymous: Option<u64>,
}

impl Amounts {
    /// In RAM and nobody else's.
    pub(crate) fn private(&self) -> Option<u64> {
        Some(self.private_clean?.saturating_add(self.private_dirty?))
    }

    fn shared(&self) -> Option<u64> {
        Some(self.shared_clean?.saturating_add(self.shared_dirty?))
    }

    /// In RAM and in no file: what would have to be written before it could be let go.
    fn dirty(&self) -> Option<u64> {
        Some(self.private_dirty?.saturating_add(self.shared_dirty?))
    }

    fn cells(&self, is_wide: bool) -> Vec<String> {
        let usual = [self.resident, self.proportional, self.private(), self.swap, self.size];
        let more = [self.shared(), self.dirty(), self.anonymous];
        let shown = usual.into_iter().chain(more.into_iter().filter(|_| is_wide));
        shown.map(|bytes| bytes.map_or_else(|| MISSING.to_owned(), units::bytes_short)).collect()
    }
}

macro_rules! amounts_from {
    ($message:ty) => {
        impl From<&$message> for Amounts {
            fn from(map: &$message) -> Self {
                Self {
                    size: map.size_bytes,
                    resident: map.resident_bytes,
                    proportional: map.proportional_bytes,
                    swap: map.swap_bytes,
                    shared_clean: map.shared_clean_bytes,
                    shared_dirty: map.shared_dirty_bytes,
                    private_clean: map.private_clean_bytes,
                    private_dirty: map.private_dirty_bytes,
                    anonymous: map.anonymous_bytes,
                }
            }
        }
    };
}

amounts_from!(MemoryMap);
amounts_from!(MemoryMapGroup);

/// An amount that one of them lacks, the sum lacks too only if all of them do: kernels that tell it tell it of each.
impl Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let add = |left: Option<u64>, right: Option<u64>| match (left, right) {
            (Some(left), Some(right)) => Some(left.saturating_add(right)),
            (left, right) => left.or(right),
        };
        all.fold(Self::default(), |left, right| Self {
            size: add(left.size, right.size),
            resident: add(left.resident, right.resident),
            proportional: add(left.proportional, right.proportional),
            swap: add(left.swap, right.swap),
            shared_clean: add(left.shared_clean, right.shared_clean),
            shared_dirty: add(left.shared_dirty, right.shared_dirty),
            private_clean: add(left.private_clean, right.private_clean),
            private_dirty: add(left.private_dirty, right.private_dirty),
            anonymous: add(left.anonymous, right.anonymous),
        })
    }
}

/// Groups, and below them the total of all.
pub(crate) fn table_of_groups<'a>(
    groups: impl Iterator<Item = &'a MemoryMapGroup>,
    total: &Amounts,
    is_wide: bool,
) -> Table {
    let mut columns = amount_columns(is_wide);
    columns.push(Column { drop_order: Some(5), ..Column::new("MAPS", Align::Right) });
    columns.push(Column::of_paths("MAPPED"));
    let mut table = Table::new(columns);
    let mut maps: u32 = 0;
    for group in groups {
        maps = maps.saturating_add(group.map_count);
        let mut cells = Amounts::from(group).cells(is_wide);
        cells.push(group.map_count.to_string());
        cells.push(mapped(group.path.as_deref(), group.deleted));
        table.push(cells, Style::new());
    }
    let mut cells = total.cells(is_wide);
    cells.extend([maps.to_string(), "total".to_owned()]);
    table.push(cells, HEADER);
    table
}

/// Mappings one by one, and below them the total of all.
pub(crate) fn table_of_each<'a>(maps: impl Iterator<Item = &'a MemoryMap>, total: &Amounts, is_wide: bool) -> Table {
    let mut columns = vec![Column::new("ADDRESS", Align::Right), Column::new("PERM", Align::Left)];
    columns.extend(amount_columns(is_wide));
    if is_wide {
        columns.extend([
            Column::new("OFFSET", Align::Right),
            Column::new("DEVICE", Align::Right),
            Column::new("INODE", Align::Right),
        ]);
    }
    columns.push(Column::of_paths("MAPPED"));
    let mut table = Table::new(columns);
    for map in maps {
        let permissions = escape::terminal(map.permissions.as_bytes()).into_owned();
        let mut cells = vec![format!("{:012x}", map.start_address), permissions];
        cells.extend(Amounts::from(map).cells(is_wide));
        if is_wide {
            cells.extend([
                format!("{:x}", map.offset_bytes),
                format!("{}:{}", map.device_major, map.device_minor),
                map.inode.to_string(),
            ]);
        }
        cells.push(mapped(map.path.as_deref(), map.deleted));
        table.push(cells, Style::new());
    }
    let mut cells = vec![String::new(), String::new()];
    cells.extend(total.cells(is_wide));
    if is_wide {
        cells.extend([const { String::new() }; 3]);
    }
    cells.push("total".to_owned());
    table.push(cells, HEADER);
    table
}

fn amount_columns(is_wide: bool) -> Vec<Column> {
    let usual = [("RSS", None), ("PSS", None), ("PRIVATE", None), ("SWAP", Some(3)), ("SIZE", Some(4))];
    let more = [("SHARED", Some(6)), ("DIRTY", Some(7)), ("ANON", Some(8))];
    let shown = usual.into_iter().chain(more.into_iter().filter(|_| is_wide));
    shown.map(|(header, drop_order)| Column { drop_order, ..Column::new(header, Align::Right) }).collect()
}

/// What psutil calls "[anon]" too.
fn mapped(path: Option<&[u8]>, deleted: bool) -> String {
    let mark = if deleted { " (deleted)" } else { "" };
    format!("{}{mark}", path.map_or("[anon]".into(), escape::terminal))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn lines(table: &Table, width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        table.write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    fn group(path: Option<&[u8]>, resident: u64, deleted: bool) -> MemoryMapGroup {
        MemoryMapGroup {
            path: path.map(<[u8]>::to_vec),
            deleted,
            map_count: 2,
            size_bytes: Some(4 << 20),
            resident_bytes: Some(resident),
            proportional_bytes: Some(resident / 2),
            private_clean_bytes: Some(1024),
            private_dirty_bytes: Some(2048),
            swap_bytes: Some(0),
            ..MemoryMapGroup::default()
        }
    }

    #[test]
    fn groups_have_a_total_of_all_below_them() {
        let groups = [
            group(Some(b"/usr/lib/\x1blib.so"), 1 << 20, true),
            group(None, 1 << 20, false),
            group(Some(b"[heap]"), 0, false),
        ];
        let total: Amounts = groups.iter().map(Amounts::from).sum();
        assert_eq!(
            lines(&table_of_groups(groups.iter().take(2), &total, false), Some(80)),
            [
                " RSS  PSS PRIVATE SWAP SIZE MAPS MAPPED",
                "1.0M 512K    3.0K    0 4.0M    2 /usr/lib/\\x1blib.so (deleted)",
                "1.0M 512K    3.0K    0 4.0M    2 [anon]",
                "2.0M 1.0M    9.0K    0  12M    4 total",
            ]
        );
    }

    #[test]
    fn single_mappings_show_where_they_are() {
        let map = MemoryMap {
            start_address: 0x5581_0000_0000,
            permissions: "r-xp".to_owned(),
            path: Some(b"/bin/a".to_vec()),
            resident_bytes: Some(4096),
            device_major: 8,
            device_minor: 1,
            inode: 77,
            offset_bytes: 0x2000,
            ..MemoryMap::default()
        };
        let total = Amounts::from(&map);
        assert_eq!(
            lines(&table_of_each([&map].into_iter(), &total, false), Some(80)),
            [
                "     ADDRESS PERM  RSS PSS PRIVATE SWAP SIZE MAPPED",
                "558100000000 r-xp 4.0K   -       -    -    - /bin/a",
                "                  4.0K   -       -    -    - total",
            ]
        );
        let wide = lines(&table_of_each([&map].into_iter(), &total, true), None);
        assert!(wide[1].ends_with("  2000    8:1    77 /bin/a"), "{wide:?}");
    }

    #[test]
    fn an_amount_that_nobody_told_stays_unknown_in_the_total() {
        let with = Amounts { swap: Some(3), ..Amounts::default() };
        let total: Amounts = [with, with].into_iter().sum();
        assert_eq!((total.swap, total.resident), (Some(6), None));
    }
}
