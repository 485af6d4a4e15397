//! The process table.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use procwire_client::Client;
use procwire_proto::{FieldTable as _, v1::Process};
use procwire_tests::{Agent, NOBODY, Role, is_root};

use crate::{
    comparison::{Case, Comparison, ROUNDS},
    flatten::{Reasons, Values, flatten, reasons},
    judge::{Judge, Opinions},
    rules,
    zoo::Zoo,
};

#[tokio::test]
async fn every_field_of_every_process_agrees_with_psutil_procps_and_the_kernel() {
    let agent = Agent::start();
    let comparison = compare(&agent, None).await;
    comparison.assert_agreed();
    let fields = Process::FIELDS.iter().filter(|field| field.is_served()).map(|field| field.path);
    comparison.assert_covers(fields.filter(|path| !is_judged_elsewhere(path)));
    comparison.assert_met("state", ["SLEEPING", "STOPPED", "TRACING_STOP", "ZOMBIE"]);
    comparison.assert_met("open_files.kind", OPEN_FILE_KINDS);
    comparison.assert_met("sockets.state", SOCKET_STATES);
    comparison.assert_met("sockets.family", ["UNIX", "INET", "INET6", "NETLINK"]);
    comparison.assert_met("scheduling.policy", ["OTHER", "BATCH"]);
    comparison.assert_met("io_priority.io_class", ["NONE", "BEST_EFFORT", "IDLE"]);
    comparison.assert_met("syscall_filter.seccomp_mode", ["DISABLED", "FILTER"]);
}

#[tokio::test]
async fn an_unprivileged_agent_agrees_with_unprivileged_judges_and_says_what_it_may_not_see() {
    let agent = Agent::options().unprivileged().start();
    let comparison = compare(&agent, is_root().then_some(NOBODY)).await;
    comparison.assert_agreed();
    let free = Process::FIELDS.iter().filter(|field| field.is_served() && field.source.ends_with("/stat"));
    comparison.assert_covers(free.map(|field| field.path).filter(|path| !is_judged_elsewhere(path)));
}

/// Those that a descriptor of every user can have.
const OPEN_FILE_KINDS: [&str; 12] = [
    "REGULAR",
    "DIRECTORY",
    "DEVICE",
    "PIPE",
    "SOCKET",
    "MEMFD",
    "PIDFD",
    "EVENTFD",
    "EPOLL",
    "TIMERFD",
    "SIGNALFD",
    "NOTIFY",
];

/// Those of sockets that somebody holds: TIME_WAIT and SYN_RECV have no holder (sockets.rs).
const SOCKET_STATES: [&str; 9] =
    ["ESTABLISHED", "SYN_SENT", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "STATE_CLOSE"];

/// usage.rs: it takes a window. Labels and login uids: kernels that were built without security modules that label, or without audit,
/// have none.
fn is_judged_elsewhere(path: &str) -> bool {
    let is_there = |file: &str| std::fs::read(file).is_ok();
    match path {
        "cpu_usage_ratio" => true,
        "security_label" => !is_there("/proc/self/attr/current"),
        "login_uid" => !is_there("/proc/self/loginuid"),
        _ => false,
    }
}

async fn compare(agent: &Agent, uid: Option<u32>) -> Comparison {
    let zoo = Zoo::open();
    let client = agent.client(Role::Admin);
    let mut judge = Judge::start(uid);
    let mut comparison = Comparison::new(rules::PROCESS);
    // All of them, and then those of which something differed.
    let mut asked = BTreeSet::new();
    for round in 0..ROUNDS {
        let before = judge.processes(&asked);
        let processes = if round == 0 { list(&client).await } else { get(&client, &asked).await };
        let after = judge.processes(&asked);
        let rows: BTreeMap<_, _> = processes.iter().map(|process| (key(process), process)).collect();
        if round == 0 {
            assert_the_zoo_is_judged(&zoo, &before, &rows);
        }
        for (key, before) in &before {
            let Some(after) = after.get(key) else { continue };
            let process = rows.get(key).unwrap_or_else(|| panic!("the agent left out {key}: {before:?}"));
            assert_ne!(process.pid, judge.pid());
            let (mut ours, reasons) = (flatten("Process", *process), reasons(&process.errors));
            let mut before = Cow::Borrowed(before);
            if process.pid == agent.pid() {
                leave_out_what_reading_takes(&mut ours, before.to_mut());
            }
            comparison.add(&Case { key, ours: &ours, reasons: &reasons, before: &before, after });
        }
        comparison.keep(|key| before.contains_key(key) && after.contains_key(key));
        asked = comparison.open_keys().iter().map(|key| pid(key)).collect();
        if asked.is_empty() {
            break;
        }
    }
    comparison
}

/// Everything of every process, by an agent that was built for debugging, on a machine that does other things.
const PATIENCE: Duration = Duration::from_secs(300);

async fn list(client: &Client) -> Vec<Process> {
    client.processes().list().fields(["*"]).timeout(PATIENCE).await.unwrap().processes
}

async fn get(client: &Client, pids: &BTreeSet<u32>) -> Vec<Process> {
    let mut processes = Vec::new();
    for pid in pids {
        match client.processes().get(*pid).fields(["*"]).timeout(PATIENCE).await {
            Ok(answer) => processes.extend(answer.process),
            Err(error) if error.is_gone() => {}
            Err(error) => panic!("{pid}: {error}"),
        }
    }
    processes
}

fn key(process: &Process) -> String {
    format!("{} {}", process.pid, process.r#ref.as_ref().unwrap().start_ticks)
}

fn pid(key: &str) -> u32 {
    key.split_once(' ').unwrap().0.parse().unwrap()
}

/// While the agent reads its own row it has files open and threads at work that nobody else sees.
fn leave_out_what_reading_takes(ours: &mut Values, before: &mut Opinions) {
    let takes = |path: &str| {
        ["fd_count", "thread_count", "threads", "open_files", "sockets"].iter().any(|field| path.starts_with(field))
    };
    ours.retain(|path, _| !takes(path));
    before.retain(|path, _| !takes(path));
}

fn assert_the_zoo_is_judged<A, B>(zoo: &Zoo, judged: &BTreeMap<String, A>, rows: &BTreeMap<String, B>) {
    for (oddity, pid) in zoo.pids() {
        let prefix = format!("{pid} ");
        assert!(judged.keys().any(|key| key.starts_with(&prefix)), "{oddity}: no judge speaks of {pid}");
        assert!(rows.keys().any(|key| key.starts_with(&prefix)), "{oddity}: the agent left out {pid}");
    }
}

#[test]
fn reasons_of_a_list_are_those_of_its_rows() {
    use procwire_proto::v1::{FieldError, FieldErrorReason};
    let error = FieldError {
        path: "open_files".into(),
        reason: FieldErrorReason::PermissionDenied.into(),
        ..FieldError::default()
    };
    let told: Reasons = reasons(&[error]);
    let reason = |path| crate::flatten::reason_for(&told, path);
    assert_eq!(reason("open_files[7].flags"), Some(FieldErrorReason::PermissionDenied));
    assert_eq!(reason("sockets[7].uid"), None);
}
