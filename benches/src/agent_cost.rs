//! What the agent costs its host, as the kernel counts it.

use std::{thread, time::Duration};

use procwire_tests::Agent;
use tokio::runtime::Runtime;

use procwire_client::Client;

use crate::sets::S1;

/// What an agent uses.
#[derive(Clone, Copy)]
pub struct Cost {
    pub resident_bytes: u64,
    pub peak_resident_bytes: u64,
    /// Clock ticks used while it was watched.
    pub ticks: u64,
}

/// Watches an agent that nobody calls.
pub fn idle(agent: &Agent) -> Cost {
    thread::sleep(Duration::from_millis(500));
    let before = ticks(agent);
    thread::sleep(Duration::from_secs(5));
    Cost { ticks: ticks(agent) - before, ..memory(agent) }
}

/// Lists the whole table many times over: memory must not grow with it.
pub fn after_lists(runtime: &Runtime, agent: &Agent, client: &Client) -> Cost {
    for _ in 0..20 {
        runtime.block_on(async { client.processes().list().fields(S1.fields.iter().copied()).await }).unwrap();
    }
    Cost { ticks: 0, ..memory(agent) }
}

fn memory(agent: &Agent) -> Cost {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    Cost { resident_bytes: bytes("VmRSS:"), peak_resident_bytes: bytes("VmHWM:"), ticks: 0 }
}

fn ticks(agent: &Agent) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// Processor seconds that the threads of a process have used, by the scheduler's clock: the ticks of /proc/PID/stat are too coarse for
/// calls of microseconds. What threads used that have ended is not in it (Documentation/scheduler/sched-stats.rst).
pub fn cpu_seconds(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let used = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    used.sum::<f64>() / 1e9
}
