//! Use of processors over a window (docs/psutil-differences.md: "Use of processors").

use std::time::Duration;

use procwire_tests::{Agent, Role, Victim};

use crate::judge::Judge;

/// The kernel counts in these.
const TICK_NS: f64 = 10_000_000.0;

/// The window of the agent lies between two questions to psutil. What the process used between those is more than what it used in
/// the window, but not by more than a single thread can use in the rest of that time.
#[tokio::test]
async fn a_spinning_process_uses_what_psutil_says_and_a_sleeping_one_nothing() {
    const WINDOW_NS: f64 = 600_000_000.0;
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let (spinning, sleeping) = (Victim::start(&["busy"]), Victim::start(&["sleep"]).asleep());
    let mut judge = Judge::start(None);
    let number = |value: &serde_json::Value, key: &str| value[key].as_f64().unwrap();
    let before = judge.usage(spinning.pid());
    let request = client.processes().list().fields(["cpu_usage_ratio"]).usage_window(Duration::from_millis(600));
    let list = request.await.unwrap();
    let after = judge.usage(spinning.pid());
    let ratio = |pid: u32| list.processes.iter().find(|row| row.pid == pid).unwrap().cpu_usage_ratio.unwrap();
    let passed_ns = number(&after, "now_ns") - number(&before, "now_ns");
    let used_ns = number(&after, "cpu_ns") - number(&before, "cpu_ns");
    let ours = ratio(spinning.pid());
    assert!(
        ours * WINDOW_NS <= used_ns + 2.0 * TICK_NS,
        "{ours} of {WINDOW_NS} ns, psutil: {used_ns} of {passed_ns} ns"
    );
    let unused_ns = passed_ns - used_ns + 2.0 * TICK_NS;
    assert!(ours >= 1.0 - unused_ns / WINDOW_NS, "{ours} of {WINDOW_NS} ns, psutil: {used_ns} of {passed_ns} ns");
    assert!(ours > 0.0, "{before} {after}");
    assert_eq!(ratio(sleeping.pid()), 0.0);
    // psutil's own figure is of the longer time, in percent, and rounded.
    let psutil = number(&after, "percent") / 100.0;
    assert!((psutil - used_ns / passed_ns).abs() < 0.05, "{psutil} {used_ns} {passed_ns}");
}

#[tokio::test]
async fn without_a_window_there_is_nothing_to_say() {
    let agent = Agent::start();
    let answer = agent.client(Role::Reader).processes().get(agent.pid()).fields(["cpu_usage_ratio"]).await.unwrap();
    let process = answer.process.unwrap();
    assert_eq!((process.cpu_usage_ratio, process.errors), (None, vec![]));
}
