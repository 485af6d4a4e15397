//! How long it takes from the request to end a process to the signal that it gets: over mutual TLS, decided, and on record before. The
//! victim says when the signal came, by the same clock; how long it takes to wake is in every contender's time.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use procwire_client::{Client, Escalation, ProcessRef, Signal};
use procwire_tests::{Agent, AgentOptions, Role, programs, reference_of};
use rustix::{
    process::{Pid, kill_process},
    time::{ClockId, clock_gettime},
};

use crate::{
    Bench,
    report::{Bound, Report},
    table::peers::Script,
    turns::percentile,
};

/// Signals of each contender for one round of the others' suites: tails need many.
const FOR_EACH_ROUND: u32 = 100;

/// Starts the agent without its audit file, so that records go to its log and nothing waits for the disk.
const WITHOUT_AUDIT_FILE: &str = r#"
for word; do
  shift
  case "$word" in --audit-file) skip=1 ;; *) [ -n "$skip" ] || set -- "$@" "$word"; skip= ;; esac
done
exec "$@""#;

/// Tells when it began, in nanoseconds.
const PSUTIL: &str = "
import psutil, signal, sys, time
process = psutil.Process(int(sys.argv[1]))
for line in sys.stdin:
    began = time.monotonic_ns()
    process.send_signal(signal.SIGUSR1)
    print(0, began, flush=True)
";

pub fn run(bench: &Bench, report: &mut Report) {
    let mut clock = Clock::start();
    let on_record = OverTls::new(Agent::options());
    let to_the_log = OverTls::new(Agent::options().started_by(["sh", "-c", WITHOUT_AUDIT_FILE, "sh"]));
    let mut psutil = Script::start(PSUTIL, &[clock.reference.pid.to_string().as_str()]);
    let [mut by_kill, mut by_psutil, mut logged, mut recorded] = [const { Vec::new() }; 4];
    for round in 0..bench.options.rounds * FOR_EACH_ROUND + 10 {
        let took = [
            clock.kill(),
            clock.delay_since(i64::try_from(psutil.read().1).unwrap()),
            bench.runtime.block_on(to_the_log.terminate(&mut clock)),
            bench.runtime.block_on(on_record.terminate(&mut clock)),
        ];
        if round >= 10 {
            for (costs, took) in [&mut by_kill, &mut by_psutil, &mut logged, &mut recorded].into_iter().zip(took) {
                costs.push(took);
            }
        }
    }
    println!("\nfrom the request to the signal, us {:>32} {:>9} {:>9}", "min", "p50", "p99");
    let named = [
        ("kill(2) by this program", &by_kill),
        ("psutil send_signal()", &by_psutil),
        ("TerminateProcesses over mTLS, audit to the log", &logged),
        ("TerminateProcesses over mTLS, audit on disk first", &recorded),
    ];
    for (name, costs) in named {
        let [least, middle, tail] = [0, 50, 99].map(|percent| percentile(costs.clone(), percent));
        println!("{name:56} {least:9.0} {middle:9.0} {tail:9.0}");
    }
    println!();
    report.target("termination to signal, audit in the log, p99 ms", percentile(logged, 99) / 1e3, Bound::AtMost(2.0));
    report.target("termination to signal, audit on disk, p99 ms", percentile(recorded, 99) / 1e3, Bound::AtMost(2.0));
}

/// A victim that says when a signal came.
struct Clock {
    child: Child,
    said: BufReader<ChildStdout>,
    reference: ProcessRef,
}

impl Clock {
    fn start() -> Self {
        let mut command = Command::new(programs::victim());
        let mut child = command.arg("clock").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let reference = reference_of(child.id());
        Self { child, said, reference }
    }

    /// Microseconds from then, in nanoseconds, to the signal that was sent.
    fn delay_since(&mut self, then: i64) -> f64 {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        (line.trim().parse::<i64>().unwrap() - then) as f64 / 1e3
    }

    fn kill(&mut self) -> f64 {
        let began = now();
        kill_process(Pid::from_child(&self.child), rustix::process::Signal::USR1).unwrap();
        self.delay_since(began)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct OverTls {
    client: Client,
    _agent: Agent,
}

impl OverTls {
    fn new(options: AgentOptions) -> Self {
        let agent = options.set("control.actions_per_minute_per_principal", 1 << 20).start();
        Self { client: agent.client(Role::Operator), _agent: agent }
    }

    async fn terminate(&self, clock: &mut Clock) -> f64 {
        let control = self.client.control();
        let termination = control.terminate(&clock.reference).signal(Signal::Usr1);
        let began = now();
        let run = termination.grace(Duration::from_millis(1)).then(Escalation::GiveUp).await.unwrap();
        run.outcome().await.unwrap();
        clock.delay_since(began)
    }
}

fn now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
