//! NUMA nodes (Documentation/ABI/stable/sysfs-devices-node).

use std::{fs, path::PathBuf};

use procwire_proto::{
    system_fields::bit,
    v1::{MemoryNode, MemoryStatistic, memory_statistic::Value},
};

use super::{
    answer::{Answer, Failure},
    huge_pages::{Pools, Reservations},
    kept_file::{KeptFile, ReadBuffer},
    parse::{cpu_list, meminfo},
    topology::numbered,
    watch::Watch,
};
use crate::{Host, HostError, procfs::Numbers};

/// So many nodes keep their files open.
const MOST_KEPT_OPEN: usize = 16;

pub(super) struct Nodes {
    folder: PathBuf,
    online: Watch,
    nodes: Vec<Node>,
}

struct Node {
    number: u32,
    meminfo: KeptFile,
    cpus: KeptFile,
    /// They change only with the nodes themselves.
    distances: Result<Vec<u32>, Failure>,
    huge_pages: Pools,
}

impl Nodes {
    pub(super) fn new(host: &Host) -> Self {
        let folder = host.roots().sys.join("devices/system/node");
        Self { online: Watch::new(folder.join("online")), folder, nodes: Vec::new() }
    }

    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(bit::MEMORY_NODES) {
            return;
        }
        if self.online.has_changed(buffer) {
            self.nodes = numbered(&self.folder, "node").into_iter().map(Node::open).collect();
        }
        if self.nodes.is_empty() {
            let detail = format!("{} has no node: built without them (CONFIG_NUMA), or hidden", self.folder.display());
            return answer.failed(bit::MEMORY_NODES, &Failure::unsupported(detail));
        }
        let rows = self.nodes.iter_mut().map(|node| node.read(buffer)).collect();
        answer.system.memory.get_or_insert_default().nodes = rows;
        if self.nodes.len() > MOST_KEPT_OPEN {
            self.nodes.iter_mut().for_each(Node::close);
        }
    }
}

impl Node {
    fn open((number, folder): (u32, PathBuf)) -> Self {
        let distances = folder.join("distance");
        Self {
            number,
            meminfo: KeptFile::new(folder.join("meminfo")),
            cpus: KeptFile::new(folder.join("cpulist")),
            distances: fs::read(&distances)
                .map_err(|error| HostError::io("read", &distances, error).into())
                .and_then(|text| numbers(&text).ok_or_else(|| Failure::invalid(&distances, &text))),
            huge_pages: Pools::new(folder.join("hugepages"), Reservations::NotCounted),
        }
    }

    fn read(&mut self, buffer: &mut ReadBuffer) -> MemoryNode {
        let mut row = MemoryNode { number: self.number, ..MemoryNode::default() };
        match self.meminfo.read_value(buffer) {
            Ok(text) => row.statistics = meminfo::statistics_of_node(text),
            Err(error) => {
                let failure = Failure::from(error);
                let fields = ["total_bytes", "free_bytes", "used_bytes", "statistics"];
                row.errors.extend(fields.map(|field| failure.clone().of_row(field)));
            }
        }
        if row.errors.is_empty() {
            self.fill_sizes(&mut row);
        }
        match self.cpus(buffer) {
            Ok(cpus) => row.cpus = cpus,
            Err(failure) => row.errors.push(failure.of_row("cpus")),
        }
        match &self.distances {
            Ok(distances) => row.distances.clone_from(distances),
            Err(failure) => row.errors.push(failure.clone().of_row("distances")),
        }
        let (pools, failure) = self.huge_pages.read(buffer);
        row.huge_pages = pools;
        row.errors.extend(failure.map(|failure| failure.of_row("huge_pages")));
        row
    }

    fn fill_sizes(&self, row: &mut MemoryNode) {
        let mut errors = Vec::new();
        let mut line = |name: &str, field: &str| {
            let bytes = bytes(&row.statistics, name);
            if bytes.is_none() {
                let detail = format!("{} has no readable line {name:?}", self.meminfo.path().display());
                errors.push(Failure::unsupported(detail).of_row(field));
            }
            bytes
        };
        (row.total_bytes, row.free_bytes) = (line("MemTotal", "total_bytes"), line("MemFree", "free_bytes"));
        row.used_bytes = line("MemUsed", "used_bytes");
        row.errors = errors;
    }

    fn cpus(&mut self, buffer: &mut ReadBuffer) -> Result<Vec<u32>, Failure> {
        // A list longer than a page comes in several reads (fs/kernfs/file.c, kernfs_file_read_iter).
        let text = self.cpus.read(buffer)?;
        cpu_list::parse(text).ok_or_else(|| Failure::invalid(self.cpus.path(), text))
    }

    fn close(&mut self) {
        let Self { number: _, meminfo, cpus, distances: _, huge_pages } = self;
        meminfo.close();
        cpus.close();
        huge_pages.close();
    }
}

fn bytes(statistics: &[MemoryStatistic], name: &str) -> Option<u64> {
    let line = statistics.iter().find(|line| line.name == name)?;
    match line.value? {
        Value::Bytes(bytes) => Some(bytes),
        Value::Count(_) => None,
    }
}

/// `10 21 21`
fn numbers(text: &[u8]) -> Option<Vec<u32>> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.try_fold(Vec::new(), |mut numbers, word| {
        numbers.push(u32::try_from(Numbers::new(word).unsigned()?).ok()?);
        Some(numbers)
    })
}

#[cfg(test)]
mod tests;
