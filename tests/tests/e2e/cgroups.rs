//! Control groups, made for the test: what the agent tells of them is what the kernel's files say.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use procwire_client::{CgroupList, Client, ErrorKind, SystemEvent};
use procwire_proto::v1::{Cgroup, ErrorReason, FieldErrorReason};
use procwire_tests::{Agent, Role, Victim};

const TREE: &str = "/sys/fs/cgroup";
const MEMORY_LIMIT: u64 = 64 << 20;

/// A group of its own in the unified tree, or in each v1 tree of a controller with limits; removed when it goes.
struct MadeGroup {
    name: String,
    folders: Vec<PathBuf>,
    is_v1: bool,
}

impl MadeGroup {
    /// `None`, and why is printed, where the tests may not make one.
    fn with_limits() -> Option<Self> {
        match Self::try_with_limits() {
            Ok(group) => Some(group),
            Err(why) => skip(&why),
        }
    }

    fn try_with_limits() -> Result<Self, String> {
        let tree = Path::new(TREE);
        let is_v1 = !tree.join("cgroup.controllers").exists();
        let name = name();
        let mut group = Self { name: name.clone(), folders: Vec::new(), is_v1 };
        let trees = if is_v1 { &["memory", "cpu", "cpuacct", "pids"][..] } else { &[""][..] };
        if !is_v1 {
            write(&tree.join("cgroup.subtree_control"), "+memory +cpu +pids")?;
        }
        for controller in trees {
            let folder = tree.join(controller).join(&name);
            match fs::create_dir(&folder) {
                Ok(()) => group.folders.push(folder),
                // cpu and cpuacct may be one tree by two names.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("mkdir {}: {error}", folder.display())),
            }
        }
        let limits: &[(&str, &str)] = if is_v1 {
            &[
                ("memory.limit_in_bytes", "67108864"),
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "250000"),
                ("cpu.shares", "512"),
                ("pids.max", "200"),
            ]
        } else {
            &[("memory.max", "67108864"), ("cpu.max", "250000 100000"), ("cpu.weight", "50"), ("pids.max", "200")]
        };
        for (file, value) in limits {
            write(&group.file(file).ok_or_else(|| format!("no {file} in {:?}", group.folders))?, value)?;
        }
        Ok(group)
    }

    fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// Where this file is.
    fn file(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|file| file.exists())
    }

    fn number(&self, v1: &str, unified: &str) -> u64 {
        let text = fs::read_to_string(self.file(if self.is_v1 { v1 } else { unified }).unwrap()).unwrap();
        text.trim().parse().unwrap()
    }

    fn put(&self, pid: u32) {
        for folder in &self.folders {
            fs::write(folder.join("cgroup.procs"), pid.to_string()).unwrap();
        }
    }

    /// A command that goes into the group and becomes what comes behind it.
    fn launcher(&self) -> Vec<String> {
        let enter = |folder: &PathBuf| format!("echo $$ > {}/cgroup.procs && ", folder.display());
        let script: String = self.folders.iter().map(enter).collect();
        ["sh", "-c", &format!("{script}exec \"$@\""), "sh"].map(str::to_owned).to_vec()
    }
}

impl Drop for MadeGroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            remove(folder);
        }
    }
}

