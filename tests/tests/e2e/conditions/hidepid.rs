//! procfs that hides the processes of others (Documentation/filesystems/proc.rst, "4.1 Mount options"). All of it needs someone who can
//! mount it so; others return early.

use std::{fs, net::TcpListener, process::Command};

use procwire_client::{ErrorKind, ProcessSelect, SocketSelect};
use procwire_proto::{
    FieldMask, ProcessFieldSet,
    process_fields::bit,
    v1::{ErrorReason, FieldErrorReason, Process},
};
use procwire_tests::{Agent, Role, Victim, is_root};

use super::{expected, of_nobody, reasons, set, works};

/// An unprivileged agent on a host whose /proc is mounted so.
fn agent(level: u32) -> Agent {
    let mount = format!("mount -t proc -o hidepid={level} proc /proc && exec \"$@\"");
    Agent::options().unprivileged().started_by(["unshare", "--mount", "sh", "-c", &mount, "sh"]).start()
}

/// Root in a container may not.
fn may_mount() -> bool {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "mount", "-t", "proc", "-o", "hidepid=4", "proc", "/proc"]);
    is_root() && works(trial)
}

fn row_of(processes: &[Process], pid: u32) -> &Process {
    processes.iter().find(|process| process.pid == pid).unwrap_or_else(|| panic!("{pid} is not listed"))
}

#[tokio::test]
async fn level_1_lists_processes_of_others_and_says_of_each_field_that_it_is_denied() {
    if !may_mount() {
        return;
    }
    let (agent, own, foreign) = (agent(1), of_nobody(), Victim::start(&["sleep"]));
    let processes = agent.client(Role::Admin).processes();
    let list = processes.list().fields(["*"]).await.unwrap();
    let got = processes.get(foreign.pid()).fields(["*"]).await.unwrap();
    let asked = ProcessFieldSet::from_mask(got.effective_mask.as_ref(), ProcessFieldSet::EMPTY).unwrap();
    for row in [row_of(&list.processes, foreign.pid()), &got.process.unwrap()] {
        let alone = Process { pid: foreign.pid(), errors: row.errors.clone(), ..Process::default() };
        assert_eq!(row, &alone, "nothing but its pid is known");
        let named = row.errors.iter().map(|error| error.path.clone()).collect();
        let named = ProcessFieldSet::from_mask(Some(&FieldMask { paths: named }), ProcessFieldSet::EMPTY).unwrap();
        assert_eq!(named, asked.difference(bit::PID), "every field says why it is absent");
        for error in &row.errors {
            assert_eq!(error.reason(), FieldErrorReason::PermissionDenied, "{error:?}");
            assert!(error.detail.contains("hidepid"), "{error:?}");
        }
    }
    let whole = row_of(&list.processes, own.pid());
    assert!(whole.exe.is_some() && whole.io.is_some() && whole.cwd.is_some() && !whole.memory_maps.is_empty());
    assert!(whole.environ.iter().any(|variable| variable.name == b"WHOSE"));
    let count = fs::read_dir(format!("/proc/{}/fd", own.pid())).unwrap().count();
    assert_eq!(whole.fd_count.map(|count| count as usize), Some(count));
    // Its parent is root's.
    let explained = reasons(whole);
    assert_eq!(explained, expected([(FieldErrorReason::PermissionDenied, set(["ancestors"]))]));
    let summary = list.summary;
    assert_eq!(summary.listed, summary.returned + summary.vanished + summary.filtered, "{summary:?}");
}

#[tokio::test]
async fn level_1_leaves_filters_without_a_judgement_and_counts_that() {
    if !may_mount() {
        return;
    }
    let (agent, own, foreign) = (agent(1), of_nobody(), Victim::start(&["sleep"]));
    let processes = agent.client(Role::Admin).processes();
    let named = |name: &str| ProcessSelect::new().name(name);
    let both = [own.pid(), foreign.pid()];
    let list = processes.list().matching(named("sh").pids(both)).fields(["name"]).await.unwrap();
    assert_eq!(list.processes.iter().map(|row| row.pid).collect::<Vec<_>>(), [own.pid()]);
    assert_eq!(list.summary.unjudged, 1, "{:?}", list.summary);
    // Not passed by a name that it may have, and not passed without one that it may not have.
    let list = processes.list().matching(ProcessSelect::new().pids(both)).except(named("sh")).await.unwrap();
    assert_eq!((list.processes.len(), list.summary.unjudged), (0, 1), "{:?}", list.summary);
    // What the pid says alone is sure.
    let list = processes.list().matching(ProcessSelect::new().pids(both)).fields(["name"]).await.unwrap();
    assert_eq!((list.processes.len(), list.summary.unjudged), (2, 0), "{:?}", list.summary);
    let sorted =
        processes.list().matching(ProcessSelect::new().pids(both)).top(2, "memory.resident_bytes").await.unwrap();
    assert_eq!(sorted.processes.last().unwrap().pid, foreign.pid(), "without a value it comes last");
}

