//! Threads of the kernel: nothing to see, and no errors about that, for those with the rights; for others the reasons.

use procwire_client::ProcessSelect;
use procwire_proto::v1::{FieldErrorReason, Process};
use procwire_tests::{Agent, Role, is_root};

use super::{expected, reasons, set};

/// Not there in a container. They come and go, but kthreadd stays.
async fn rows(agent: &Agent) -> Vec<Process> {
    let processes = agent.client(Role::Admin).processes();
    processes.list().matching(ProcessSelect::new().kernel_threads(true)).fields(["*"]).await.unwrap().processes
}

fn check(row: &Process) {
    assert!(row.state.is_some() && row.ppid.is_some() && row.cpu_times.is_some() && row.cpu_number.is_some());
    assert!(row.start_time.is_some() && row.page_faults.is_some() && row.name.is_some() && row.r#ref.is_some());
    assert_eq!((row.uids.as_ref().unwrap().real, row.username.as_deref()), (0, Some(&b"root"[..])));
    assert!(row.gids.is_some() && row.context_switches.is_some() && row.kernel_thread());
    assert_eq!((row.thread_count, row.threads.len(), row.terminal.as_ref()), (Some(1), 1, None));
    assert_eq!((row.cmdline.len(), row.cmdline_raw.as_deref()), (0, Some(&b""[..])));
    assert_eq!((row.exe.as_ref(), row.environ.len()), (None, 0));
    let memory = row.memory.as_ref().unwrap();
    assert_eq!((memory.resident_bytes, memory.virtual_bytes, memory.shared_bytes), (Some(0), Some(0), Some(0)));
    assert_eq!((memory.peak_resident_bytes, memory.swap_bytes, row.memory_ratio), (Some(0), Some(0), Some(0.0)));
    let footprint = row.memory_footprint.as_ref().unwrap();
    assert_eq!(
        (footprint.unique_bytes, footprint.proportional_bytes, footprint.swap_bytes),
        (Some(0), Some(0), Some(0))
    );
    assert_eq!((row.memory_maps.len(), row.memory_map_groups.len()), (0, 0));
    assert!(row.nice.is_some() && row.io_priority.is_some() && !row.cpu_affinity.is_empty());
    assert_eq!(row.resource_limits.len(), 16);
}

#[tokio::test]
async fn to_root_they_have_nothing_and_no_errors() {
    if !is_root() {
        return;
    }
    for row in rows(&Agent::start()).await {
        check(&row);
        assert_eq!(reasons(&row), expected([]), "{}", row.pid);
        assert_eq!((row.fd_count, row.open_files.len(), row.sockets.len()), (Some(0), 0, 0));
        assert!(row.io.is_some() && row.namespaces.is_some());
        assert_eq!(row.root.as_deref(), Some(&b"/"[..]));
    }
}

#[tokio::test]
async fn to_others_they_say_what_is_denied() {
    let agent = Agent::options().unprivileged().start();
    let features = agent.client(Role::Reader).agent().capabilities().await.unwrap().features;
    let counts_by_size = features.iter().any(|feature| feature.name == "fd_count_by_size" && feature.available);
    let mut denied = set(["io", "namespaces", "root", "open_files", "sockets"]);
    if !counts_by_size {
        denied = denied.union(set(["fd_count"]));
    }
    for row in rows(&agent).await {
        check(&row);
        assert_eq!(reasons(&row), expected([(FieldErrorReason::PermissionDenied, denied)]), "{}", row.pid);
        assert!(!counts_by_size || row.fd_count == Some(0));
    }
}
