//! Lists that are filtered on the host, over the network: what is refused, what comes out, what nobody learns from it.

use std::{net::TcpListener, process::Command};

use procwire_client::{ErrorKind, ProcessSelect};
use procwire_proto::v1::{
    BytesMatch, ErrorReason, ListProcessesRequest, ProcessFilter, ProcessPredicate, ProcessRef, ProcessState,
    bytes_match::Match, process_service_client::ProcessServiceClient,
};
use procwire_tests::{Agent, Role, Victim, programs, raw::Connection};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

async fn refusal(agent: &Agent, role: Role, predicate: ProcessPredicate) -> Status {
    let connection = Connection::open(agent, &agent.pki.client(role)).await;
    let mut processes = ProcessServiceClient::with_origin(connection, Connection::origin());
    let good = ProcessPredicate { pids: vec![1], ..Default::default() };
    let filter = Some(ProcessFilter { allow: vec![good.clone()], deny: vec![good, predicate] });
    processes.list_processes(ListProcessesRequest { filter, ..Default::default() }).await.unwrap_err()
}

fn field(status: &Status) -> String {
    status.get_details_bad_request().unwrap_or_else(|| panic!("{status:?}")).field_violations[0].field.clone()
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let agent = Agent::start();
    let pattern = |pattern: String| Some(BytesMatch { r#match: Some(Match::Regex(pattern)) });
    let one = ProcessPredicate::default;
    for (predicate, place) in [
        (one(), "filter.deny[1]"),
        (ProcessPredicate { name: pattern("(unclosed".to_owned()), ..one() }, "filter.deny[1].name.regex"),
        (ProcessPredicate { exe: pattern("x".repeat(1025)), ..one() }, "filter.deny[1].exe.regex"),
        (ProcessPredicate { cmdline: Some(BytesMatch::default()), ..one() }, "filter.deny[1].cmdline"),
        (ProcessPredicate { pids: vec![7, 0], ..one() }, "filter.deny[1].pids[1]"),
        (ProcessPredicate { listening_ports: vec![70_000], ..one() }, "filter.deny[1].listening_ports[0]"),
        (ProcessPredicate { states: vec![77], ..one() }, "filter.deny[1].states[0]"),
        (ProcessPredicate { refs: vec![ProcessRef::default()], ..one() }, "filter.deny[1].refs[0].pid"),
        (ProcessPredicate { min_cpu_usage_ratio: Some(0.5), ..one() }, "filter.deny[1].min_cpu_usage_ratio"),
    ] {
        let status = refusal(&agent, Role::Inspector, predicate).await;
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, place), "{status:?}");
        assert!(!status.message().contains('\n'), "{}", status.message());
    }
    let hostile = ProcessPredicate { name: pattern("(\u{1b}[2J".to_owned()), ..one() };
    assert!(!refusal(&agent, Role::Reader, hostile).await.message().contains('\u{1b}'));
    agent.client(Role::Reader).agent().info().await.unwrap();
}

#[tokio::test]
async fn a_listener_is_found_by_its_port_by_those_who_may_see_sockets() {
    let agent = Agent::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let here = std::process::id();
    for select in [ProcessSelect::new().listening_on(port), ProcessSelect::new().local_port(port)] {
        let client = agent.client(Role::Inspector);
        let list = client.processes().list().matching(select.clone()).fields(["pid"]).await.unwrap();
        assert_eq!(list.processes.iter().map(|row| row.pid).collect::<Vec<_>>(), [here]);
        let others = client.processes().list().except(select.clone()).matching(ProcessSelect::new().pid(here));
        assert!(others.await.unwrap().processes.is_empty());
        let error = agent.client(Role::Reader).processes().list().matching(select).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.reason()),
            (ErrorKind::PermissionDenied, Some(ErrorReason::RoleMissing)),
            "{error}"
        );
        assert!(error.field().is_some_and(|field| field.starts_with("filter.allow[0].l")), "{error}");
        assert_eq!(error.metadata()["needed"], "inspector");
    }
}

