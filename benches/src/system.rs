//! The whole host at one moment: processors, memory, swap, disks, network, load, pressure, mounts and how full they are. What counts is
//! processor time, not time: a scrape that waits costs nobody anything.

mod exporter;
mod floor;

use std::sync::Arc;

use procwire_host::{Host, Roots, SystemReader};
use procwire_proto::{FieldMask, SystemFieldSet};
use rustix::time::{ClockId, clock_gettime};

use self::{exporter::Exporter, floor::Floor};
use crate::{
    Bench,
    agent_cost::cpu_seconds,
    report::{Bound, Report},
    table::peers::Script,
    turns::{Contest, Turns},
};

/// What psutil and the exporter tell too. No more than they: neither frequencies nor addresses, nor every line of meminfo.
const FIELDS: &[&str] = &[
    "cpu.times",
    "cpu.cpus.times",
    "cpu.logical_count",
    "cpu.context_switches",
    "cpu.interrupts",
    "cpu.soft_interrupts",
    "load",
    "memory.total_bytes",
    "memory.available_bytes",
    "memory.used_bytes",
    "memory.free_bytes",
    "memory.buffers_bytes",
    "memory.cached_bytes",
    "memory.shared_bytes",
    "memory.active_bytes",
    "memory.inactive_bytes",
    "memory.slab_bytes",
    "memory.used_ratio",
    "swap.total_bytes",
    "swap.used_bytes",
    "swap.free_bytes",
    "swap.used_ratio",
    "swap.swapped_in_bytes",
    "swap.swapped_out_bytes",
    "disks",
    "network.interfaces.name",
    "network.interfaces.counters",
    "pressure",
    "mounts",
];

/// Whole sections, as one asks who wants to know all: frequencies, models, addresses, every line of meminfo.
const SECTIONS: &[&str] = &["cpu", "load", "memory", "swap", "disks", "network.interfaces", "pressure", "mounts"];

/// The same asked of psutil; it knows no pressure.
const PSUTIL: &str = "
import psutil, sys, time
def read():
    if sys.argv[2] == 'sections':
        psutil.cpu_count(logical=False), psutil.cpu_freq(percpu=True), psutil.net_if_addrs(), psutil.net_if_stats()
    psutil.cpu_times(), psutil.cpu_times(percpu=True), psutil.cpu_count(), psutil.cpu_stats(), psutil.getloadavg()
    psutil.virtual_memory(), psutil.swap_memory()
    psutil.disk_io_counters(perdisk=True), psutil.net_io_counters(pernic=True)
    for mount in psutil.disk_partitions(all=True):
        try:
            psutil.disk_usage(mount.mountpoint)
        except OSError:
            pass
for line in sys.stdin:
    start = time.process_time()
    for _ in range(int(sys.argv[1])):
        read()
    print(time.process_time() - start, sys.argv[1], flush=True)
";

/// Readings of one turn: enough for clocks of any grain.
const READINGS: u32 = 20;

/// Scripts of one turn: each takes an interpreter a good while to start.
const SCRIPTS: u32 = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Floor,
    Cold,
    Stream,
    Wire,
    PsutilFirst,
    Psutil,
    Exporter,
}

impl std::fmt::Display for Contender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Floor => "floor: open, read, close of the same files",
            Self::Cold => "host only, a new reader",
            Self::Stream => "host only, as in a stream",
            Self::Wire => "the agent's GetSystem over mTLS",
            Self::PsutilFirst => "psutil, the same calls, the first of a script",
            Self::Psutil => "psutil, the same calls, called again",
            Self::Exporter => "prometheus-node-exporter, one scrape",
        })
    }
}

struct Snapshot<'a> {
    bench: &'a Bench,
    host: Arc<Host>,
    what: &'static str,
    paths: &'static [&'static str],
    fields: SystemFieldSet,
    kept: SystemReader,
    floor: Floor,
    psutil: Script,
    exporter: Option<Exporter>,
}

pub fn run(bench: &Bench, report: &mut Report) {
    let exporter = compare(bench, Some(report), "fields", FIELDS, Exporter::start());
    if exporter.is_none() {
        println!("no comparison with prometheus-node-exporter: it is not installed (Debian: prometheus-node-exporter)");
    }
    compare(bench, None, "sections", SECTIONS, exporter);
}

