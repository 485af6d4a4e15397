//! A host full of connections: the bare table, and the table with whoever holds each socket.

use procwire_client::SocketSelect;

use crate::{
    Bench,
    crowds::Model,
    report::{Bound, Report},
    table::peers::Script,
    turns::{Contest, Turns},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Bare,
    WithHolders,
    Psutil,
    Ss,
    SsWithHolders,
}

impl std::fmt::Display for Contender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Bare => "procwire over mTLS, inet sockets",
            Self::WithHolders => "procwire over mTLS, with holders",
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
    psutil: Script,
}

pub fn run(bench: &Bench, report: &mut Report) {
    let _model = Model::with_connections(bench.options.connections);
    let mut sockets = Sockets { bench, psutil: Script::start(PSUTIL, &[]) };
    let mut contenders = vec![Contender::Bare, Contender::WithHolders, Contender::Psutil];
    if std::process::Command::new("ss").arg("-V").output().is_ok() {
        contenders.extend([Contender::Ss, Contender::SsWithHolders]);
    }
    let turns = Turns::take(&mut sockets, &contenders, bench.options.rounds.min(10));
    let title = format!("{} TCP connections, both ends", bench.options.connections);
    turns.print(&title, "ms", Contender::Bare, Contender::Psutil);
    let psutil = |below| turns.ratio(Contender::Psutil, below);
    report.target("psutil net_connections / bare sockets over mTLS", psutil(Contender::Bare), Bound::AtLeast(20.0));
    report.target("psutil net_connections / with holders over mTLS", psutil(Contender::WithHolders), Bound::AtLeast(4.0));
}

impl Sockets<'_> {
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
            Contender::Bare => self.list(false),
            Contender::WithHolders => self.list(true),
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
