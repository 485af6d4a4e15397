//! One caller at its share: it is told so, what it holds is bounded, and others do not notice.

use std::{fs, time::Duration};

use procwire_client::{Client, Error, ErrorKind, SystemWatch};
use procwire_tests::{
    Agent, Role,
    waiting::{eventually, eventually_async},
};
use tokio::task::JoinHandle;

/// Longer than any of these tests.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(10);
const BURST: usize = 100;
/// Calls at a time on one connection, and fewer than the agent allows.
const PER_CONNECTION: usize = 25;

#[tokio::test]
async fn a_burst_of_windowed_snapshots_holds_no_files_and_locks_nobody_out() {
    // Fewer than the burst would take if each of its calls held the files that it has read.
    let agent = Agent::options()
        .set("limits.windowed_snapshots_per_principal", 60)
        .started_by(["sh", "-c", r#"ulimit -Sn 256; exec "$@""#, "sh"])
        .start();
    let admin = agent.client(Role::Admin);
    let at_first = descriptors(&agent);
    everything(&admin, SHORT).await.unwrap();
    let reader_descriptors = descriptors(&agent).saturating_sub(at_first);
    assert!(reader_descriptors > 0, "a reader keeps its files");

    let mut callers: Vec<_> = (0..BURST / PER_CONNECTION)
        .map(|_| agent.client(Role::Reader))
        .flat_map(|client| std::iter::repeat_n(client, PER_CONNECTION))
        .map(|client| tokio::spawn(async move { everything(&client, LONG).await }))
        .collect();
    eventually_async("the calls above the share to be refused", || {
        let refused = callers.iter().filter(|call| call.is_finished()).count();
        std::future::ready((refused == BURST - 60).then_some(()))
    })
    .await;
    for call in finished(&mut callers) {
        let refused = call.await.unwrap().unwrap_err();
        assert_limit(&refused, "limits.windowed_snapshots_per_principal");
    }
    everything(&admin, SHORT).await.unwrap();
    // The first readings may still be going on: a few at a time, however many wait.
    let connections = BURST / PER_CONNECTION + 1;
    let at_most = at_first + connections + 6 * reader_descriptors;
    let now = descriptors(&agent);
    assert!(now <= at_most, "{now} descriptors while 60 wait; {reader_descriptors} for a reader, {at_first} at first");

    for call in &callers {
        call.abort();
    }
    drop(callers);
    let again = agent.client(Role::Reader);
    eventually_async("room for the caller", || async { everything(&again, SHORT).await.ok() }).await;
    eventually("the descriptors of the burst to be closed", || {
        (descriptors(&agent) <= at_first + 2 * reader_descriptors).then_some(())
    });
}

#[tokio::test]
async fn the_share_of_lists_is_the_callers_own() {
    let sys = tempfile::tempdir().unwrap();
    let root = sys.path().join("fs/cgroup");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("cgroup.controllers"), "cpu\n").unwrap();
    fs::write(root.join("cpu.stat"), "usage_usec 5\nuser_usec 3\nsystem_usec 2\n").unwrap();
    let agent = Agent::options().set("host.sys", sys.path().display()).start();
    let client = agent.client(Role::Inspector);
    let list = |client: &Client, window| client.system().cgroups().usage_window(window);
    let mut callers: Vec<_> = (0..10)
        .map(|_| {
            let list = list(&client, LONG);
            tokio::spawn(async move { list.await.map(drop) })
        })
        .collect();
    eventually_async("six to be refused", || {
        std::future::ready((callers.iter().filter(|call| call.is_finished()).count() == 6).then_some(()))
    })
    .await;
    for call in finished(&mut callers) {
        assert_limit(&call.await.unwrap().unwrap_err(), "limits.lists_per_principal");
    }
    assert_eq!(list(&agent.client(Role::Admin), SHORT).await.unwrap().cgroups.len(), 1);
    // Each kind has its own.
    client.system().sockets().limit(1).await.unwrap();
    for call in &callers {
        call.abort();
    }
    eventually_async("room for the caller", || async { list(&client, SHORT).await.ok() }).await;
}

#[tokio::test]
async fn the_share_of_samplers_is_the_callers_own() {
    let agent = Agent::options().set("limits.samplers_per_principal", 2).start();
    let (reader, admin) = (agent.client(Role::Reader), agent.client(Role::Admin));
    let first = watch(&reader, 1000).await.unwrap();
    let _second = watch(&reader, 1001).await.unwrap();
    assert_limit(&watch(&reader, 1002).await.err().unwrap(), "limits.samplers_per_principal");
    let same = watch(&reader, 1000).await.unwrap();
    let _others = (watch(&admin, 1003).await.unwrap(), watch(&admin, 1004).await.unwrap());
    assert_limit(&watch(&admin, 1005).await.err().unwrap(), "limits.samplers_per_principal");
    let _joined = watch(&admin, 1000).await.unwrap();
    drop((first, same));
    let _third = eventually_async("room for the caller", || async { watch(&reader, 1002).await.ok() }).await;
}

async fn everything(client: &Client, window: Duration) -> Result<(), Error> {
    client.system().get().fields(["*"]).usage_window(window).await.map(drop)
}

async fn watch(client: &Client, milliseconds: u64) -> Result<SystemWatch, Error> {
    client.system().watch().fields(["load"]).interval(Duration::from_millis(milliseconds)).reconnect(false).await
}

/// Takes out those that have ended.
fn finished<T>(calls: &mut Vec<JoinHandle<T>>) -> Vec<JoinHandle<T>> {
    let (finished, going_on) = std::mem::take(calls).into_iter().partition(JoinHandle::is_finished);
    *calls = going_on;
    finished
}

#[track_caller]
fn assert_limit(error: &Error, key: &str) {
    assert_eq!(error.kind(), ErrorKind::LimitReached, "{error}");
    assert_eq!(error.metadata().get("limit").map(String::as_str), Some(key), "{error}");
    assert!(error.retry_after().is_some(), "{error}");
}

fn descriptors(agent: &Agent) -> usize {
    fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count()
}

#[tokio::test]
async fn the_agent_may_open_as_many_files_as_it_can() {
    let agent = Agent::options().started_by(["sh", "-c", r#"ulimit -Sn 64; exec "$@""#, "sh"]).start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let values: Vec<_> = line.split_whitespace().collect();
    assert!(values[0] == values[1] && values[0] != "64", "{line}");
}
