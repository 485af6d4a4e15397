//! An agent that is root and lacks the capabilities that containers take away. Whoever is not root returns early.

use std::{fs, process::Command};

use procwire_client::ProcessSelect;
use procwire_proto::v1::{FieldErrorReason, Process};
use procwire_tests::{Agent, Role, Victim, is_root};

use super::{behind_ptrace, expected, of_nobody, reason, reasons, works};

/// Root without these capabilities: what is not in the bounding set is not gained when root runs a program (capabilities(7)).
fn agent_without(capabilities: &str) -> Agent {
    let bounding = format!("--bounding-set={capabilities}");
    Agent::options().started_by(["setpriv", &bounding, "--inh-caps=-all"]).start()
}

/// What stands for CAP_SYS_PTRACE in part goes with it: since Linux 6.16 CAP_PERFMON, and with it CAP_SYS_ADMIN, reads the memory maps and the
/// environment of others (kernel/fork.c: may_access_mm).
const LACKING: [&str; 2] =
    ["-sys_ptrace,-sys_admin,-perfmon", "-sys_ptrace,-sys_admin,-perfmon,-dac_read_search,-dac_override"];

#[tokio::test]
async fn without_cap_sys_ptrace_root_is_denied_what_tracers_may_see() {
    if !is_root() {
        return;
    }
    for lacking in LACKING {
        let (agent, roots, nobodys) = (agent_without(lacking), Victim::start(&["sleep"]), of_nobody());
        let client = agent.client(Role::Admin);
        let capabilities = client.agent().capabilities().await.unwrap();
        let feature = |name: &str| capabilities.features.iter().find(|feature| feature.name == name).unwrap().clone();
        let counts_by_size = feature("fd_count_by_size").available;
        assert!(!feature("read_other_users").available && feature("read_other_users").detail.contains("PTRACE"));
        // The one has more rights than the agent, the other is another user's.
        for victim in [&roots, &nobodys] {
            let row = client.processes().get(victim.pid()).fields(["*"]).await.unwrap().process.unwrap();
            let mut found = reasons(&row);
            if !counts_by_size {
                found.insert(FieldErrorReason::PermissionDenied, behind_ptrace());
            }
            assert_eq!(found, expected([(FieldErrorReason::PermissionDenied, behind_ptrace())]), "{lacking}");
            assert_nothing_is_behind_a_reason(&row);
            if counts_by_size {
                let count = fs::read_dir(format!("/proc/{}/fd", victim.pid())).unwrap().count();
                assert_eq!(row.fd_count.map(|count| count as usize), Some(count), "{lacking}");
            }
            assert!(row.uids.is_some() && row.context_switches.is_some() && row.capabilities.is_some());
            assert!(row.memory.unwrap().peak_resident_bytes.is_some() && row.resource_limits.len() == 16);
            assert!(!row.cmdline.is_empty() && !row.threads.is_empty() && !row.ancestors.is_empty());
        }
        let itself = client.processes().get(agent.pid()).fields(["*"]).await.unwrap().process.unwrap();
        assert_eq!(reasons(&itself), expected([]), "{lacking}");
        assert!(itself.exe.is_some() && itself.io.is_some() && !itself.open_files.is_empty());
    }
}

/// Nothing that is said to be denied is there all the same.
fn assert_nothing_is_behind_a_reason(row: &Process) {
    assert_eq!((&row.exe, &row.cwd, &row.root, row.exe_deleted, row.cwd_deleted), (&None, &None, &None, None, None));
    assert_eq!((row.io.as_ref(), row.namespaces.as_ref(), row.memory_footprint.as_ref()), (None, None, None));
    assert_eq!((row.environ.len(), row.open_files.len(), row.sockets.len()), (0, 0, 0));
    assert_eq!((row.memory_maps.len(), row.memory_map_groups.len()), (0, 0));
}

#[tokio::test]
async fn without_cap_sys_ptrace_filters_on_what_is_denied_are_left_without_a_judgement() {
    if !is_root() {
        return;
    }
    let (agent, roots) = (agent_without(LACKING[1]), Victim::start(&["sleep"]));
    let processes = agent.client(Role::Admin).processes();
    let pids = || ProcessSelect::new().pids([roots.pid(), agent.pid()]);
    let list = processes.list().matching(pids().exe_regex(".")).fields(["exe"]).await.unwrap();
    assert_eq!(list.processes.iter().map(|row| row.pid).collect::<Vec<_>>(), [agent.pid()]);
    assert_eq!(list.summary.unjudged, 1, "{:?}", list.summary);
    let list = processes.list().matching(pids()).except(ProcessSelect::new().exe("/nowhere")).await.unwrap();
    assert_eq!((list.processes.len(), list.summary.unjudged), (1, 1), "{:?}", list.summary);
}

#[tokio::test]
async fn with_cap_perfmon_alone_memory_and_environment_are_what_the_kernel_shows() {
    if !is_root() {
        return;
    }
    let (agent, roots) = (agent_without("-sys_ptrace"), Victim::start(&["sleep"]));
    let row = agent.client(Role::Admin).processes().get(roots.pid()).fields(["*"]).await.unwrap().process.unwrap();
    for (file, path, is_there) in [
        ("environ", "environ", !row.environ.is_empty()),
        ("smaps", "memory_maps", !row.memory_maps.is_empty()),
        ("smaps_rollup", "memory_footprint", row.memory_footprint.is_some()),
        ("io", "io", row.io.is_some()),
    ] {
        let mut judge = Command::new("setpriv");
        judge
            .args(["--bounding-set=-sys_ptrace", "--inh-caps=-all", "cat"])
            .arg(format!("/proc/{}/{file}", roots.pid()));
        let is_shown = works(judge);
        assert_eq!((is_there, reason(&row, path).is_none()), (is_shown, is_shown), "{file}");
    }
}
