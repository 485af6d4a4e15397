//! What smaps says of a mapping's pages.

use procwire_proto::v1::{MemoryMap, MemoryMapGroup};

use crate::process::smaps;

/// The amounts that are served, in bytes. A line that the kernel did not write is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    size: Option<u64>,
    resident: Option<u64>,
    proportional: Option<u64>,
    shared_clean: Option<u64>,
    shared_dirty: Option<u64>,
    private_clean: Option<u64>,
    private_dirty: Option<u64>,
    referenced: Option<u64>,
    anonymous: Option<u64>,
    swap: Option<u64>,
}

impl Amounts {
    /// Takes the line of this name, if it is one of those served.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let amount = match name {
            b"Size" => &mut self.size,
            b"Rss" => &mut self.resident,
            b"Pss" => &mut self.proportional,
            b"Shared_Clean" => &mut self.shared_clean,
            b"Shared_Dirty" => &mut self.shared_dirty,
            b"Private_Clean" => &mut self.private_clean,
            b"Private_Dirty" => &mut self.private_dirty,
            b"Referenced" => &mut self.referenced,
            b"Anonymous" => &mut self.anonymous,
            b"Swap" => &mut self.swap,
            _ => return,
        };
        *amount = smaps::bytes(value);
    }

    /// Sets them in a mapping.
    pub(super) fn fill(&self, map: &mut MemoryMap) {
        map.size_bytes = self.size;
        map.resident_bytes = self.resident;
        map.proportional_bytes = self.proportional;
        map.shared_clean_bytes = self.shared_clean;
        map.shared_dirty_bytes = self.shared_dirty;
        map.private_clean_bytes = self.private_clean;
        map.private_dirty_bytes = self.private_dirty;
        map.referenced_bytes = self.referenced;
        map.anonymous_bytes = self.anonymous;
        map.swap_bytes = self.swap;
    }

    /// Adds them to those of a group.
    pub(super) fn add_to(&self, group: &mut MemoryMapGroup) {
        let pairs = [
            (&mut group.size_bytes, self.size),
            (&mut group.resident_bytes, self.resident),
            (&mut group.proportional_bytes, self.proportional),
            (&mut group.shared_clean_bytes, self.shared_clean),
            (&mut group.shared_dirty_bytes, self.shared_dirty),
            (&mut group.private_clean_bytes, self.private_clean),
            (&mut group.private_dirty_bytes, self.private_dirty),
            (&mut group.referenced_bytes, self.referenced),
            (&mut group.anonymous_bytes, self.anonymous),
            (&mut group.swap_bytes, self.swap),
        ];
        for (sum, amount) in pairs {
            if let Some(amount) = amount {
                *sum = Some(sum.unwrap_or(0).saturating_add(amount));
            }
        }
    }
}
