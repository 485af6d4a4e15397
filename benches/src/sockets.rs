//! A host full of connections: the bare table, and the table with whoever holds each socket.

use std::sync::atomic::AtomicBool;

use procwire_client::SocketSelect;
use procwire_host::{
    Host, Roots,
    sockets::{SocketFilter, SocketQuery, SocketSource, SocketTable},
};

use crate::{
    Bench,
    crowds::Model,
    report::{Bound, Report},
    table::peers::Script,
    turns::{Contest, Turns},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Host,
    HostWithHolders,
    Wire,
    WireWithHolders,
    Psutil,
    Ss,
    SsWithHolders,
}

impl std::fmt::Display for Contender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Host => "procwire, host only, inet sockets",
            Self::HostWithHolders => "procwire, host only, with holders",
            Self::Wire => "procwire over mTLS, decoded by the SDK",
            Self::WireWithHolders => "procwire over mTLS, with holders",
            Self::Psutil => "psutil net_connections('inet')",
            Self::Ss => "ss -tuna",
            Self::SsWithHolders => "ss -tunap",
        })
    }
}

const PSUTIL: &str = "
import psutil, sys, time
for line in sys.stdin:
    start = time.perf_counter()
    rows = psutil.net_connections('inet')
    print(time.perf_counter() - start, len(rows), flush=True)
";

struct Sockets<'a> {
    bench: &'a Bench,
    host: Host,
    psutil: Script,
}

pub fn run(bench: &Bench, report: &mut Report) {
    let _models = Model::with_connections(bench.options.connections);
    let mut sockets =
        Sockets { bench, host: Host::open(Roots::default()).unwrap(), psutil: Script::start(PSUTIL, &[]) };
    let mut contenders = vec![
        Contender::Host,
        Contender::HostWithHolders,
        Contender::Wire,
        Contender::WireWithHolders,
        Contender::Psutil,
    ];
    if std::process::Command::new("ss").arg("-V").output().is_ok() {
        contenders.extend([Contender::Ss, Contender::SsWithHolders]);
    }
    let turns = Turns::take(&mut sockets, &contenders, bench.options.rounds.min(10));
    let title = format!("{} TCP connections, both ends", bench.options.connections);
    turns.print(&title, "ms", Contender::Host, Contender::Psutil);
    let psutil = |below| turns.ratio(Contender::Psutil, below);
    report.target("psutil net_connections / bare, host only", psutil(Contender::Host), Bound::AtLeast(20.0));
    report.target(
        "psutil net_connections / with holders, host only",
        psutil(Contender::HostWithHolders),
        Bound::AtLeast(4.0),
    );
    // psutil reads its own host and sends nothing.
    report.line("psutil net_connections / bare, over mTLS", psutil(Contender::Wire));
    report.line("psutil net_connections / with holders, over mTLS", psutil(Contender::WireWithHolders));
}

impl Sockets<'_> {
    /// As psutil: read, and made into rows that a program can look at.
    fn read(&self, with_holders: bool) -> usize {
        let inet = SocketSelect::new().inet().into();
        let query = SocketQuery {
            filter: SocketFilter::parse(vec![inet]).unwrap(),
            with_holders,
            all_network_namespaces: false,
            source: SocketSource::Auto,
        };
        let table = SocketTable::read(&self.host, &query, &AtomicBool::new(false)).unwrap();
        table.sockets().count()
    }

    fn list(&self, with_holders: bool) -> usize {
        let request = self.bench.client.system().sockets().matching(SocketSelect::new().inet());
        let request = if with_holders { request.with_holders() } else { request };
        self.bench.runtime.block_on(async { request.await }).unwrap().sockets.len()
    }
}

impl Contest for Sockets<'_> {
    type Contender = Contender;

    fn turn(&mut self, contender: Contender) -> f64 {
        let start = std::time::Instant::now();
        let rows = match contender {
            Contender::Host => self.read(false),
            Contender::HostWithHolders => self.read(true),
            Contender::Wire => self.list(false),
            Contender::WireWithHolders => self.list(true),
            Contender::Psutil => {
                let (seconds, rows) = self.psutil.read();
                assert!(rows >= 2 * self.bench.options.connections as usize);
                return seconds * 1e3;
            }
            Contender::Ss => ss("-Htuna"),
            Contender::SsWithHolders => ss("-Htunap"),
        };
        assert!(rows >= 2 * self.bench.options.connections as usize, "{contender} saw {rows} sockets");
        start.elapsed().as_secs_f64() * 1e3
    }
}

/// The whole program, its start included, as one has to.
fn ss(options: &str) -> usize {
    let output = std::process::Command::new("ss").arg(options).output().unwrap();
    output.stdout.iter().filter(|byte| **byte == b'\n').count()
}
