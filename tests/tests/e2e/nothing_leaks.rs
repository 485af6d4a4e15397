//! Reads of every kind, 100,000 of them, and nothing left over: neither descriptors, nor threads, nor memory.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use procwire_client::{Client, ErrorKind, ProcessSelect};
use procwire_proto::v1::ProcessRef;
use procwire_tests::{Agent, Role, Victim};

/// Reads of one process each, counting the rows of lists.
const READS: u64 = 100_000;
/// Callers at a time, each with a connection of its own.
const CALLERS: u64 = 4;
/// Reads before the first measurement: they make what stays (threads, buffers, connections).
const WARM_UP: u64 = 15_000;
/// What the allocator may keep more than before. A leak of 100 bytes a read would be 8 MiB.
const SLACK_BYTES: u64 = 4 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_mixed_reads_leave_nothing_behind() {
    let agent = Agent::start();
    let animals =
        [Victim::start(&["threads", "20"]), Victim::start(&["zombie", "7"]), Victim::named(b")\n\x1b[2J", "sleep")];
    let pids: Arc<[u32]> = animals.iter().map(Victim::pid).chain([animals[1].named_pid(), 1, 2, agent.pid()]).collect();
    let clients: Vec<_> = (0..CALLERS).map(|_| agent.client(Role::Admin)).collect();

    read_everything(&clients, &pids, WARM_UP).await;
    let before = footprint(&agent);
    read_everything(&clients, &pids, READS - WARM_UP).await;
    let after = footprint(&agent);

    assert_eq!(after.descriptors, before.descriptors, "descriptors, by what they lead to");
    assert!(after.threads <= before.threads + 2, "threads: {} before, {} after", before.threads, after.threads);
    let grown = after.resident_bytes.saturating_sub(before.resident_bytes);
    assert!(grown < SLACK_BYTES, "the agent grew by {grown} bytes from {}", before.resident_bytes);
}

/// Lets all callers read until together they have read so often.
async fn read_everything(clients: &[Client], pids: &Arc<[u32]>, reads: u64) {
    let done = Arc::new(AtomicU64::new(0));
    let callers = clients.iter().cloned().map(|client| {
        let (done, pids) = (Arc::clone(&done), Arc::clone(pids));
        tokio::spawn(async move {
            let mut turn = 0;
            while done.load(Ordering::Relaxed) < reads {
                done.fetch_add(read(&client, &pids, turn).await, Ordering::Relaxed);
                turn += 1;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// One call, and how many reads of a process it was.
async fn read(client: &Client, pids: &[u32], turn: usize) -> u64 {
    let pid = pids[turn / 8 % pids.len()];
    match turn % 8 {
        0 => rows(client, &["pid", "name", "state", "cpu_times", "memory", "uids", "username", "cmdline"]).await,
        1 if turn % 32 == 9 => sockets(client).await,
        1 if turn % 16 == 1 => chosen(client).await,
        1 => rows(client, &["io", "exe", "cwd", "fd_count", "cgroup", "namespaces", "resource_limits"]).await,
        2 if turn % 32 == 2 => rows(client, &["memory_footprint", "open_files", "threads", "environ"]).await,
        2 | 3 => one(client, pid, &["*"]).await,
        4 => one(client, pid, &["name", "open_files", "sockets"]).await,
        5 => one(client, pid, &["memory_maps", "memory_map_groups", "context_switches"]).await,
        // Refused, one way and another.
        6 => {
            let gone = ProcessRef { pid, start_ticks: 1, ..procwire_tests::reference_of(pid) };
            let refused = client.processes().get(&gone).fields(["open_files"]).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PidReused);
            1
        }
        _ => {
            let unknown = client.processes().get(4_194_304).fields(["*"]).await.unwrap_err();
            assert_eq!(unknown.kind(), ErrorKind::NotFound);
            1
        }
    }
}

async fn rows(client: &Client, fields: &[&'static str]) -> u64 {
    let list = client.processes().list().fields(fields.iter().copied()).await.unwrap();
    list.processes.len() as u64
}

/// Filtered, ordered and cut on the host.
async fn chosen(client: &Client) -> u64 {
    let named = ProcessSelect::new().name_regex(".").min_fds(1);
    let request = client.processes().list().fields(["pid", "exe"]).matching(named).top(5, "memory.resident_bytes");
    let list = request.await.unwrap();
    assert!(!list.processes.is_empty());
    u64::from(list.summary.listed)
}

/// One list, however many processes were looked through for its holders.
async fn sockets(client: &Client) -> u64 {
    let list = client.system().sockets().with_holders().all_network_namespaces().await.unwrap();
    assert!(!list.sockets.is_empty());
    1
}

async fn one(client: &Client, pid: u32, fields: &[&'static str]) -> u64 {
    let answer = client.processes().get(pid).fields(fields.iter().copied()).await.unwrap();
    assert!(answer.process.is_some());
    1
}

struct Footprint {
    /// What the descriptors lead to, sorted: numbers of sockets left out.
    descriptors: Vec<String>,
    threads: usize,
    resident_bytes: u64,
}

fn footprint(agent: &Agent) -> Footprint {
    let folder = format!("/proc/{}", agent.pid());
    let links =
        fs::read_dir(format!("{folder}/fd")).unwrap().map(|entry| fs::read_link(entry.unwrap().path()).unwrap());
    let kind = |link: std::path::PathBuf| link.to_string_lossy().split('[').next().unwrap().to_owned();
    let mut descriptors: Vec<_> = links.map(kind).collect();
    descriptors.sort();
    let threads = fs::read_dir(format!("{folder}/task")).unwrap().count();
    Footprint { descriptors, threads, resident_bytes: agent.resident_bytes() }
}