#[tokio::test]
async fn a_filter_is_no_way_around_the_masking_of_secrets() {
    let agent = Agent::start();
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; read -r line", "keeper", "--password=opensesame"]);
    let victim = Victim::start_command(command);
    for (role, sees) in [(Role::Reader, false), (Role::Inspector, true)] {
        let client = agent.client(role);
        let found = |pattern: &'static str| {
            let select = ProcessSelect::new().pid(victim.pid()).cmdline_regex(pattern);
            let list = client.processes().list().matching(select).fields(["cmdline"]);
            async move { list.await.unwrap().processes }
        };
        let shown = found("--password=").await;
        assert_eq!(shown.len(), 1, "{role}");
        let cmdline = shown[0].cmdline.join(&b' ');
        assert_eq!(String::from_utf8_lossy(&cmdline).contains("opensesame"), sees, "{role}: {shown:?}");
        for part in ["opensesame", "--password=o", "=[a-z]{10}$"] {
            assert_eq!(!found(part).await.is_empty(), sees, "{role}: {part}");
        }
    }
}

#[tokio::test]
async fn every_process_listed_is_sent_left_out_or_gone() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let zombie = Victim::start(&["zombie", "3"]);
    let of_state = |state| client.processes().list().matching(ProcessSelect::new().state(state)).fields(["state"]);
    let list = of_state(ProcessState::Zombie).await.unwrap();
    assert!(list.processes.iter().any(|row| row.pid == zombie.named_pid()));
    assert!(list.processes.iter().all(|row| row.state() == ProcessState::Zombie));
    let summary = list.summary;
    assert_eq!(summary.listed, summary.returned + summary.vanished + summary.filtered, "{summary:?}");
    assert!(summary.filtered >= 2 && summary.unjudged == 0, "{summary:?}");
    let everyone = client.processes().list().fields(["pid"]).limit(1).await.unwrap().summary;
    assert_eq!((everyone.returned, everyone.filtered), (1, 0));
}

#[tokio::test]
async fn users_are_found_by_name_and_by_number() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let victim = Victim::start(&["sleep"]);
    let row = client.processes().get(victim.pid()).fields(["uids", "username"]).await.unwrap().process.unwrap();
    let uid = row.uids.unwrap().real;
    let mut same = vec![ProcessSelect::new().uid(uid)];
    same.extend(row.username.map(|name| ProcessSelect::new().user(name)));
    for select in same {
        let list = client.processes().list().matching(select.pid(victim.pid())).fields(["pid"]).await.unwrap();
        assert_eq!(list.processes.len(), 1);
    }
    let other = ProcessSelect::new().uid(uid + 1).pid(victim.pid());
    assert!(client.processes().list().matching(other).await.unwrap().processes.is_empty());
}

#[tokio::test]
async fn who_cannot_be_judged_for_lack_of_privilege_is_counted() {
    if !programs::is_root() {
        return;
    }
    let agent = Agent::options().unprivileged().start();
    let client = agent.client(Role::Reader);
    // It belongs to root, and its program may be told to nobody but root.
    let victim = Victim::start(&["sleep"]);
    let of_victim = ProcessSelect::new().pid(victim.pid());
    for list in [
        client.processes().list().matching(of_victim.clone().exe_prefix("/")),
        client.processes().list().matching(of_victim.clone()).except(ProcessSelect::new().exe("/nowhere")),
    ] {
        let list = list.fields(["pid"]).await.unwrap();
        let summary = list.summary;
        assert_eq!((list.processes.len(), summary.filtered, summary.unjudged), (0, 1, 1), "{summary:?}");
    }
    let decided = client.processes().list().matching(of_victim.exe_prefix("/").kernel_threads(true)).await.unwrap();
    assert_eq!((decided.summary.filtered, decided.summary.unjudged), (1, 0), "whatever its program is");
}

#[tokio::test]
async fn whose_descriptors_cannot_be_read_may_have_a_port_that_somebody_has() {
    if !programs::is_root() {
        return;
    }
    let agent = Agent::options().unprivileged().start();
    let client = agent.client(Role::Inspector);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (here, of_agent) = (std::process::id(), agent.pid());
    let those = || ProcessSelect::new().pids([here, of_agent]);
    for list in [
        client.processes().list().matching(those().listening_on(port)),
        client.processes().list().matching(those()).except(ProcessSelect::new().local_port(port)),
    ] {
        let list = list.fields(["pid"]).await.unwrap();
        assert_eq!(list.summary.unjudged, 1, "this test, which belongs to root: {:?}", list.summary);
        assert!(list.processes.iter().all(|row| row.pid == of_agent));
    }
    drop(listener);
    let nobody = client.processes().list().matching(those().listening_on(port)).fields(["pid"]).await.unwrap();
    assert_eq!((nobody.summary.filtered, nobody.summary.unjudged), (2, 0), "there is no such socket");
}
