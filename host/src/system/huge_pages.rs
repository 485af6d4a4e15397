//! Pools of huge pages (Documentation/admin-guide/mm/hugetlbpage.rst), of the host and of each node.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procwire_proto::{system_fields::bit, v1::HugePagePool};

use super::{
    answer::{Answer, Failure},
    kept_file::{KeptFile, ReadBuffer},
};
use crate::{
    Host, HostError,
    procfs::{Numbers, number},
};

pub(super) struct HugePages {
    pools: Pools,
}

impl HugePages {
    pub(super) fn new(host: &Host) -> Self {
        Self { pools: Pools::new(host.roots().sys.join("kernel/mm/hugepages"), Reservations::Counted) }
    }

    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(bit::MEMORY_HUGE_PAGES) {
            return;
        }
        let (pools, failure) = self.pools.read(buffer);
        answer.system.memory.get_or_insert_default().huge_pages = pools;
        if let Some(failure) = failure {
            answer.failed(bit::MEMORY_HUGE_PAGES, &failure);
        }
    }
}

/// Whether pages promised and not yet in use are counted: of a node they are not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reservations {
    Counted,
    NotCounted,
}

/// The pools below one folder. The kernel makes them when it starts, so they are listed once.
pub(super) struct Pools {
    folder: PathBuf,
    reservations: Reservations,
    pools: Vec<Pool>,
}

struct Pool {
    page_bytes: u64,
    total: KeptFile,
    free: KeptFile,
    reserved: KeptFile,
    surplus: KeptFile,
}

impl Pools {
    pub(super) fn new(folder: PathBuf, reservations: Reservations) -> Self {
        Self { folder, reservations, pools: Vec::new() }
    }

    /// What is in the pools, by size of their pages, and why the first part that is missing is missing.
    pub(super) fn read(&mut self, buffer: &mut ReadBuffer) -> (Vec<HugePagePool>, Option<Failure>) {
        if self.pools.is_empty() {
            match list(&self.folder) {
                Ok(pools) => self.pools = pools,
                Err(failure) => return (Vec::new(), Some(failure)),
            }
        }
        let mut failure = None;
        let mut pages = |file: &mut KeptFile| {
            let read = count(file, buffer);
            read.map_err(|why| failure.get_or_insert(why).clone()).ok()
        };
        let rows = self.pools.iter_mut().map(|pool| HugePagePool {
            page_bytes: pool.page_bytes,
            total_pages: pages(&mut pool.total),
            free_pages: pages(&mut pool.free),
            reserved_pages: (self.reservations == Reservations::Counted).then(|| pages(&mut pool.reserved)).flatten(),
            surplus_pages: pages(&mut pool.surplus),
        });
        (rows.collect(), failure)
    }

    pub(super) fn close(&mut self) {
        for Pool { page_bytes: _, total, free, reserved, surplus } in &mut self.pools {
            [total, free, reserved, surplus].into_iter().for_each(KeptFile::close);
        }
    }
}

fn list(folder: &Path) -> Result<Vec<Pool>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| HostError::io("open", folder, error))?;
    let mut pools: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let page_bytes = page_bytes(entry.file_name().as_encoded_bytes())?;
            let file = |name: &str| KeptFile::new(entry.path().join(name));
            let (total, free) = (file("nr_hugepages"), file("free_hugepages"));
            Some(Pool { page_bytes, total, free, reserved: file("resv_hugepages"), surplus: file("surplus_hugepages") })
        })
        .collect();
    pools.sort_unstable_by_key(|pool| pool.page_bytes);
    Ok(pools)
}

/// `hugepages-2048kB`
fn page_bytes(name: &[u8]) -> Option<u64> {
    let digits = name.strip_prefix(b"hugepages-")?.strip_suffix(b"kB")?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    number(digits).filter(|_| is_number)?.checked_mul(1024)
}

fn count(file: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<u64, Failure> {
    let text = file.read_value(buffer)?;
    Numbers::new(text).unsigned().ok_or_else(|| Failure::invalid(file.path(), text))
}
