//! Conditions and orders reach the wire as meant.

use std::time::{Duration, UNIX_EPOCH};

use procwire_client::v1::bytes_match::Match;
use procwire_client::v1::{
    BytesMatch, ListProcessesHeader, ListProcessesRequest, ListProcessesResponse, ListProcessesSummary, OrderBy,
    ProcessFilter, ProcessPredicate, ProcessState,
};
use procwire_client::{ListProcesses, Order, ProcessRef, ProcessSelect, Timestamp};

use crate::fake_agent::FakeAgent;
use crate::script::Step;

/// What the agent is asked for.
async fn asked(build: impl FnOnce(ListProcesses) -> ListProcesses) -> ListProcessesRequest {
    let agent = FakeAgent::default();
    let empty = ListProcessesResponse {
        header: Some(ListProcessesHeader::default()),
        summary: Some(ListProcessesSummary::default()),
        ..Default::default()
    };
    agent.list.then([Step::Send(empty)]);
    build(agent.client().processes().list()).await.unwrap();
    agent.list.asked().remove(0).message
}

fn reference(pid: u32) -> ProcessRef {
    ProcessRef { pid, start_ticks: 50, boot_id: vec![7; 16].into(), pidfd_inode: None }
}

fn matched(how: Match) -> Option<BytesMatch> {
    Some(BytesMatch { r#match: Some(how) })
}

#[tokio::test]
async fn every_condition_has_its_field() {
    let select = ProcessSelect::new()
        .pid(1)
        .pids([2, 3])
        .ppids([4])
        .refs([reference(5)])
        .children_of(&reference(6))
        .descendants_of(&reference(7))
        .name("nginx")
        .exe_prefix("/usr/")
        .cmdline_regex("--batch( |$)")
        .user("www-data")
        .user(b"\xff")
        .uid(0)
        .uid(33)
        .state(ProcessState::Zombie)
        .terminal("/dev/pts/1")
        .cgroup("/system.slice")
        .unit("ssh.service")
        .container("0123456789ab")
        .kernel_threads(false)
        .min_resident_bytes(1 << 30)
        .min_cpu_usage(0.5)
        .min_fds(1000)
        .started_after(UNIX_EPOCH + Duration::from_millis(1500))
        .started_before(Timestamp { seconds: 9, nanos: 0 })
        .local_port(65_535)
        .listening_on(80)
        .listening_on(443);
    let predicate = ProcessPredicate {
        pids: vec![1, 2, 3],
        ppids: vec![4],
        refs: vec![reference(5)],
        children_of: vec![reference(6)],
        descendants_of: vec![reference(7)],
        name: matched(Match::Exact(b"nginx".to_vec())),
        exe: matched(Match::Prefix(b"/usr/".to_vec())),
        cmdline: matched(Match::Regex("--batch( |$)".into())),
        usernames: vec![b"www-data".to_vec(), b"\xff".to_vec()],
        uids: vec![0, 33],
        states: vec![ProcessState::Zombie.into()],
        terminals: vec![b"/dev/pts/1".to_vec()],
        cgroup_prefix: Some(b"/system.slice".to_vec()),
        units: vec![b"ssh.service".to_vec()],
        kernel_thread: Some(false),
        min_resident_bytes: Some(1 << 30),
        min_cpu_usage_ratio: Some(0.5),
        min_fd_count: Some(1000),
        started_after: Some(Timestamp { seconds: 1, nanos: 500_000_000 }),
        started_before: Some(Timestamp { seconds: 9, nanos: 0 }),
        local_ports: vec![65_535],
        listening_ports: vec![80, 443],
        container_ids: vec!["0123456789ab".into()],
    };
    assert_eq!(ProcessPredicate::from(select.clone()), predicate);
    assert_eq!(ProcessSelect::from(predicate), select);
}

#[test]
fn texts_are_matched_whole_by_their_beginning_or_by_a_regular_expression() {
    let predicate = ProcessPredicate::from;
    let (exact, prefix, regex) = (Match::Exact(vec![0xff]), Match::Prefix(vec![0xff]), Match::Regex("x".into()));
    let new = ProcessSelect::new;
    assert_eq!(predicate(new().name(b"\xff")).name, matched(exact.clone()));
    assert_eq!(predicate(new().name_prefix(b"\xff")).name, matched(prefix.clone()));
    assert_eq!(predicate(new().name_regex("x")).name, matched(regex.clone()));
    assert_eq!(predicate(new().exe(b"\xff")).exe, matched(exact.clone()));
    assert_eq!(predicate(new().exe_prefix(b"\xff")).exe, matched(prefix.clone()));
    assert_eq!(predicate(new().exe_regex("x")).exe, matched(regex.clone()));
    assert_eq!(predicate(new().cmdline(b"\xff")).cmdline, matched(exact));
    assert_eq!(predicate(new().cmdline_prefix(b"\xff")).cmdline, matched(prefix));
    assert_eq!(predicate(new().cmdline_regex("x")).cmdline, matched(regex.clone()));
    assert_eq!(predicate(new().name("first").name_regex("x")).name, matched(regex), "the last call counts");
}

/// On the wire an empty list is no condition: every process would match.
#[test]
fn one_of_none_matches_nothing_rather_than_everything() {
    let nothing = ProcessPredicate { pids: vec![ProcessRef::MAX_PID], ..Default::default() };
    let none = || ProcessSelect::new().user("root");
    for select in
        [none().pids([]), none().ppids([]), none().refs([]), none().refs([]).pids([4242]), none().pids([]).uid(0)]
    {
        assert_eq!(ProcessPredicate::from(select), nothing);
    }
    assert_eq!(ProcessPredicate::from(ProcessSelect::new()), ProcessPredicate::default(), "the agent refuses it");
}

#[tokio::test]
async fn conditions_add_up_to_a_filter() {
    let by_uid = |uid| ProcessSelect::new().uid(uid);
    let request = asked(|list| list.matching(by_uid(1)).except(by_uid(2)).matching(by_uid(3)).except(by_uid(4))).await;
    let predicate = |uid| ProcessPredicate { uids: vec![uid], ..Default::default() };
    let filter = ProcessFilter { allow: vec![predicate(1), predicate(3)], deny: vec![predicate(2), predicate(4)] };
    assert_eq!(request.filter, Some(filter.clone()));

    let raw = ProcessFilter { allow: vec![predicate(9)], deny: vec![] };
    let request = asked(|list| list.matching(by_uid(1)).except(by_uid(2)).filter(raw.clone())).await;
    assert_eq!(request.filter, Some(raw.clone()), "the raw filter replaces the others");
    let request = asked(|list| list.filter(raw).except(by_uid(2))).await;
    assert_eq!(request.filter, Some(ProcessFilter { allow: vec![predicate(9)], deny: vec![predicate(2)] }));

    assert_eq!(asked(|list| list).await.filter, None);
}

#[tokio::test]
async fn orders_reach_the_agent_key_by_key() {
    let key =
        |paths: &[&str], descending| OrderBy { paths: paths.iter().map(|path| (*path).into()).collect(), descending };
    let cpu = Order::descending("cpu_times.user_ns").plus("cpu_times.system_ns");
    let request = asked(|list| list.order_by(cpu.clone())).await;
    assert_eq!(request.order_by, [key(&["cpu_times.user_ns", "cpu_times.system_ns"], true)]);
    let request = asked(|list| list.order_by([Order::ascending("username"), cpu])).await;
    let by_user_and_cpu = [key(&["username"], false), key(&["cpu_times.user_ns", "cpu_times.system_ns"], true)];
    assert_eq!(request.order_by, by_user_and_cpu);
    let request = asked(|list| list.order_by([key(&["pid"], true)])).await;
    assert_eq!(request.order_by, [key(&["pid"], true)]);
    let request = asked(|list| list.top(10, "memory.resident_bytes")).await;
    assert_eq!((request.order_by, request.limit), (vec![key(&["memory.resident_bytes"], true)], 10));
}
