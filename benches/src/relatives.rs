//! The descendants of one process: at most one scan of the table, whatever the size of the family.

use procwire_client::v1::{ProcessFilter, ProcessPredicate, ProcessRef};

use crate::{
    Bench,
    crowds::{Model, Sleepers},
    report::{Bound, Report},
    table::peers::Script,
    turns::{Contest, Turns},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    /// Every process, with its parent: one scan.
    Scan,
    Descendants,
    Children,
    Psutil,
}

impl std::fmt::Display for Contender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(match self {
            Self::Scan => "procwire over mTLS, pid and ppid of all",
            Self::Descendants => "procwire over mTLS, descendants of one",
            Self::Children => "procwire over mTLS, children of one",
            Self::Psutil => "psutil children(recursive=True)",
        })
    }
}

/// psutil asks the table anew each time.
const PSUTIL: &str = "
import psutil, sys, time
process = psutil.Process(int(sys.argv[1]))
for line in sys.stdin:
    start = time.perf_counter()
    rows = process.children(recursive=True)
    print(time.perf_counter() - start, len(rows), flush=True)
";

struct Family<'a> {
    bench: &'a Bench,
    eldest: ProcessRef,
    psutil: Script,
}

pub fn run(bench: &Bench, report: &mut Report) {
    let _sleepers = Sleepers::start(bench.options.processes);
    let model = Model::with_descendants();
    let found =
        bench.runtime.block_on(async { bench.client.processes().get(model.pid()).fields(["ref"]).await }).unwrap();
    let eldest = found.process.and_then(|process| process.r#ref).unwrap();
    let psutil = Script::start(PSUTIL, &[&model.pid().to_string()]);
    let mut family = Family { bench, eldest, psutil };
    let all = [Contender::Scan, Contender::Descendants, Contender::Children, Contender::Psutil];
    let turns = Turns::take(&mut family, &all, bench.options.rounds);
    turns.print("relatives of one process", "ms", Contender::Scan, Contender::Psutil);
    for (what, contender) in [("descendants", Contender::Descendants), ("children", Contender::Children)] {
        report.target(
            &format!("{what} of one process, times one scan"),
            turns.ratio(contender, Contender::Scan),
            Bound::AtMost(1.1),
        );
    }
}

impl Family<'_> {
    fn list(&self, predicate: Option<ProcessPredicate>) -> usize {
        let filter = ProcessFilter { allow: predicate.into_iter().collect(), deny: Vec::new() };
        let request = self.bench.client.processes().list().fields(["pid", "ppid"]).filter(filter);
        self.bench.runtime.block_on(async { request.await }).unwrap().processes.len()
    }
}

impl Contest for Family<'_> {
    type Contender = Contender;

    fn turn(&mut self, contender: Contender) -> f64 {
        let eldest = || vec![self.eldest.clone()];
        let (predicate, wanted) = match contender {
            Contender::Scan => (None, 10..=usize::MAX),
            Contender::Descendants => {
                (Some(ProcessPredicate { descendants_of: eldest(), ..Default::default() }), 6..=6)
            }
            Contender::Children => (Some(ProcessPredicate { children_of: eldest(), ..Default::default() }), 2..=2),
            Contender::Psutil => {
                let (seconds, found) = self.psutil.read();
                assert_eq!(found, 6);
                return seconds * 1e3;
            }
        };
        let start = std::time::Instant::now();
        let found = self.list(predicate);
        assert!(wanted.contains(&found), "{contender} found {found}");
        start.elapsed().as_secs_f64() * 1e3
    }
}
