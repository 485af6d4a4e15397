//! A captured tree in which one process hangs whoever reads its command line: a FIFO that nobody writes to, in place of a memory lock
//! that nobody lets go of.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{fs, path::PathBuf, process::Command, time::Duration};

use procwire_host::{Machine, Roots};
use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{FieldErrorReason, Process},
};
use tempfile::TempDir;

use super::{query::Target, reading::Depth, *};
use crate::{
    access::{Role, RoleSet},
    counters::Counters,
    host_pool::{HostPoolLimits, LaneLimits},
    services::outgoing::Source as _,
};

const HANGING: u32 = 7;

struct Tree {
    folder: TempDir,
    source: Arc<Source>,
    counters: Arc<Counters>,
}

fn tree(pids: &[u32], slow_threads: usize) -> Tree {
    let folder = TempDir::new().unwrap();
    for pid in pids {
        let directory = folder.path().join(pid.to_string());
        fs::create_dir(&directory).unwrap();
        let after_state = ["0"; 18].join(" ");
        fs::write(directory.join("stat"), format!("{pid} (fixture) S {after_state} 123 {}\n", ["0"; 30].join(" ")))
            .unwrap();
        fs::write(directory.join("status"), format!("Name:\tfixture\nTgid:\t{pid}\n")).unwrap();
        fs::write(directory.join("cmdline"), b"fixture\0").unwrap();
    }
    let roots = Roots { proc: folder.path().to_owned(), ..Roots::default() };
    let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: vec![1; 16].into() };
    let host = Arc::new(Host::with_machine(roots, machine).unwrap());
    let counters = Arc::<Counters>::default();
    let limits = HostPoolLimits::default();
    let slow = LaneLimits { threads: slow_threads, queue: 8, deadline: Duration::from_millis(500) };
    let pool = Arc::new(HostPool::new(HostPoolLimits { slow, ..limits }, Arc::clone(&counters)));
    let source = Source { host, pool, readers: Idle::default(), pairs: Idle::default(), stuck: Arc::default() };
    Tree { folder, source: Arc::new(source), counters }
}

fn admin() -> RoleSet {
    RoleSet::from_iter([Role::Admin])
}

impl Tree {
    fn cmdline(&self, pid: u32) -> PathBuf {
        self.folder.path().join(pid.to_string()).join("cmdline")
    }

    /// From now on reading this command line waits for the returned FIFO to be opened for writing.
    fn hang(&self, pid: u32) -> PathBuf {
        let fifo = self.folder.path().join(format!("fifo-{pid}"));
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        fs::remove_file(self.cmdline(pid)).unwrap();
        fs::hard_link(&fifo, self.cmdline(pid)).unwrap();
        fifo
    }

    fn reading() -> Reading {
        Reading::new(bit::STATE.union(bit::CMDLINE), admin(), Selection::default())
    }

    fn scan(&self, fields: ProcessFieldSet) -> Scan {
        let query = ListQuery { fields, limit: usize::MAX, ..ListQuery::default() };
        Scan::new(Arc::clone(&self.source), query, admin())
    }

    async fn rows(&self) -> Vec<Process> {
        let mut scan = self.scan(bit::STATE.union(bit::CMDLINE));
        let mut rows = Vec::new();
        loop {
            let (message, is_last) = scan.next().await.unwrap();
            rows.extend(message.decode::<ListProcessesResponse>().unwrap().processes);
            if is_last {
                return rows;
            }
        }
    }

    async fn released(&self, fifo: PathBuf, pid: u32) {
        fs::remove_file(self.cmdline(pid)).unwrap();
        fs::write(self.cmdline(pid), b"released\0").unwrap();
        // The reader hangs in its opening, which waits for ours.
        let opened = std::thread::spawn(move || fs::OpenOptions::new().write(true).open(fifo));
        while self.source.stuck.depth(pid) < Depth::Whole {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        opened.join().unwrap().unwrap();
    }
}

fn is_whole(row: &Process) -> bool {
    row.errors.is_empty() && row.cmdline.len() == 1
}

fn is_light(row: &Process) -> bool {
    let timed_out =
        row.errors.iter().all(|error| error.path == "cmdline" && error.reason() == FieldErrorReason::Timeout);
    row.state.is_some() && row.cmdline.is_empty() && timed_out && row.errors.len() == 1
}

#[tokio::test]
async fn one_process_that_hangs_costs_its_own_slow_fields_until_it_lets_go() {
    let tree = tree(&[5, HANGING, 9], 2);
    let fifo = tree.hang(HANGING);
    for round in 1..=3 {
        let rows = tree.rows().await;
        assert_eq!(rows.iter().map(|row| row.pid).collect::<Vec<_>>(), [5, HANGING, 9]);
        assert!(is_whole(&rows[0]) && is_light(&rows[1]) && is_whole(&rows[2]), "{rows:?}");
        assert_eq!(tree.counters.host_read_timeouts.get(), 1, "round {round} does not try again while it hangs");
    }
    let row = single::read(&tree.source, &Target::Pid(HANGING), Tree::reading()).await.unwrap();
    assert!(is_light(&row), "{row:?}");
    tree.released(fifo, HANGING).await;
    assert!(tree.rows().await.iter().all(is_whole));
}

/// Long enough that two threads share the work: the one hangs, and what the other has read is read again.
#[tokio::test]
async fn either_half_of_a_long_table_may_hang() {
    for hanging in [3, 197] {
        let pids: Vec<u32> = (1..=200).collect();
        let tree = tree(&pids, 2);
        let fifo = tree.hang(hanging);
        for _ in 1..=2 {
            let rows = tree.rows().await;
            assert_eq!(rows.iter().map(|row| row.pid).collect::<Vec<_>>(), pids);
            assert!(rows.iter().all(|row| if row.pid == hanging {
                is_light(row)
            } else {
                is_whole(row) || is_light(row)
            }));
        }
        tree.released(fifo, hanging).await;
        assert!(tree.rows().await.iter().all(is_whole));
    }
}

#[tokio::test]
async fn with_every_slow_thread_hung_the_list_still_comes_without_slow_fields() {
    let tree = tree(&[5, HANGING], 1);
    let fifo = tree.hang(HANGING);
    let rows = tree.rows().await;
    assert!(rows.len() == 2 && rows.iter().all(is_light), "{rows:?}");
    let row = single::read(&tree.source, &Target::Pid(5), Tree::reading()).await.unwrap();
    assert!(is_light(&row), "{row:?}");
    tree.released(fifo, HANGING).await;
    assert!(tree.rows().await.iter().all(is_whole));
}

#[tokio::test]
async fn who_does_not_ask_for_slow_fields_does_not_wait() {
    let tree = tree(&[HANGING], 1);
    let fifo = tree.hang(HANGING);
    let whole = ProcessFieldSet::from_source("/proc/PID/stat").difference(bit::NAME).difference(bit::START_TIME);
    let mut scan = tree.scan(whole);
    let (_, is_last) = scan.next().await.unwrap();
    assert!(is_last);
    assert_eq!(tree.counters.host_read_timeouts.get(), 0);
    drop(fifo);
}
