//! Processes of another user, as an agent without privileges sees them. Whoever is not root has none at hand, and returns early.

use std::{net::TcpListener, os::unix::process::CommandExt as _, process::Command};

use procwire_client::ProcessSelect;
use procwire_proto::v1::{FieldErrorReason, Process, ProcessState, exit_status::End};
use procwire_tests::{Agent, NOBODY, Role, Victim, is_root};

use super::{behind_ptrace, expected, of_nobody, reasons, set};

async fn everything(agent: &Agent, pid: u32) -> Process {
    agent.client(Role::Admin).processes().get(pid).fields(["*"]).await.unwrap().process.unwrap()
}

/// By everyone since Linux 6.2; before, only by those who may list the directory.
async fn counts_by_size(agent: &Agent) -> bool {
    let features = agent.client(Role::Reader).agent().capabilities().await.unwrap().features;
    features.iter().any(|feature| feature.name == "fd_count_by_size" && feature.available)
}

#[tokio::test]
async fn a_living_one_lacks_what_tracers_may_see_and_nothing_else() {
    if !is_root() {
        return;
    }
    let (agent, foreign) = (Agent::options().unprivileged().start(), Victim::start(&["sleep"]));
    let row = everything(&agent, foreign.pid()).await;
    let denied = if counts_by_size(&agent).await { behind_ptrace() } else { behind_ptrace().union(set(["fd_count"])) };
    assert_eq!(reasons(&row), expected([(FieldErrorReason::PermissionDenied, denied)]));
    // psutil: status, ppid, cpu_times, cpu_num, create_time, page_faults, name
    assert!(row.state.is_some() && row.ppid.is_some() && row.cpu_times.is_some() && row.cpu_number.is_some());
    assert!(row.start_time.is_some() && row.page_faults.is_some() && row.name.is_some());
    // uids, gids, username, num_ctx_switches, num_threads, threads, cmdline
    assert!(row.uids.is_some() && row.gids.is_some() && row.username.is_some() && row.context_switches.is_some());
    assert!(row.thread_count == Some(1) && row.threads.len() == 1 && row.cmdline.len() == 2);
    // memory_info, memory_info_ex, memory_percent, nice, ionice, cpu_affinity; rlimit, which psutil is denied
    let memory = row.memory.unwrap();
    assert!(memory.resident_bytes.is_some() && memory.peak_resident_bytes.is_some() && row.memory_ratio.is_some());
    assert!(row.nice.is_some() && row.io_priority.is_some() && !row.cpu_affinity.is_empty());
    assert_eq!((row.resource_limits.len(), row.cgroup.is_some(), row.oom.is_some()), (16, true, true));
}

/// Its main thread ends, another stays; they had a listening socket.
const LEADERLESS: &str = "
import ctypes, platform, socket, threading, time
listener = socket.create_server(('127.0.0.1', 0))
threading.Thread(target=time.sleep, args=(600,)).start()
print('ready', flush=True)
ctypes.CDLL(None).syscall({'x86_64': 60, 'i686': 1, 'armv7l': 1}.get(platform.machine(), 93), 0)
";

#[tokio::test]
async fn of_the_same_user_without_a_main_thread_the_sockets_are_there() {
    if !is_root() {
        return;
    }
    let agent = Agent::options().unprivileged().start();
    // Not the python3 of the path, which may lie in a home that is closed to nobody.
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", LEADERLESS]).uid(NOBODY).gid(NOBODY).current_dir("/");
    let victim = Victim::start_command(command);
    let row = loop {
        let row = everything(&agent, victim.pid()).await;
        if row.leader_exited() {
            break row;
        }
    };
    assert_eq!(row.sockets.len(), 1, "{:?}", row.errors);
    assert!(row.sockets[0].is_listening() && row.sockets[0].holders[0].fd > 2);
}

