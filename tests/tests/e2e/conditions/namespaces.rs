//! Processes, and agents, in namespaces of their own.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::Command,
};

use procwire_client::SocketSelect;
use procwire_proto::v1::{ErrorReason, FieldErrorReason, Process};
use procwire_tests::{Agent, NOBODY, Role, Victim, is_root, waiting::eventually_async};

use super::{expected, reason, reasons, set, works};

const ELSEWHERE: [&str; 11] = [
    "--user",
    "--map-root-user",
    "--net",
    "--pid",
    "--fork",
    "--mount",
    "--mount-proc",
    "--uts",
    "--ipc",
    "--cgroup",
    "--kill-child",
];

/// The command in namespaces of its own, where it is pid 1; none where the kernel does not give them to the user of the tests.
fn elsewhere(command: &[&str]) -> Option<Command> {
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(ELSEWHERE);
        unshare
    };
    let mut trial = unshare();
    trial.arg("true");
    works(trial).then(|| {
        let mut unshare = unshare();
        unshare.args(command);
        unshare
    })
}

/// What unshare(1) has forked, whole.
async fn child_of(agent: &Agent, victim: &Victim) -> Process {
    let processes = agent.client(Role::Admin).processes();
    let parent = victim.reference();
    eventually_async("the child of unshare", || {
        let children = processes.children(&parent).fields(["*"]);
        async move { children.await.unwrap().processes.into_iter().next() }
    })
    .await
}

#[tokio::test]
async fn a_process_in_namespaces_of_its_own_is_told_from_outside() {
    let script = "echo ready; read -r line; :";
    let Some(command) = elsewhere(&["sh", "-c", script]) else { return };
    let (agent, victim) = (Agent::start(), Victim::start_command(command));
    let row = child_of(&agent, &victim).await;
    assert_eq!(reasons(&row), expected([]));
    assert_eq!(row.namespace_pids, [row.pid, 1]);
    assert_eq!(row.ppid, Some(victim.pid()));
    let (own, its) = (agent.client(Role::Admin).processes().get(agent.pid()), row.namespaces.unwrap());
    let own = own.fields(["namespaces"]).await.unwrap().process.unwrap().namespaces.unwrap();
    for (name, own, its) in [
        ("cgroup", own.cgroup, its.cgroup),
        ("ipc", own.ipc, its.ipc),
        ("mnt", own.mount, its.mount),
        ("net", own.network, its.network),
        ("pid", own.pid, its.pid),
        ("user", own.user, its.user),
        ("uts", own.uts, its.uts),
    ] {
        assert_ne!(own, its, "{name}");
        let inode = fs::metadata(format!("/proc/{}/ns/{name}", row.pid)).unwrap().ino();
        assert_eq!(its, Some(inode), "{name}");
    }
    assert_eq!(own.time, its.time, "the one that it shares");
    // Ids as the agent's namespace has them, not the 0 that the process sees.
    let uid = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(row.uids.unwrap().real, uid);
}

#[tokio::test]
async fn a_mapped_user_is_named_as_the_host_knows_it() {
    if !is_root() {
        return;
    }
    let Some(mut command) = elsewhere(&["sh", "-c", "echo ready; read -r line; :"]) else { return };
    let mut trial = Command::new("unshare");
    trial.args(["--user", "--map-root-user", "true"]).uid(NOBODY).gid(NOBODY);
    // Some kernels give user namespaces to root alone.
    if !works(trial) {
        return;
    }
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    let (agent, victim) = (Agent::start(), Victim::start_command(command));
    let row = child_of(&agent, &victim).await;
    let inside = fs::read_to_string(format!("/proc/{}/uid_map", row.pid)).unwrap();
    assert_eq!(inside.split_whitespace().collect::<Vec<_>>(), ["0", "65534", "1"]);
    assert_eq!((row.uids.unwrap().real, row.username.as_deref()), (NOBODY, Some(&b"nobody"[..])));
    // All of them, in a user namespace where they reach nothing of the host's.
    assert_ne!(row.capabilities.unwrap().effective, Some(0));
}

#[tokio::test]
async fn paths_in_another_mount_namespace_are_the_kernels_and_not_looked_up_in_the_agents() {
    // What is mounted there is seen there only. Both names end as the kernel marks what was removed.
    let script = "mount -t tmpfs tmpfs /mnt && mkdir '/mnt/a (deleted)' && cp \"$0\" '/mnt/p (deleted)' && \
        cd '/mnt/a (deleted)' && exec '/mnt/p (deleted)' -c 'echo ready; read -r line; :'";
    let shell = fs::canonicalize("/bin/sh").unwrap();
    let Some(command) = elsewhere(&["sh", "-c", script, shell.to_str().unwrap()]) else { return };
    let (agent, victim) = (Agent::start(), Victim::start_command(command));
    let row = child_of(&agent, &victim).await;
    assert_eq!((row.cwd.as_deref(), row.cwd_deleted), (Some(&b"/mnt/a (deleted)"[..]), Some(false)));
    assert_eq!((row.exe.as_deref(), row.exe_deleted), (Some(&b"/mnt/p (deleted)"[..]), Some(false)));
    assert_eq!(row.root.as_deref(), Some(&b"/"[..]));
    let map = row.memory_maps.iter().find(|map| map.path.as_deref() == Some(b"/mnt/p (deleted)")).unwrap();
    assert!(!map.deleted, "{map:?}");
    fs::remove_file(format!("/proc/{}/root/mnt/p (deleted)", row.pid)).unwrap();
    fs::remove_dir(format!("/proc/{}/root/mnt/a (deleted)", row.pid)).unwrap();
    let row = child_of(&agent, &victim).await;
    assert_eq!((row.cwd.as_deref(), row.cwd_deleted), (Some(&b"/mnt/a (deleted)"[..]), Some(true)));
    assert_eq!((row.exe.as_deref(), row.exe_deleted), (Some(&b"/mnt/p (deleted)"[..]), Some(true)));
}

