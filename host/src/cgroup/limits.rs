//! What a group may use, and the least of what it and those above it may use.

use procwire_proto::{CgroupFieldSet, cgroup_fields::bit};

use super::{
    files::Files,
    hierarchy::{Home, Homes},
    parse,
};
use crate::Machine;

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Limit<T> {
    Unlimited,
    At(T),
    /// It could not be read, so nothing can be said of the least.
    Unknown,
}

/// The limits that hold for everything below a group too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) cpus: Limit<f64>,
    pub(super) memory_bytes: Limit<u64>,
    pub(super) pids: Limit<u64>,
}

impl<T: PartialOrd + Copy> Limit<T> {
    pub(super) fn least(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Unlimited, limit) | (limit, Self::Unlimited) => limit,
            (Self::At(one), Self::At(other)) => Self::At(if other < one { other } else { one }),
        }
    }

    /// The limit, if there is one.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::At(value) => Some(value),
            Self::Unlimited | Self::Unknown => None,
        }
    }
}

impl Limits {
    /// The fields that the limits of the groups above are read for.
    pub(super) const FIELDS: CgroupFieldSet =
        bit::CPU_EFFECTIVE_LIMIT_CPUS.union(bit::MEMORY_EFFECTIVE_LIMIT_BYTES).union(bit::PIDS);

    pub(super) const NONE: Self =
        Self { cpus: Limit::Unlimited, memory_bytes: Limit::Unlimited, pids: Limit::Unlimited };

    pub(super) fn least(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.least(other.cpus),
            memory_bytes: self.memory_bytes.least(other.memory_bytes),
            pids: self.pids.least(other.pids),
        }
    }

    /// Those of a group above the one that is read. A group that has no file for it sets no limit.
    pub(super) fn of(files: &mut impl Files, homes: &Homes, machine: &Machine) -> Self {
        Self {
            cpus: read(files, homes.cpu, |files, home| cpu(files, home)),
            memory_bytes: read(files, homes.memory, |files, home| memory(files, home, machine)),
            pids: read(files, homes.pids, |files, home| files.parsed(home.place()?, c"pids.max", parse::limit)),
        }
    }
}

/// What came of reading a limit: `None` if its text makes no sense.
pub(super) type Reading<T> = Option<Result<Limit<T>, rustix::io::Errno>>;

fn read<T: PartialOrd + Copy, F: Files>(
    files: &mut F,
    home: Home,
    read: impl FnOnce(&mut F, Home) -> Reading<T>,
) -> Limit<T> {
    if home.place().is_none_or(|place| !files.is_in(place)) {
        return Limit::Unlimited;
    }
    match read(files, home) {
        Some(Ok(limit)) => limit,
        Some(Err(rustix::io::Errno::NOENT)) => Limit::Unlimited,
        Some(Err(_)) | None => Limit::Unknown,
    }
}

/// cpu.max, or quota and period of v1.
pub(super) fn cpu(files: &mut impl Files, home: Home) -> Reading<f64> {
    let place = home.place()?;
    if !home.is_v1() {
        return files.parsed(place, c"cpu.max", parse::cpu_max);
    }
    let mut quota = [0; 24];
    let quota = match files.read(place, c"cpu.cfs_quota_us") {
        Ok(text) => {
            let length = text.len().min(quota.len());
            quota.get_mut(..length)?.copy_from_slice(text.get(..length)?);
            quota.get(..length)?
        }
        Err(errno) => return Some(Err(errno)),
    };
    files.parsed(place, c"cpu.cfs_period_us", |period| parse::cfs_quota(quota, period))
}

/// memory.max, or memory.limit_in_bytes.
pub(super) fn memory(files: &mut impl Files, home: Home, machine: &Machine) -> Reading<u64> {
    let place = home.place()?;
    if home.is_v1() {
        let parse = |text: &[u8]| parse::v1_memory_limit(text, machine.page_size_bytes);
        files.parsed(place, c"memory.limit_in_bytes", parse)
    } else {
        files.parsed(place, c"memory.max", parse::limit)
    }
}
