//! `/proc/PID/smaps`: mappings, one by one and added up by path, from one pass over a file of any size.

mod amounts;
mod groups;
mod names;

use std::os::fd::OwnedFd;

use procwire_proto::{
    process_fields::bit,
    v1::{FieldErrorReason, MemoryMap},
};
use prost::Message as _;
use rustix::io::Errno;

use self::{amounts::Amounts, groups::Groups, names::Names};
use super::{
    access::Access,
    draft::Draft,
    smaps::{Header, Line},
};
use crate::procfs::{self, ProcessPath};

/// More than a row has room for. What is beyond it is counted, and not kept.
const KEPT_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What an entry of a repeated field costs beside its bytes: a tag and a length.
const ENTRY_BYTES: usize = 6;

/// How often a process may run another program while its mappings are read.
const ATTEMPTS: u32 = 3;

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let (wants_maps, wants_groups) = (draft.plan.wants(bit::MEMORY_MAPS), draft.plan.wants(bit::MEMORY_MAP_GROUPS));
    for _ in 0..ATTEMPTS {
        let file = procfs::open(access.proc(), access.path().file("smaps"))?;
        let names = Names::new(access.proc(), ProcessPath::new(access.pid), access.path());
        let mut mappings = Mappings::new(names, wants_maps, wants_groups);
        procfs::each_line(&file, |line| mappings.take_line(line))?;
        mappings.finish();
        if mappings.count == 0 && mappings.torn == 0 {
            // Without an address space: a zombie, a kernel thread, or about to end.
            return Err(Errno::SRCH);
        }
        if has_begun_anew(&file)? {
            continue;
        }
        mappings.settle(draft);
        return Ok(());
    }
    Err(Errno::AGAIN)
}

/// True if the address space that was read is no more: the process runs another program, or ends. The file then breaks off anywhere,
/// without an error, and is empty when it is read again (fs/proc/task_mmu.c: m_start).
fn has_begun_anew(smaps: &OwnedFd) -> Result<bool, Errno> {
    loop {
        match rustix::io::pread(smaps, &mut [0], 0) {
            Err(Errno::INTR) => {}
            result => return result.map(|count| count == 0),
        }
    }
}

/// What has been read so far.
struct Mappings<'a> {
    names: Names<'a>,
    wants_maps: bool,
    wants_groups: bool,
    maps: Vec<MemoryMap>,
    maps_bytes: usize,
    groups: Groups,
    count: u64,
    torn: u64,
    open: Option<Open>,
}

/// A mapping whose amounts are being read.
struct Open {
    map: Option<MemoryMap>,
    group: Option<usize>,
    amounts: Amounts,
}

impl<'a> Mappings<'a> {
    fn new(names: Names<'a>, wants_maps: bool, wants_groups: bool) -> Self {
        let (maps, groups) = (Vec::new(), Groups::default());
        Self { names, wants_maps, wants_groups, maps, maps_bytes: 0, groups, count: 0, torn: 0, open: None }
    }

    fn take_line(&mut self, line: &[u8]) {
        match Line::parse(line) {
            Line::Amount(name, value) => {
                if let Some(open) = &mut self.open {
                    open.amounts.set(name, value);
                }
            }
            Line::Header(header) => {
                self.finish();
                self.begin(&header);
            }
            Line::TornHeader => {
                self.finish();
                self.torn += 1;
            }
            Line::Other => {}
        }
    }

    fn begin(&mut self, header: &Header<'_>) {
        self.count += 1;
        let keeps_map = self.wants_maps && self.maps_bytes < KEPT_MAX_BYTES;
        if !keeps_map && !self.wants_groups {
            return;
        }
        let name = self.names.resolve(header);
        let group = if self.wants_groups { self.groups.of(&name.path, name.deleted) } else { None };
        let map = keeps_map.then(|| MemoryMap {
            start_address: header.start,
            end_address: header.end,
            permissions: header.permissions.to_owned(),
            offset_bytes: header.offset,
            device_major: header.device_major,
            device_minor: header.device_minor,
            inode: header.inode,
            path: (!name.path.is_empty()).then(|| name.path.to_vec()),
            deleted: name.deleted,
            ..MemoryMap::default()
        });
        self.open = Some(Open { map, group, amounts: Amounts::default() });
    }

    /// Ends the mapping that is being read.
    fn finish(&mut self) {
        let Some(open) = self.open.take() else { return };
        if let Some(group) = open.group {
            self.groups.add(group, &open.amounts);
        }
        if let Some(mut map) = open.map {
            open.amounts.fill(&mut map);
            self.maps_bytes += map.encoded_len() + ENTRY_BYTES;
            self.maps.push(map);
        }
    }

    /// Puts into the row what it has room for. Groups first: they speak of every mapping, and are few.
    fn settle(self, draft: &mut Draft<'_>) {
        let (count, torn) = (self.count, self.torn);
        if self.wants_groups {
            let total = self.groups.count();
            let mut groups = self.groups.into_entries();
            let fitting = groups.iter().take_while(|group| draft.take_room(group.encoded_len() + ENTRY_BYTES)).count();
            groups.truncate(fitting);
            draft.process.memory_map_groups = groups;
            truncated(draft, "memory_map_groups", fitting, total as u64, "groups");
        }
        if self.wants_maps {
            let mut maps = self.maps;
            let fitting = maps.iter().take_while(|map| draft.take_room(map.encoded_len() + ENTRY_BYTES)).count();
            maps.truncate(fitting);
            maps.shrink_to_fit();
            draft.process.memory_maps = maps;
            truncated(draft, "memory_maps", fitting, count, "mappings");
        }
        if torn > 0 {
            let asked = [("memory_maps", self.wants_maps), ("memory_map_groups", self.wants_groups)];
            for (path, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
                let detail = format!("smaps: {torn} mappings could not be read");
                draft.absent(path, FieldErrorReason::InvalidData, detail);
            }
        }
    }
}

fn truncated(draft: &mut Draft<'_>, path: &str, kept: usize, count: u64, what: &str) {
    if (kept as u64) < count {
        draft.absent(path, FieldErrorReason::Truncated, format!("{kept} of {count} {what}"));
    }
}

#[cfg(test)]
mod tests;
