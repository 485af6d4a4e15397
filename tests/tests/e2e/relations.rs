//! Who is whose child, who is still there, and lists that are judged on the host: the SDK with the real agent.

use std::process::Command;

use procwire_client::{Client, Order, ProcessRef, ProcessSelect, ProcessTree, v1::Process};
use procwire_tests::{Agent, Role, Victim, reference_of};

/// A shell, a subshell of it, and a process below that. All end with the victim's input.
fn family() -> (Victim, [ProcessRef; 3]) {
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3<&0; (cat <&3 >/dev/null & echo ready $!; wait) & wait"]);
    let victim = Victim::start_command(command);
    let below = std::fs::read_to_string(format!("/proc/{}/stat", victim.named_pid())).unwrap();
    let between = below.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let references = [victim.pid(), between, victim.named_pid()].map(reference_of);
    (victim, references)
}

fn pids(processes: &[Process]) -> Vec<u32> {
    processes.iter().map(|process| process.pid).collect()
}

fn sorted(references: &[ProcessRef]) -> Vec<u32> {
    let mut pids: Vec<_> = references.iter().map(|reference| reference.pid).collect();
    pids.sort_unstable();
    pids
}

#[tokio::test]
async fn children_and_descendants_are_told_apart_and_make_a_tree() {
    let agent = Agent::start();
    let processes = agent.client(Role::Reader).processes();
    let (_victim, [top, between, below]) = family();
    let children = processes.children(&top).fields(["name"]).await.unwrap();
    assert_eq!(pids(&children.processes), [between.pid]);
    let descendants = processes.descendants(&top).fields(ProcessTree::FIELDS).await.unwrap();
    assert_eq!(pids(&descendants.processes), sorted(&[between.clone(), below.clone()]));
    let tree = ProcessTree::new(&descendants.processes);
    let walked: Vec<_> = tree.walk().map(|node| (node.process.reference().cloned().unwrap(), node.depth)).collect();
    assert_eq!(walked, [(between, 0), (below.clone(), 1)]);
    assert_eq!(pids(&processes.children(&below).await.unwrap().processes), [0; 0]);
}

#[tokio::test]
async fn parents_are_found_up_to_the_first() {
    let agent = Agent::start();
    let processes = agent.client(Role::Reader).processes();
    let (_victim, [top, between, below]) = family();
    let parent = processes.parent(&below).fields(["name"]).await.unwrap().unwrap();
    assert_eq!((parent.r#ref, parent.name.as_deref()), (Some(between.clone()), Some(&b"sh"[..])));
    let ancestors = processes.ancestors(&below).fields(["ppid"]).await.unwrap();
    assert_eq!(pids(&ancestors)[..3], [between.pid, top.pid, std::process::id()]);
    for pair in ancestors.windows(2) {
        assert_eq!(pair[0].ppid, Some(pair[1].pid));
    }
    let first = ancestors.last().and_then(Process::reference).unwrap();
    assert_eq!(processes.parent(first).await.unwrap(), None);
}

#[tokio::test]
async fn what_has_ended_has_no_relatives_and_does_not_run() {
    let agent = Agent::start();
    let processes = agent.client(Role::Reader).processes();
    let victim = Victim::start(&["sleep"]);
    let reference = victim.reference();
    assert!(processes.is_running(&reference).await.unwrap());
    assert!(processes.exists(reference.pid).await.unwrap());
    victim.signal("KILL");
    victim.ended();
    assert!(!processes.is_running(&reference).await.unwrap());
    assert_eq!(pids(&processes.descendants(&reference).await.unwrap().processes), [0; 0]);
    assert!(processes.parent(&reference).await.unwrap_err().is_gone());
    assert!(processes.ancestors(&reference).await.unwrap_err().is_gone());
}

#[tokio::test]
async fn a_zombie_runs_and_an_earlier_process_or_a_thread_does_not() {
    let agent = Agent::start();
    let processes = agent.client(Role::Reader).processes();
    let victim = Victim::start(&["zombie", "7"]);
    assert!(processes.is_running(&reference_of(victim.named_pid())).await.unwrap());
    assert!(processes.exists(victim.named_pid()).await.unwrap());
    let earlier = ProcessRef { start_ticks: victim.reference().start_ticks - 1, ..victim.reference() };
    assert!(!processes.is_running(&earlier).await.unwrap());
    let other_boot = ProcessRef { boot_id: vec![7; 16].into(), ..victim.reference() };
    assert!(!processes.is_running(&other_boot).await.unwrap());
    assert_eq!(pids(&processes.children(&other_boot).await.unwrap().processes), [0; 0]);

    let threads = Victim::start(&["threads", "2"]);
    let ids = std::fs::read_dir(format!("/proc/{}/task", threads.pid())).unwrap();
    let ids = ids.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<u32>().unwrap());
    let thread = ids.max().unwrap();
    assert_ne!(thread, threads.pid());
    assert!(!processes.exists(thread).await.unwrap());
}

async fn chosen(client: &Client, select: ProcessSelect) -> Vec<u32> {
    pids(&client.processes().list().matching(select).fields(["pid"]).await.unwrap().processes)
}

#[tokio::test]
async fn conditions_are_judged_on_the_host() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let (_victim, family) = family();
    let of_family = || ProcessSelect::new().refs(family.clone());
    assert_eq!(chosen(&client, of_family()).await, sorted(&family));
    assert_eq!(chosen(&client, of_family().name("sh")).await, sorted(&family[..2]));
    assert_eq!(chosen(&client, of_family().name_regex("^c.t$")).await, [family[2].pid]);
    assert_eq!(chosen(&client, of_family().ppids([family[0].pid])).await, [family[1].pid]);
    assert_eq!(chosen(&client, of_family().pids([])).await, [0; 0], "one of none is none");
    assert_eq!(chosen(&client, of_family().kernel_threads(true)).await, [0; 0]);
    let started = client.processes().get(&family[2]).fields(["start_time"]).await.unwrap().process.unwrap().start_time;
    assert_eq!(chosen(&client, of_family().started_before(started.unwrap()).name("cat")).await, [0; 0]);
    assert_eq!(chosen(&client, of_family().started_after(started.unwrap()).name("cat")).await, [family[2].pid]);

    let list = client.processes().list().matching(of_family()).except(ProcessSelect::new().name("cat"));
    assert_eq!(pids(&list.await.unwrap().processes), sorted(&family[..2]));
}

#[tokio::test]
async fn orders_are_made_on_the_host() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let largest = client.processes().list().top(3, "memory.resident_bytes").fields(["memory.resident_bytes"]);
    let largest = largest.await.unwrap().processes;
    let bytes: Vec<_> = largest.iter().map(|row| row.memory.as_ref().unwrap().resident_bytes.unwrap()).collect();
    assert_eq!(bytes.len(), 3, "this test, the agent and whoever started them");
    assert!(bytes.is_sorted_by(|left, right| left >= right), "{bytes:?}");
    let by_pid = client.processes().list().order_by(Order::descending("pid")).fields(["pid"]).await.unwrap();
    assert!(pids(&by_pid.processes).is_sorted_by(|left, right| left > right));
}
