//! Lists in an order that the host makes.

use procwire_client::{ErrorKind, Order};
use procwire_proto::v1::{ErrorReason, Process};
use procwire_tests::{Agent, Role, Victim};

use crate::made_up_proc;

const MANY: u32 = 10_000;

/// Values move while the table is read: each row must show the one that gave it its place.
#[tokio::test]
async fn rows_show_what_they_were_ordered_by() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let _busy = [Victim::start(&["busy"]), Victim::start(&["spawn", "100"])];
    let used = |row: &Process| row.cpu_times.and_then(|times| Some(times.user_ns? + times.system_ns?));
    for _ in 0..5 {
        let order = Order::descending("cpu_times.user_ns").plus("cpu_times.system_ns");
        let list = client.processes().list().order_by(order).fields(["name", "cpu_times", "cmdline"]).await.unwrap();
        let values: Vec<_> = list.processes.iter().filter_map(used).collect();
        assert!(values.len() > 100 && values.is_sorted_by(|left, right| left >= right), "{values:?}");
        let order = Order::ascending("context_switches.voluntary");
        let list = client.processes().list().order_by(order).fields(["context_switches", "exe"]).await.unwrap();
        let switches = |row: &Process| row.context_switches.and_then(|switches| switches.voluntary);
        let values: Vec<_> = list.processes.iter().map(switches).collect();
        let known = values.iter().flatten().count();
        assert!(values[..known].is_sorted() && values[known..].iter().all(Option::is_none), "{values:?}");
    }
}

#[tokio::test]
async fn the_order_of_a_large_table_costs_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let pids = made_up_proc::fill(folder.path(), MANY);
    let agent = Agent::options().set("host.proc", folder.path().display()).start();
    let client = agent.client(Role::Admin);
    client.processes().list().order_by(Order::descending("pid")).limit(500).await.unwrap();
    let before = agent.resident_bytes();
    let top = client.processes().list().order_by(Order::descending("pid")).limit(7).fields(["name"]).await.unwrap();
    assert_eq!(
        top.processes.iter().map(|row| row.pid).collect::<Vec<_>>(),
        pids.clone().rev().take(7).collect::<Vec<_>>()
    );
    let all = client.processes().list().order_by(Order::descending("pid")).await.unwrap();
    assert_eq!(all.processes.iter().map(|row| row.pid).collect::<Vec<_>>(), pids.rev().collect::<Vec<_>>());
    let grown = agent.resident_bytes().saturating_sub(before);
    assert!(grown < 1024 * u64::from(MANY), "the agent grew by {grown} bytes");
}

#[tokio::test]
async fn an_order_that_there_is_not_is_refused_by_name() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    for (order, field, reason) in [
        (Order::descending("memory.residnt_bytes"), "order_by[1].paths[0]", ErrorReason::UnknownField),
        (Order::descending("cmdline"), "order_by[1].paths[0]", ErrorReason::InvalidRequest),
        (Order::descending("pid").plus("name"), "order_by[1].paths[1]", ErrorReason::InvalidRequest),
        (Order::descending("cpu_usage_ratio"), "order_by[1].paths[0]", ErrorReason::InvalidRequest),
    ] {
        let error = client.processes().list().order_by([Order::ascending("ppid"), order]).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some(field)), "{error}");
        assert_eq!(error.reason(), Some(reason), "{error}");
    }
}