/// As soon as everybody has left it.
fn remove(folder: &Path) {
    let since = Instant::now();
    while let Err(error) = fs::remove_dir(folder) {
        if error.kind() == io::ErrorKind::NotFound || since.elapsed() > Duration::from_secs(20) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("procwire-test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("write {}: {error}", path.display()))
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip<T>(why: &str) -> Option<T> {
    eprintln!("skipped: no control group can be made here: {why}");
    None
}

async fn group(client: &Client, path: &str) -> (Option<Cgroup>, CgroupList) {
    let list = client.system().cgroups().path(path).fields(["*"]).await.unwrap();
    (list.cgroups.first().cloned(), list)
}

#[tokio::test]
async fn a_group_is_told_as_the_kernel_tells_it() {
    let Some(made) = MadeGroup::with_limits() else { return };
    let sleeper = Victim::start(&["sleep"]);
    made.put(sleeper.pid());
    let agent = Agent::start();
    let (row, list) = group(&agent.client(Role::Reader), &made.path()).await;
    let row = row.unwrap();
    assert_eq!((list.summary.returned, list.summary.errors.len()), (1, 0), "{:?}", list.summary);
    let paths: Vec<_> = row.path.iter().chain(row.v1.iter().map(|tree| &tree.path)).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| **path == made.path().into_bytes()), "{row:?}");

    let memory = row.memory.unwrap();
    assert_eq!((memory.limit_bytes, memory.effective_limit_bytes), (Some(MEMORY_LIMIT), Some(MEMORY_LIMIT)));
    assert!(memory.usage_bytes.unwrap() <= MEMORY_LIMIT && memory.working_set_bytes <= memory.usage_bytes);
    assert_eq!(memory.limit_hits, Some(if made.is_v1 { made.number("memory.failcnt", "") } else { 0 }));
    assert_eq!(memory.oom_kills, Some(0));
    assert!(memory.statistics.len() > 10);
    let cpu = row.cpu.unwrap();
    assert_eq!((cpu.limit_cpus, cpu.effective_limit_cpus, cpu.weight), (Some(2.5), Some(2.5), Some(50)));
    assert!(cpu.usage_ns.is_some() && cpu.periods.is_some() && cpu.throttled_ns.is_some(), "{cpu:?}");
    let pids = row.pids.unwrap();
    assert_eq!(pids.current, Some(made.number("pids.current", "pids.current")));
    assert_eq!((pids.limit, pids.effective_limit, pids.limit_hits), (Some(200), Some(200), Some(0)));
    for controller in ["memory", "cpu", "pids"] {
        assert!(row.controllers.iter().any(|name| name == controller), "{:?}", row.controllers);
    }
}

#[tokio::test]
async fn an_agent_in_a_container_tells_of_its_limit_and_of_the_hosts_memory() {
    let Some(made) = MadeGroup::with_limits() else { return };
    let agent = Agent::options().started_by(made.launcher()).start();
    let client = agent.client(Role::Reader);
    let fields = ["cgroup", "memory.total_bytes", "cpu.quota_cpus", "cpu.logical_count"];
    let system = client.system().get().fields(fields).await.unwrap().system.unwrap();
    let cgroup = system.cgroup.unwrap();
    let memory = cgroup.memory.unwrap();
    assert_eq!(memory.effective_limit_bytes, Some(MEMORY_LIMIT));
    assert!((1..=MEMORY_LIMIT).contains(&memory.usage_bytes.unwrap()));
    assert!(memory.statistics.is_empty(), "those are for lists");
    assert!(system.memory.unwrap().total_bytes.unwrap() > MEMORY_LIMIT);
    assert_eq!(system.cpu.unwrap().quota_cpus, Some(2.5));
    assert!(cgroup.pids.unwrap().current.unwrap() > 0);
    let own = if made.is_v1 {
        let memory = |tree: &&procwire_proto::v1::CgroupV1Membership| tree.controllers == b"memory";
        cgroup.v1.iter().find(memory).unwrap().path.clone()
    } else {
        cgroup.path.unwrap()
    };
    assert_eq!(own, made.path().into_bytes());

    // Moved out of it, and limited anew: the agent keeps files open and must notice both.
    let again = async || {
        let system = client.system().get().fields(["cgroup"]).await.unwrap().system.unwrap();
        system.cgroup.unwrap().memory.and_then(|memory| memory.effective_limit_bytes)
    };
    let limit = made.file(if made.is_v1 { "memory.limit_in_bytes" } else { "memory.max" }).unwrap();
    fs::write(limit, (2 * MEMORY_LIMIT).to_string()).unwrap();
    assert_eq!(again().await, Some(2 * MEMORY_LIMIT));
    for folder in &made.folders {
        fs::write(folder.parent().unwrap().join("cgroup.procs"), agent.pid().to_string()).unwrap();
    }
    assert_ne!(again().await, Some(2 * MEMORY_LIMIT));
    drop(agent);
}

#[tokio::test]
async fn what_a_group_uses_is_measured_over_a_window_and_between_samples() {
    let Some(made) = MadeGroup::with_limits() else { return };
    let spinner = Victim::start(&["busy"]);
    made.put(spinner.pid());
    let agent = Agent::options().started_by(made.launcher()).start();
    let client = agent.client(Role::Reader);
    let list = client
        .system()
        .cgroups()
        .path(made.path())
        .fields(["cpu.used_cpus"])
        .usage_window(Duration::from_millis(300))
        .await
        .unwrap();
    let used = list.cgroups[0].cpu.unwrap().used_cpus.unwrap();
    assert!(used > 0.0 && used < 3.0, "{used}");
    let counters = client.system().cgroups().path(made.path()).fields(["cpu.used_cpus"]).await.unwrap();
    assert!(counters.cgroups[0].cpu.is_none_or(|cpu| cpu.used_cpus.is_none()), "without a window");

    let mut stream = client.system().watch().fields(["cgroup"]).interval(Duration::from_millis(200)).await.unwrap();
    let mut samples = Vec::new();
    while samples.len() < 2 {
        if let SystemEvent::Sample { system, .. } = stream.next().await.unwrap().unwrap() {
            samples.push(system.cgroup.unwrap().cpu.unwrap());
        }
    }
    assert_eq!(samples[0].used_cpus, None);
    assert!(samples[1].used_cpus.unwrap() > 0.0, "{samples:?}");
    drop((stream, agent, spinner));
}

#[tokio::test]
async fn paths_that_lead_out_of_the_tree_are_refused_and_those_that_are_not_there_are_errors() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    for odd in ["", "system.slice", "/../../etc", "/a/./b", "//", "/a\0b"] {
        let error = client.system().cgroups().path("/").path(odd).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some("paths[1]")), "{odd:?}: {error}");
    }
    let none = client.system().cgroups().path("/no such group").await;
    match none {
        Ok(list) => {
            assert_eq!((list.cgroups.len(), list.summary.returned), (0, 0));
            let error = &list.summary.errors[0];
            assert_eq!((error.path.as_str(), error.reason()), ("paths[0]", FieldErrorReason::ReadFailed));
        }
        // A machine without control groups.
        Err(error) => assert_eq!(error.reason(), Some(ErrorReason::UnsupportedByHost), "{error}"),
    }
}