#[tokio::test]
async fn sockets_of_another_network_namespace_are_its_own() {
    let script = "import socket, sys; one = socket.socket(); one.bind(('0.0.0.0', 4711)); \
        one.listen(); print('ready', flush=True); sys.stdin.read()";
    let Some(command) = elsewhere(&["python3", "-c", script]) else { return };
    let (agent, victim) = (Agent::start(), Victim::start_command(command));
    let row = child_of(&agent, &victim).await;
    let network = row.namespaces.as_ref().unwrap().network;
    let [socket] = row.sockets.as_slice() else { panic!("{:?} {:?}", row.sockets, reason(&row, "sockets")) };
    assert_eq!(
        (socket.local.as_ref().unwrap().to_string().as_str(), socket.network_namespace),
        ("0.0.0.0:4711", network)
    );
    let system = agent.client(Role::Inspector).system();
    let select = || SocketSelect::new().tcp().listening().local_port(4711);
    let is_it = |found: &procwire_client::v1::Socket| found.inode == socket.inode;
    let own = system.sockets().matching(select()).await.unwrap();
    assert!(!own.sockets.iter().any(is_it));
    let all = system.sockets().matching(select()).all_network_namespaces().with_holders().await.unwrap();
    let found = all.sockets.iter().find(|found| is_it(found)).unwrap();
    assert_eq!(found.network_namespace, network);
    let holders: Vec<_> = found.holders.iter().map(|holder| holder.r#ref.as_ref().unwrap().pid).collect();
    assert_eq!(holders, [row.pid]);
}

/// An agent that unshare(1) has forked into a pid namespace of its own.
fn agent_in_own_pid_namespace(arguments: &[&str]) -> Option<Agent> {
    let command = [&["unshare", "--pid", "--fork", "--kill-child"], arguments].concat();
    let mut trial = Command::new(command[0]);
    trial.args(&command[1..]).arg("true");
    // Root's privilege, and not every root's.
    works(trial).then(|| Agent::options().started_by(command).start())
}

#[tokio::test]
async fn an_agent_in_a_pid_namespace_with_its_own_procfs_is_the_first_of_few() {
    let Some(agent) = agent_in_own_pid_namespace(&["--mount-proc"]) else { return };
    let client = agent.client(Role::Admin);
    let list = client.processes().list().fields(["*"]).await.unwrap();
    let [row] = list.processes.as_slice() else { panic!("{} processes", list.processes.len()) };
    assert_eq!((row.pid, row.name.as_deref()), (1, Some(&b"procwired"[..])));
    assert_eq!(reasons(row), expected([]));
    assert_eq!((row.namespace_pids.as_slice(), row.ancestors.len()), (&[1][..], 0));
    assert!(!row.cpu_affinity.is_empty() && row.io_priority.is_some());
    // A parent in another namespace is said to be 0 (pid_namespaces(7)).
    assert!(matches!(row.ppid, None | Some(0)), "{:?}", row.ppid);
    let itself = list.processes[0].r#ref.clone().unwrap();
    assert!(client.control().terminate(&itself).reason("test").await.unwrap().outcome().await.is_err());
}

#[tokio::test]
async fn an_agent_with_the_procfs_of_another_pid_namespace_asks_nothing_by_pid() {
    let Some(agent) = agent_in_own_pid_namespace(&[]) else { return };
    let client = agent.client(Role::Admin);
    let features = client.agent().capabilities().await.unwrap().features;
    let own_pids = features.iter().find(|feature| feature.name == "own_pid_namespace").unwrap();
    assert!(!own_pids.available && !own_pids.detail.is_empty(), "{own_pids:?}");
    let victim = Victim::start(&["sleep"]);
    // Pid 1 is the agent to system calls, and another process to procfs.
    for pid in [1, victim.pid()] {
        let row = client.processes().get(pid).fields(["*"]).await.unwrap().process.unwrap();
        assert_eq!((row.cpu_affinity.len(), row.io_priority.as_ref()), (0, None), "{pid}");
        for path in ["cpu_affinity", "io_priority"] {
            assert_eq!(reason(&row, path), Some(FieldErrorReason::Unsupported), "{pid} {path}");
        }
        assert!(row.name.is_some() && row.memory.is_some() && row.start_time.is_some());
    }
    let row = client.processes().get(victim.pid()).fields(["*"]).await.unwrap().process.unwrap();
    assert_eq!(reasons(&row), expected([(FieldErrorReason::Unsupported, set(["cpu_affinity", "io_priority"]))]));
    assert_eq!(row.r#ref.unwrap().start_ticks, victim.reference().start_ticks);
    assert_eq!(row.exe.as_deref().map(|path| path.ends_with(b"procwire-victim")), Some(true));
}

/// A pid is another process to the agent's system calls than to the procfs that it reads: it signals nobody by it.
#[tokio::test]
async fn an_agent_with_the_procfs_of_another_pid_namespace_ends_nobody() {
    let Some(agent) = agent_in_own_pid_namespace(&[]) else { return };
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    let outcome = match client.control().terminate(&victim.reference()).reason("test").await {
        Ok(run) => run.outcome().await.map(|_| ()),
        Err(error) => Err(error),
    };
    let error = outcome.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::UnsupportedByHost), "{error}");
    assert!(victim.is_alive());
}