#[tokio::test]
async fn level_1_and_2_do_not_fail_relatives() {
    if !may_mount() {
        return;
    }
    for level in [1, 2] {
        let (agent, own, foreign) = (agent(level), of_nobody(), Victim::start(&["spawn", "1"]));
        let processes = agent.client(Role::Admin).processes();
        for reference in [own.reference(), foreign.reference()] {
            let children = processes.children(&reference).await.unwrap();
            assert_eq!(children.processes, [], "hidepid={level}");
            let descendants = processes.descendants(&reference).await.unwrap();
            assert_eq!(descendants.processes, [], "hidepid={level}");
            // Those whose parent is hidden may be among them.
            assert_eq!(children.summary.unjudged > 0, level == 1, "hidepid={level}: {:?}", children.summary);
        }
    }
}

#[tokio::test]
async fn level_1_identifies_no_process_of_another_user() {
    if !may_mount() {
        return;
    }
    let (agent, own, foreign) = (agent(1), of_nobody(), Victim::start(&["sleep"]));
    let processes = agent.client(Role::Admin).processes();
    let refused = processes.get(foreign.reference()).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.reason()),
        (ErrorKind::PermissionDenied, Some(ErrorReason::AgentLacksPrivilege)),
        "{refused}"
    );
    let unknown = processes.is_running(&foreign.reference()).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::PermissionDenied, "{unknown}");
    assert!(processes.is_running(&own.reference()).await.unwrap());
    assert!(processes.exists(foreign.pid()).await.unwrap(), "that much is known");
}

#[tokio::test]
async fn level_2_and_4_show_only_what_the_agent_may_trace() {
    if !may_mount() {
        return;
    }
    for level in [2, 4] {
        let (agent, own, foreign) = (agent(level), of_nobody(), Victim::start(&["sleep"]));
        let client = agent.client(Role::Admin);
        let processes = client.processes();
        let list = processes.list().fields(["*"]).await.unwrap();
        assert!(
            list.processes.iter().all(|row| row.uids.as_ref().is_some_and(|uids| uids.real == procwire_tests::NOBODY))
        );
        assert!(row_of(&list.processes, own.pid()).exe.is_some());
        row_of(&list.processes, agent.pid());
        for error in [
            processes.get(foreign.pid()).await.unwrap_err(),
            processes.get(foreign.reference()).await.unwrap_err(),
            processes.get(1).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind(), error.reason()),
                (ErrorKind::NotFound, Some(ErrorReason::ProcessGone)),
                "{error}"
            );
        }
        assert!(!processes.exists(foreign.pid()).await.unwrap(), "hidepid={level}");
        let select = ProcessSelect::new().pids([own.pid(), foreign.pid()]).exe_regex(".");
        let list = processes.list().matching(select).fields(["pid"]).await.unwrap();
        assert_eq!((list.processes.len(), list.summary.unjudged), (1, 0), "hidepid={level}: {:?}", list.summary);
        let features = client.agent().capabilities().await.unwrap().features;
        let sees_all = features.iter().find(|feature| feature.name == "see_all_processes").unwrap();
        assert!(!sees_all.available && sees_all.detail.contains("hidepid"), "{sees_all:?}");
    }
}

#[tokio::test]
async fn holders_of_sockets_that_procfs_hides_are_not_told() {
    if !may_mount() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for level in [1, 2, 4] {
        let agent = agent(level);
        let client = agent.client(Role::Inspector);
        let select = SocketSelect::new().listening().local_port(port);
        let list = client.system().sockets().matching(select).with_holders().await.unwrap();
        let [socket] = list.sockets.as_slice() else { panic!("hidepid={level}: {list:?}") };
        assert_eq!((socket.holders.len(), socket.uid), (0, Some(0)), "hidepid={level}: {socket:?}");
        // It lists whom it hides; 2 and 4 leave no one to be counted.
        assert!(level != 1 || list.summary.unreadable_processes > 0, "{:?}", list.summary);
    }
}
