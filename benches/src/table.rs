//! The process table: everyone who reads it, with one set of fields after the other.

mod floor;
pub mod peers;

use std::{sync::Arc, time::Instant};

use procwire_client::Client;
use procwire_host::{Host, ProcessPlan, ProcessReader, ReaderPair, Roots};
use procwire_proto::{FieldMask, ProcessFieldSet};
use tokio::runtime::Runtime;

use self::{floor::Floor, peers::Script};
use crate::{
    report::{Bound, Report},
    sets::{S1, Set},
    turns::{Contest, Turns},
};

/// Rows that are kept at a time.
const WINDOW: usize = 1024;

/// Who takes part, in the order of their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    Floor,
    Host,
    HostPair,
    Wire,
    PsutilFirst,
    PsutilAgain,
    Ps,
    Sysinfo,
    Procfs,
}

impl Contender {
    /// The programs and crates take part with the smallest set alone: they read what they like.
    fn of(set: &Set) -> &'static [Self] {
        let all = &[
            Self::Floor,
            Self::Host,
            Self::HostPair,
            Self::Wire,
            Self::PsutilAgain,
            Self::PsutilFirst,
            Self::Ps,
            Self::Sysinfo,
            Self::Procfs,
        ];
        if set.name == S1.name { all } else { &all[..5] }
    }
}

impl std::fmt::Display for Contender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Floor => "floor: open, read, close of the same files",
            Self::Host => "procwire, host only, one thread",
            Self::HostPair => "procwire, host only, as the agent reads",
            Self::Wire => "procwire, over mTLS, decoded by the SDK",
            Self::PsutilFirst => "psutil process_iter(attrs), in a new script",
            Self::PsutilAgain => "psutil process_iter(attrs), called again",
            Self::Ps => "ps -eo (procps)",
            Self::Sysinfo => "crate sysinfo",
            Self::Procfs => "crate procfs",
        })
    }
}

/// Reads the table by turns with this set, and prints what came of it.
pub fn run(set: &'static Set, client: &Client, runtime: &Runtime, rounds: u32, report: &mut Report) {
    let mut table = Table::new(set, client, runtime);
    let turns = Turns::take(&mut table, Contender::of(set), rounds);
    turns.print(&format!("process table, {}", set.name), "us/process", Contender::Floor, Contender::PsutilAgain);
    report.target(
        &format!("{}: host only, one thread, times the floor", set.name),
        turns.ratio(Contender::Host, Contender::Floor),
        Bound::AtMost(set.times_the_floor),
    );
    if set.name == S1.name {
        let first = |below| turns.ratio(Contender::PsutilFirst, below);
        report.target(
            "S1: psutil in a new script / host, two threads",
            first(Contender::HostPair),
            Bound::AtLeast(12.0),
        );
        report.target("S1: psutil in a new script / over mTLS", first(Contender::Wire), Bound::AtLeast(8.0));
    }
    // No target, and the harder comparison: an interpreter that keeps its objects, and both sides warm.
    for (what, contender) in
        [("host only", Contender::HostPair), ("one thread", Contender::Host), ("over mTLS", Contender::Wire)]
    {
        report.line(
            &format!("{}: psutil called again / {what}", set.name),
            turns.ratio(Contender::PsutilAgain, contender),
        );
    }
}

struct Table<'a> {
    set: &'static Set,
    client: &'a Client,
    runtime: &'a Runtime,
    reader: ProcessReader,
    readers: ReaderPair,
    plan: ProcessPlan,
    floor: Floor,
    psutil: Script,
}

impl<'a> Table<'a> {
    fn new(set: &'static Set, client: &'a Client, runtime: &'a Runtime) -> Self {
        let mask = FieldMask { paths: set.fields.iter().map(ToString::to_string).collect() };
        let fields = ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap();
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        Self {
            set,
            client,
            runtime,
            reader: ProcessReader::new(Arc::clone(&host)),
            readers: ReaderPair::new(&host),
            plan: ProcessPlan::new(fields),
            floor: Floor::open(set),
            psutil: peers::psutil(set),
        }
    }

    /// Seconds, and how many processes they were spent on.
    fn read(&mut self, contender: Contender) -> (f64, usize) {
        match contender {
            Contender::Floor => timed(|| self.floor.read()),
            Contender::Host => timed(|| self.read_host()),
            Contender::HostPair => timed(|| self.read_host_in_pairs()),
            Contender::Wire => timed(|| self.read_wire()),
            Contender::PsutilFirst => peers::psutil(self.set).read(),
            Contender::PsutilAgain => self.psutil.read(),
            Contender::Ps => timed(peers::ps),
            Contender::Sysinfo => timed(peers::sysinfo),
            Contender::Procfs => timed(peers::procfs),
        }
    }

    /// One thread, as the floor.
    fn read_host(&mut self) -> usize {
        let pids = self.reader.list_pids().unwrap();
        pids.chunks(WINDOW).map(|window| rows(&mut self.reader, window, &self.plan)).sum()
    }

    /// Two threads, as the agent does it.
    fn read_host_in_pairs(&mut self) -> usize {
        let pids = self.readers.list_pids().unwrap();
        let plan = &self.plan;
        let read = |readers: &mut ReaderPair, window: &[u32]| {
            let (front, back) = readers.read(window, |reader, _, pids| rows(reader, pids, plan));
            front + back.unwrap_or(0)
        };
        pids.chunks(WINDOW).map(|window| read(&mut self.readers, window)).sum()
    }

    fn read_wire(&self) -> usize {
        let list = self
            .runtime
            .block_on(async { self.client.processes().list().fields(self.set.fields.iter().copied()).await });
        list.unwrap().processes.len()
    }
}

impl Contest for Table<'_> {
    type Contender = Contender;

    /// A reading that does not count, so that nobody pays for a processor that slept through the turns of the others, then the one
    /// that does. The new script needs none: its interpreter has just been started.
    fn turn(&mut self, contender: Contender) -> f64 {
        if contender != Contender::PsutilFirst {
            self.read(contender);
        }
        let (seconds, processes) = self.read(contender);
        assert!(processes > 10, "{contender} saw {processes} processes");
        seconds * 1e6 / processes as f64
    }
}

/// As the agent does it, the rows of a window are kept, then dropped.
fn rows(reader: &mut ProcessReader, pids: &[u32], plan: &ProcessPlan) -> usize {
    let rows: Vec<_> = pids.iter().filter_map(|pid| reader.read_listed(*pid, plan).unwrap()).collect();
    rows.len()
}

fn timed(read: impl FnOnce() -> usize) -> (f64, usize) {
    let start = Instant::now();
    let processes = read();
    (start.elapsed().as_secs_f64(), processes)
}
