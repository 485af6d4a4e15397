//! Pids that are reused all the time, and a real agent that is asked to signal by references that may be stale. The host's own test does the same
//! a hundred thousand times; here the whole way is gone, from the SDK to the kernel.

#![allow(clippy::print_stderr, reason = "says what it saw, or why it saw nothing")]

use std::{
    collections::{HashSet, VecDeque},
    env, fs,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use procwire_client::{Signal, v1::ErrorReason};
use procwire_proto::v1::ProcessRef;
use procwire_tests::{Agent, Role, is_root, reference_of};

/// Set where this program runs inside its own namespace.
const INSIDE: &str = "PROCWIRE_TEST_PID_NAMESPACE";
const PID_MAX_FILE: &str = "/proc/sys/kernel/pid_max";
/// Pids below 300 are given out once (`RESERVED_PIDS`, kernel/pid.c).
const PID_MAX: &str = "700";
const LIVING: usize = 120;
const ATTEMPTS: usize = 3000;
/// Targets of one request.
const AT_A_TIME: usize = 50;
/// Births between two requests.
const BIRTHS: usize = 15;

#[test]
fn signals_by_stale_references_reach_nobody_who_was_not_meant() {
    if env::var_os(INSIDE).is_some() {
        fs::write(PID_MAX_FILE, PID_MAX).unwrap();
        return tokio::runtime::Runtime::new().unwrap().block_on(race());
    }
    if let Some(why) = obstacle() {
        eprintln!("skipped: {why}");
        return;
    }
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(env::current_exe().unwrap());
    let name = "pid_reuse::signals_by_stale_references_reach_nobody_who_was_not_meant";
    let output = inside.args([name, "--exact", "--nocapture"]).env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no test is called {name}");
}

fn obstacle() -> Option<String> {
    if !is_root() {
        return Some("only root may make a pid namespace and bound its pids".to_owned());
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut parts = release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < (6, 14) {
        return Some(format!("pid_max is one for the whole machine before Linux 6.14, and this is {release}"));
    }
    let trial = ["--pid", "--fork", "--mount-proc", "sh", "-c", "test -w /proc/sys/kernel/pid_max"];
    match Command::new("unshare").args(trial).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("no pid namespace can be made here: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Some(format!("unshare cannot be run: {error}")),
    }
}

/// Victims, each with its number; every second one is a bystander, whom no reference names.
#[derive(Default)]
struct Victims {
    living: VecDeque<(usize, Child)>,
    references: VecDeque<(usize, ProcessRef)>,
    born: usize,
    hit: HashSet<usize>,
}

impl Victims {
    fn bear(&mut self) {
        let number = self.born;
        self.born += 1;
        let child = Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn().unwrap();
        if number % 2 == 1 {
            self.references.push_back((number, reference_of(child.id())));
        }
        self.living.push_back((number, child));
        if self.references.len() > 4 * LIVING {
            self.references.pop_front();
        }
        if self.living.len() > LIVING {
            self.bury_oldest();
        }
    }

    fn bury_oldest(&mut self) {
        let (number, mut child) = self.living.pop_front().unwrap();
        child.kill().unwrap();
        if child.wait().unwrap().signal() == Some(Signal::Usr1 as i32) {
            self.hit.insert(number);
        }
    }
}

async fn race() {
    let agent = Agent::options().set("control.actions_per_minute_per_principal", 100_000).start();
    let control = agent.client(Role::Operator).control();
    let mut victims = Victims::default();
    let (mut attempts, mut reused, mut gone, mut sent) = (0, 0, 0, HashSet::new());
    (0..LIVING).for_each(|_| victims.bear());
    while attempts < ATTEMPTS {
        (0..BIRTHS).for_each(|_| victims.bear());
        // Every so many of them, another time others: old ones and young ones.
        let stride = victims.references.len().div_ceil(AT_A_TIME);
        let chosen: Vec<_> = victims.references.iter().skip(victims.born % stride).step_by(stride).cloned().collect();
        let (numbers, targets): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
        let count = u32::try_from(targets.len()).unwrap();
        let signalling =
            control.signal_many(&targets, Signal::Usr1).expect_count(count).timeout(Duration::from_secs(60));
        // While the agent is at it, pids change hands.
        let signalling = tokio::spawn(signalling.into_future());
        while !signalling.is_finished() {
            victims.bear();
            tokio::task::yield_now().await;
        }
        let outcomes = signalling.await.unwrap().unwrap();
        assert_eq!(outcomes.results.len(), targets.len());
        attempts += targets.len();
        for (number, (_, result)) in numbers.into_iter().zip(outcomes.results) {
            match result.as_ref().map_err(|error| error.reason().unwrap()) {
                Ok(_) => {
                    sent.insert(number);
                }
                Err(ErrorReason::PidReused) => reused += 1,
                Err(ErrorReason::ProcessGone) => gone += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    while !victims.living.is_empty() {
        victims.bury_oldest();
    }
    let (hit, born) = (victims.hit, victims.born);
    eprintln!("{attempts} attempts: {} sent, {reused} reused, {gone} gone, {born} born, {} hit", sent.len(), hit.len());
    let strangers: Vec<_> = hit.difference(&sent).collect();
    assert!(strangers.is_empty(), "wrong processes were signalled: {strangers:?}");
    assert!(reused > 100 && hit.len() > 10, "it was no race: {reused} reused, {} hit", hit.len());
}
