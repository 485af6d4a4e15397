//! How busy processes were, over a window that the request names.

use std::time::Duration;

use procwire_client::{ErrorKind, ProcessSelect};
use procwire_tests::{Agent, Role, Victim};

const WINDOW: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_busy_process_is_told_from_one_that_sleeps() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let busy = Victim::start(&["busy"]);
    let asleep = Victim::start(&["sleep"]).asleep();
    // However loaded the host is, it gets some processor in the end.
    loop {
        let list = client.processes().list().matching(ProcessSelect::new().pids([busy.pid(), asleep.pid()]));
        let list = list.top(2, "cpu_usage_ratio").usage_window(WINDOW).fields(["cpu_usage_ratio"]).await.unwrap();
        let ratios: Vec<_> = list.processes.iter().map(|row| (row.pid, row.cpu_usage_ratio.unwrap())).collect();
        let ratio_of = |pid| ratios.iter().find(|(found, _)| *found == pid).unwrap().1;
        assert!(ratio_of(asleep.pid()) < 0.05 && ratio_of(busy.pid()) < 4.0, "{ratios:?}");
        let single = client.processes().get(busy.pid()).usage_window(WINDOW).fields(["cpu_usage_ratio"]).await.unwrap();
        let single = single.process.unwrap().cpu_usage_ratio.unwrap();
        if ratio_of(busy.pid()) > 0.0 && single > 0.0 {
            assert_eq!(ratios[0].0, busy.pid());
            break;
        }
    }
    let select = ProcessSelect::new().pid(asleep.pid()).min_cpu_usage(0.5);
    let list = client.processes().list().matching(select).usage_window(WINDOW).fields(["pid"]).await.unwrap();
    assert_eq!((list.processes.len(), list.summary.filtered), (0, 1));
}

#[tokio::test]
async fn without_a_window_nothing_is_measured_and_nothing_wrong() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let row = client.processes().get(agent.pid()).fields(["cpu_usage_ratio"]).await.unwrap().process.unwrap();
    assert!(row.cpu_usage_ratio.is_none() && row.errors.is_empty(), "{row:?}");
    for window in [Duration::from_millis(9), Duration::from_secs(61)] {
        let list = client.processes().list().usage_window(window).await.unwrap_err();
        let get = client.processes().get(agent.pid()).usage_window(window).await.unwrap_err();
        for error in [list, get] {
            assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some("usage_window")), "{error}");
        }
    }
}

#[tokio::test]
async fn whoever_waits_for_a_window_holds_up_nobody() {
    let agent = Agent::options().set("limits.host_quick_threads", 1).set("limits.host_slow_threads", 1).start();
    let client = agent.client(Role::Reader);
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let client = client.clone();
            let fields = ["cpu_usage_ratio"];
            let minute = Duration::from_secs(60);
            tokio::spawn(async move { client.processes().list().usage_window(minute).fields(fields).await })
        })
        .collect();
    // All of them have begun once the agent says so.
    while client.agent().status().await.unwrap().calls_in_progress <= 40 {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        client.processes().list().fields(["state", "cmdline"]).await.unwrap();
    }
    assert!(waiting.iter().all(|call| !call.is_finished()));
    for call in &waiting {
        call.abort();
    }
    while client.agent().status().await.unwrap().calls_in_progress > 1 {
        tokio::task::yield_now().await;
    }
}
