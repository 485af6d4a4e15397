//! Everyone who reads the table: pid, name, parent, state, processor times, start, threads, resident and virtual memory.

mod floor;
mod peers;

use std::{sync::Arc, time::Instant};

use procwire_client::Client;
use procwire_host::{Host, ProcessPlan, ProcessReader, ReaderPair, Roots};
use procwire_proto::{FieldMask, ProcessFieldSet};
use procwire_tests::{Agent, Role};
use tokio::runtime::Runtime;

use self::{floor::Floor, peers::Psutil};

/// The fields that everyone reads.
pub const FIELDS: [&str; 9] = [
    "pid",
    "name",
    "ppid",
    "state",
    "cpu_times",
    "start_time",
    "thread_count",
    "memory.resident_bytes",
    "memory.virtual_bytes",
];

/// Rows that are kept at a time.
const WINDOW: usize = 1024;

/// Who takes part, in the order of their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
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
    pub const ALL: [Self; 9] = [
        Self::Floor,
        Self::Host,
        Self::HostPair,
        Self::Wire,
        Self::PsutilFirst,
        Self::PsutilAgain,
        Self::Ps,
        Self::Sysinfo,
        Self::Procfs,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor: open, read, close of stat and statm",
            Self::Host => "procwire, host only, one thread",
            Self::HostPair => "procwire, host only, as the agent reads",
            Self::Wire => "procwire, over mTLS, decoded by the SDK",
            Self::PsutilFirst => "psutil process_iter(attrs), in a new script",
            Self::PsutilAgain => "psutil process_iter(attrs), called again",
            Self::Ps => "ps -eo (procps)",
            Self::Sysinfo => "crate sysinfo",
            Self::Procfs => "crate procfs",
        }
    }
}

/// Microseconds per process, one entry per turn.
pub struct Turns {
    pub contender: Contender,
    pub microseconds: Vec<f64>,
}

pub struct Contenders<'a> {
    pub agent: Agent,
    pub client: Client,
    runtime: &'a Runtime,
    reader: ProcessReader,
    readers: ReaderPair,
    plan: ProcessPlan,
    floor: Floor,
    psutil: Psutil,
}

impl<'a> Contenders<'a> {
    pub fn start(runtime: &'a Runtime) -> Self {
        let agent = Agent::start();
        let client = agent.client(Role::Reader);
        let mask = FieldMask { paths: FIELDS.map(str::to_owned).to_vec() };
        let fields = ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap();
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        Self {
            agent,
            client,
            runtime,
            reader: ProcessReader::new(Arc::clone(&host)),
            readers: ReaderPair::new(&host),
            plan: ProcessPlan::new(fields),
            floor: Floor::open(),
            psutil: Psutil::start(),
        }
    }

    /// A turn to warm up, then the turns that count.
    pub fn run(&mut self, rounds: u32) -> Vec<Turns> {
        let mut turns: Vec<_> =
            Contender::ALL.iter().map(|contender| Turns { contender: *contender, microseconds: Vec::new() }).collect();
        for round in 0..=rounds {
            for turns in &mut turns {
                let (seconds, processes) = self.turn(turns.contender);
                assert!(processes > 10, "{:?} saw {processes} processes", turns.contender);
                if round > 0 {
                    turns.microseconds.push(seconds * 1e6 / processes as f64);
                }
            }
        }
        turns
    }

    /// A reading that does not count, so that nobody pays for a processor that slept through the turns of the others, then the one
    /// that does. The new script needs none: its interpreter has just been started.
    fn turn(&mut self, contender: Contender) -> (f64, usize) {
        if contender != Contender::PsutilFirst {
            self.read(contender);
        }
        self.read(contender)
    }

    /// Seconds, and how many processes they were spent on.
    fn read(&mut self, contender: Contender) -> (f64, usize) {
        match contender {
            Contender::Floor => timed(|| self.floor.read()),
            Contender::Host => timed(|| self.read_host()),
            Contender::HostPair => timed(|| self.read_host_in_pairs()),
            Contender::Wire => timed(|| self.read_wire()),
            Contender::PsutilFirst => peers::psutil_first(),
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
        let list = self.runtime.block_on(async { self.client.processes().list().fields(FIELDS).await });
        list.unwrap().processes.len()
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
