//! A made-up /proc for tests: processes whose files say what a test wants, or hang whoever opens them.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use procwire_host::{Host, Machine, Roots};
use procwire_proto::{
    ProcessFieldSet,
    v1::{ListProcessesRequest, ListProcessesResponse, ListProcessesSummary, Process, ProcessRef},
};
use tempfile::TempDir;

use crate::{
    access::Role,
    counters::Counters,
    host_pool::{HostPool, HostPoolLimits, LaneLimits},
    policy::Sight,
    services::{
        idle::Idle,
        outgoing::Source as _,
        process::{
            Source,
            query::ListQuery,
            reading::{Depth, Reading, Selection},
            scan::Scan,
        },
    },
    status::Failure,
};

const BOOT: [u8; 16] = [1; 16];

/// A process to make up.
#[derive(Clone, Debug)]
pub(super) struct Fixture {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    pub(super) state: char,
    pub(super) start_ticks: u64,
    pub(super) uid: u32,
    pub(super) resident_pages: u64,
    pub(super) cmdline: Vec<u8>,
}

impl Fixture {
    pub(super) fn of(pid: u32) -> Self {
        Self { pid, ppid: 1, state: 'S', start_ticks: 123, uid: 7, resident_pages: 1, cmdline: b"fixture\0".to_vec() }
    }
}

pub(super) struct Tree {
    folder: TempDir,
    pub(super) source: Arc<Source>,
    pub(super) counters: Arc<Counters>,
}

/// What a list came to.
pub(super) struct Listed {
    pub(super) rows: Vec<Process>,
    pub(super) summary: ListProcessesSummary,
}

impl Listed {
    pub(super) fn pids(&self) -> Vec<u32> {
        self.rows.iter().map(|row| row.pid).collect()
    }
}

impl Tree {
    pub(super) fn new(processes: &[Fixture]) -> Self {
        Self::with_limits(processes, LaneLimits { threads: 2, queue: 8, deadline: Duration::from_secs(60) })
    }

    /// With this many threads for reads that may hang, and little patience.
    pub(super) fn impatient(processes: &[Fixture], threads: usize) -> Self {
        Self::with_limits(processes, LaneLimits { threads, queue: 8, deadline: Duration::from_secs(1) })
    }

    /// Where no thread can be started for long work.
    pub(super) fn without_heavy_threads(self) -> Self {
        let Self { folder, source, counters } = self;
        let host = Arc::clone(&source.host);
        let pool = HostPool::new(HostPoolLimits::default(), Arc::clone(&counters)).without_heavy_threads();
        let pool = Arc::new(pool);
        let source = Source { host, pool, readers: Idle::default(), pairs: Idle::default(), stuck: Arc::default() };
        Self { folder, source: Arc::new(source), counters }
    }

    fn with_limits(processes: &[Fixture], lane: LaneLimits) -> Self {
        let folder = TempDir::new().unwrap();
        for process in processes {
            write(folder.path(), process);
        }
        fs::write(folder.path().join("stat"), "btime 1000\n").unwrap();
        fs::write(folder.path().join("meminfo"), "MemTotal: 1024 kB\n").unwrap();
        let roots = Roots { proc: folder.path().to_owned(), ..Roots::default() };
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: BOOT.to_vec().into() };
        let host = Arc::new(Host::with_machine(roots, machine).unwrap());
        let counters = Arc::<Counters>::default();
        let limits = HostPoolLimits { quick: lane, slow: lane, heavy: lane, ..HostPoolLimits::default() };
        let pool = Arc::new(HostPool::new(limits, Arc::clone(&counters)));
        let source = Source { host, pool, readers: Idle::default(), pairs: Idle::default(), stuck: Arc::default() };
        Self { folder, source: Arc::new(source), counters }
    }

    pub(super) fn reference(pid: u32, start_ticks: u64) -> ProcessRef {
        ProcessRef { pid, start_ticks, boot_id: BOOT.to_vec().into(), pidfd_inode: None }
    }

    pub(super) fn file(&self, pid: u32, name: &str) -> PathBuf {
        self.folder.path().join(pid.to_string()).join(name)
    }

    /// From now on whoever opens this file waits until the returned FIFO is opened for writing.
    pub(super) fn hang(&self, pid: u32, name: &str) -> PathBuf {
        let fifo = self.folder.path().join(format!("fifo-{pid}-{name}"));
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let file = self.file(pid, name);
        if file.exists() {
            fs::remove_file(&file).unwrap();
        }
        fs::hard_link(&fifo, file).unwrap();
        fifo
    }

    /// Lets go of whoever hangs at a file, and puts another in its place.
    pub(super) async fn release(&self, fifo: PathBuf, pid: u32, name: &str, contents: &[u8]) {
        fs::remove_file(self.file(pid, name)).unwrap();
        fs::write(self.file(pid, name), contents).unwrap();
        // The reader hangs in its opening, which waits for ours.
        let opened = std::thread::spawn(move || fs::OpenOptions::new().write(true).open(fifo).map(drop));
        while self.source.stuck.depth(pid) < Depth::Whole {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        opened.join().unwrap().unwrap();
    }

    pub(super) fn reading(fields: ProcessFieldSet) -> Reading {
        Reading::new(fields, &Sight::of_roles([Role::Admin].into_iter().collect()), Selection::default())
    }

    pub(super) async fn rows(&self, fields: ProcessFieldSet) -> Vec<Process> {
        self.list(ListProcessesRequest { read_mask: Some(fields.to_mask()), ..Default::default() }).await.rows
    }

    pub(super) async fn list(&self, request: ListProcessesRequest) -> Listed {
        self.list_as(Role::Admin, request).await.unwrap()
    }

    pub(super) async fn list_as(&self, role: Role, request: ListProcessesRequest) -> Result<Listed, Failure> {
        let sight = Sight::of_roles([role].into_iter().collect());
        let query = ListQuery::parse(request, &BOOT, &sight)?;
        let mut scan = Scan::new(Arc::clone(&self.source), query, sight);
        let mut rows = Vec::new();
        loop {
            let (message, is_last) = scan.next().await?;
            let message = message.decode::<ListProcessesResponse>().unwrap();
            rows.extend(message.processes);
            if is_last {
                return Ok(Listed { rows, summary: message.summary.unwrap() });
            }
        }
    }
}

fn write(root: &Path, process: &Fixture) {
    let Fixture { pid, ppid, state, start_ticks, uid, resident_pages, cmdline } = process;
    let directory = root.join(pid.to_string());
    fs::create_dir(&directory).unwrap();
    let zeros = |count: usize| ["0"].repeat(count).join(" ");
    // Fields 5 to 21 stand between the parent and the start, 30 after it.
    let stat = format!("{pid} (fixture) {state} {ppid} {} {start_ticks} {}\n", zeros(17), zeros(30));
    fs::write(directory.join("stat"), stat).unwrap();
    let status = format!("Name:\tfixture\nTgid:\t{pid}\nUid:\t{uid}\t0\t0\t0\nGid:\t{uid}\t0\t0\t0\n");
    fs::write(directory.join("status"), status).unwrap();
    fs::write(directory.join("statm"), format!("100 {resident_pages} 0 0 0 0 0\n")).unwrap();
    fs::write(directory.join("cmdline"), cmdline).unwrap();
}