#[tokio::test]
async fn a_zombie_lacks_some_of_it_for_everyone_and_some_for_those_who_may_not_trace_it() {
    if !is_root() {
        return;
    }
    let (root, nobody) = (Agent::start(), Agent::options().unprivileged().start());
    let parent = Victim::start(&["zombie", "7"]);
    let gone = set(["exe", "exe_deleted", "cwd", "cwd_deleted", "root", "environ", "cmdline", "cmdline_raw"])
        .union(set(["memory_maps", "memory_map_groups"]));
    let whole = everything(&root, parent.named_pid()).await;
    // It has left some namespaces, and keeps others until it is reaped.
    assert_eq!(reasons(&whole), expected([(FieldErrorReason::Zombie, gone.union(set(["namespaces"])))]));
    assert!(
        whole.namespaces.as_ref().is_some_and(|namespaces| namespaces.user.is_some() && namespaces.network.is_none())
    );
    assert_eq!(whole.fd_count, Some(0));
    assert_eq!(whole.memory.as_ref().unwrap().resident_bytes, Some(0));
    assert_eq!((whole.threads.len(), whole.thread_count), (1, Some(1)));
    assert!(whole.io.is_some() && whole.state() == ProcessState::Zombie && whole.uids.is_some());
    assert!(whole.open_files.is_empty() && whole.sockets.is_empty());
    let partly = everything(&nobody, parent.named_pid()).await;
    let mut denied = set(["io", "open_files", "sockets", "namespaces"]);
    if !counts_by_size(&nobody).await {
        denied = denied.union(set(["fd_count"]));
    }
    let expected = expected([(FieldErrorReason::Zombie, gone), (FieldErrorReason::PermissionDenied, denied)]);
    assert_eq!(reasons(&partly), expected);
    assert!(matches!(partly.exit_status.unwrap().end, Some(End::Unknown(_))));
}

#[tokio::test]
async fn filters_on_what_is_denied_are_neither_true_nor_false_and_counted() {
    if !is_root() {
        return;
    }
    let (agent, own, foreign) = (Agent::options().unprivileged().start(), of_nobody(), Victim::start(&["sleep"]));
    let processes = agent.client(Role::Admin).processes();
    let pids = || ProcessSelect::new().pids([own.pid(), foreign.pid()]);
    for (condition, own_passes) in
        [(ProcessSelect::new().exe_regex("."), true), (ProcessSelect::new().exe("/nowhere"), false)]
    {
        let mut matching = pids();
        let only = processes.list().matching(pids()).except(condition.clone()).fields(["pid"]).await.unwrap();
        assert_eq!(
            only.processes.iter().map(|row| row.pid).collect::<Vec<_>>(),
            if own_passes { vec![] } else { vec![own.pid()] }
        );
        assert_eq!(
            (only.summary.unjudged, only.summary.filtered),
            (1, 1 + u32::from(own_passes)),
            "{:?}",
            only.summary
        );
        matching = if own_passes { matching.exe_regex(".") } else { matching.exe("/nowhere") };
        let list = processes.list().matching(matching).fields(["pid"]).await.unwrap();
        assert_eq!(
            list.processes.iter().map(|row| row.pid).collect::<Vec<_>>(),
            if own_passes { vec![own.pid()] } else { vec![] }
        );
        assert_eq!(
            (list.summary.unjudged, list.summary.filtered),
            (1, 1 + u32::from(!own_passes)),
            "{:?}",
            list.summary
        );
    }
    // What decides without it is not counted.
    let list = processes.list().matching(pids().name("nobody is called so").exe_regex(".")).await.unwrap();
    assert_eq!((list.processes.len(), list.summary.unjudged), (0, 0), "{:?}", list.summary);
}

#[tokio::test]
async fn ports_of_those_whose_descriptors_cannot_be_read_are_neither_had_nor_not_had() {
    if !is_root() {
        return;
    }
    let (agent, foreign) = (Agent::options().unprivileged().start(), Victim::start(&["sleep"]));
    let processes = agent.client(Role::Admin).processes();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pids = || ProcessSelect::new().pids([std::process::id(), foreign.pid(), agent.pid()]);
    for condition in [ProcessSelect::new().listening_on(port), ProcessSelect::new().local_port(port)] {
        let list = processes.list().matching(condition.clone()).fields(["pid"]).await.unwrap();
        assert_eq!((list.processes.len(), list.summary.unjudged > 1), (0, true), "{:?}", list.summary);
        let list = processes.list().matching(pids()).except(condition).fields(["pid"]).await.unwrap();
        let sure: Vec<_> = list.processes.iter().map(|row| row.pid).collect();
        assert_eq!((sure, list.summary.unjudged), (vec![agent.pid()], 2), "{:?}", list.summary);
    }
    // Of a port that nobody has they are sure: tcpmux, which went out of use decades ago.
    let list = processes.list().matching(ProcessSelect::new().listening_on(1)).fields(["pid"]).await.unwrap();
    assert_eq!((list.processes.len(), list.summary.unjudged), (0, 0), "{:?}", list.summary);
}