/// `what` is the word that the script of psutil is told. Without a report there are no targets.
fn compare(
    bench: &Bench,
    mut report: Option<&mut Report>,
    what: &'static str,
    paths: &'static [&'static str],
    exporter: Option<Exporter>,
) -> Option<Exporter> {
    let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
    let host = Arc::new(Host::open(Roots::default()).unwrap());
    let mut snapshot = Snapshot {
        bench,
        what,
        paths,
        fields: SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap(),
        kept: SystemReader::new(Arc::clone(&host)),
        host,
        floor: Floor::new(),
        psutil: Script::start(PSUTIL, &[&READINGS.to_string(), what]),
        exporter,
    };
    use Contender::{Cold, Exporter as Scrape, Floor as Least, Psutil, PsutilFirst, Stream, Wire};
    let mut contenders = vec![Least, Cold, Stream, Wire, PsutilFirst, Psutil];
    contenders.extend(snapshot.exporter.is_some().then_some(Scrape));
    let turns = Turns::take(&mut snapshot, &contenders, bench.options.rounds);
    turns.print(&format!("snapshot of the host, {what}, processor time"), "us", Least, Psutil);
    let mut say = |peer, peer_name: &str, ours, bound: Option<Bound>| {
        let name = format!("system, {what}: {peer_name} / {ours}");
        let ratio = turns.ratio(peer, ours);
        match (report.as_deref_mut(), bound) {
            (Some(report), Some(bound)) => report.target(&name, ratio, bound),
            _ => Report::default().line(&name, ratio),
        }
    };
    say(PsutilFirst, "psutil's first calls", Cold, Some(Bound::AtLeast(4.0)));
    say(Psutil, "psutil called again", Cold, None);
    say(Psutil, "psutil called again", Stream, Some(Bound::AtLeast(8.0)));
    say(Psutil, "psutil called again", Wire, None);
    if snapshot.exporter.is_some() {
        say(Scrape, "one scrape", Wire, Some(Bound::AtLeast(20.0)));
        say(Scrape, "one scrape", Stream, None);
    }
    snapshot.exporter
}

impl Snapshot<'_> {
    /// Processor seconds of so many readings.
    fn spend(&mut self, contender: Contender) -> f64 {
        match contender {
            Contender::Floor => own_seconds(|| self.floor.read()),
            Contender::Cold => own_seconds(|| {
                let system = SystemReader::new(Arc::clone(&self.host)).read(self.fields);
                assert!(!system.mounts.is_empty() && system.memory.is_some(), "{:?}", system.errors);
            }),
            Contender::Stream => own_seconds(|| {
                let system = self.kept.read(self.fields);
                assert!(!system.mounts.is_empty() && system.memory.is_some(), "{:?}", system.errors);
            }),
            Contender::Wire => {
                let before = cpu_seconds(self.bench.agent.pid());
                for _ in 0..READINGS {
                    let answer = self
                        .bench
                        .runtime
                        .block_on(async { self.bench.client.system().get().fields(self.paths.iter().copied()).await });
                    assert!(answer.unwrap().system.is_some_and(|system| !system.mounts.is_empty()));
                }
                cpu_seconds(self.bench.agent.pid()) - before
            }
            Contender::PsutilFirst => {
                let first = || Script::start(PSUTIL, &["1", self.what]).read().0;
                (0..SCRIPTS).map(|_| first()).sum::<f64>() * f64::from(READINGS) / f64::from(SCRIPTS)
            }
            Contender::Psutil => self.psutil.read().0,
            Contender::Exporter => self.exporter.as_mut().map_or(0.0, |exporter| exporter.spend(READINGS)),
        }
    }
}

impl Contest for Snapshot<'_> {
    type Contender = Contender;

    /// Microseconds of one reading.
    fn turn(&mut self, contender: Contender) -> f64 {
        self.spend(contender) * 1e6 / f64::from(READINGS)
    }
}

/// Processor time of all threads of the bench while it reads.
fn own_seconds(mut read: impl FnMut()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let before = now();
    for _ in 0..READINGS {
        read();
    }
    now() - before
}