#[tokio::test]
async fn a_host_without_control_groups_says_so() {
    let sys = tempfile::tempdir().unwrap();
    fs::create_dir(sys.path().join("devices")).unwrap();
    let agent = Agent::options().set("host.sys", sys.path().display()).start();
    let error = agent.client(Role::Reader).system().cgroups().await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::NotServed, Some(ErrorReason::UnsupportedByHost)), "{error}");
}

/// The folder of a group in the unified tree, which has as many groups below it as one likes.
struct Forest(PathBuf);

impl Forest {
    fn plant() -> Option<Self> {
        let tree = [TREE.into(), format!("{TREE}/unified")]
            .into_iter()
            .find(|tree: &String| Path::new(tree).join("cgroup.controllers").exists());
        let Some(tree) = tree else { return skip("no unified tree is mounted") };
        let folder = Path::new(&tree).join(name());
        match fs::create_dir(&folder) {
            Ok(()) => Some(Self(folder)),
            Err(error) => skip(&format!("mkdir {}: {error}", folder.display())),
        }
    }

    fn path(&self) -> String {
        format!("/{}", self.0.file_name().unwrap().to_str().unwrap())
    }
}

impl Drop for Forest {
    fn drop(&mut self) {
        fn fell(folder: &Path) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    fell(&entry.path());
                }
            }
            remove(folder);
        }
        fell(&self.0);
    }
}

/// Groups that come and go, until this does.
struct Traffic(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Traffic {
    fn begin(within: PathBuf) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            for number in (0..7).cycle() {
                let folder = within.join(format!("goes-{number}"));
                fs::create_dir(&folder).unwrap();
                fs::remove_dir(&folder).unwrap();
                if told.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        Self(is_over, Some(thread))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        if let Some(thread) = self.1.take() {
            thread.join().unwrap();
        }
    }
}

#[tokio::test]
async fn a_list_comes_to_its_end_while_groups_come_and_go() {
    let Some(forest) = Forest::plant() else { return };
    for outer in 0..20 {
        for inner in 0..10 {
            fs::create_dir_all(forest.0.join(format!("stays-{outer}/inner-{inner}"))).unwrap();
        }
    }
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let traffic = Traffic::begin(forest.0.clone());
    for _ in 0..5 {
        let list = client.system().cgroups().path(forest.path()).descendants().await.unwrap();
        let is_staying = |row: &&Cgroup| !String::from_utf8_lossy(row.path.as_deref().unwrap()).contains("goes-");
        assert_eq!(list.cgroups.iter().filter(is_staying).count(), 221, "one, 20 below it, 200 below those");
        assert_eq!(list.summary.returned as usize, list.cgroups.len());
        assert!(list.summary.errors.iter().all(|error| error.path.contains("/goes-")), "{:?}", list.summary);
    }
    drop(traffic);
    let limited = client.system().cgroups().path(forest.path()).descendants().limit(7).await.unwrap();
    assert_eq!((limited.cgroups.len(), limited.summary.returned), (7, 7));
}

#[tokio::test]
async fn whether_somebody_lives_in_a_group_and_whether_it_is_frozen() {
    let Some(forest) = Forest::plant() else { return };
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let state = async || {
        let list =
            client.system().cgroups().path(forest.path()).fields(["populated", "frozen", "pressure"]).await.unwrap();
        (list.cgroups[0].populated, list.cgroups[0].frozen)
    };
    assert_eq!(state().await, (Some(false), Some(false)));
    let sleeper = Victim::start(&["sleep"]);
    fs::write(forest.0.join("cgroup.procs"), sleeper.pid().to_string()).unwrap();
    assert_eq!(state().await, (Some(true), Some(false)));
    if write(&forest.0.join("cgroup.freeze"), "1").is_ok() {
        while state().await.1 == Some(false) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(state().await, (Some(true), Some(true)));
        fs::write(forest.0.join("cgroup.freeze"), "0").unwrap();
    }
    drop(sleeper);
}
