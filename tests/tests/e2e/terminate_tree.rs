//! Trees and control groups of processes, ended whole.

use std::{collections::BTreeSet, time::Duration};

use procwire_client::{Client, Error, TerminateStep, TerminationOutcome, TerminationOutcomes};
use procwire_proto::v1::{
    ControlMechanism, ControlScope, DisconnectAction, ErrorReason, ProcessRef, Signal, exit_status::End,
};
use procwire_tests::{
    Agent, Bomb, ControlGroup, Role, Victim, assert_ended,
    waiting::{eventually_async, within_patience},
};

const LONG_GRACE: Duration = Duration::from_secs(60);
const SHORT_GRACE: Duration = Duration::from_millis(300);
const FORKS: usize = 2000;

fn operator(agent: &Agent) -> Client {
    agent.client(Role::Operator)
}

/// How many a dry run says that it would be.
async fn rehearsed(client: &Client, target: &ProcessRef, scope: ControlScope) -> u32 {
    let rehearsal = client.control().terminate_many([target]).scope(scope).dry_run(true).await.unwrap();
    let resolved = rehearsal.plan().resolved;
    let outcomes = rehearsal.outcome().await.unwrap();
    assert!(outcomes.plan.dry_run && outcomes.processes.is_empty(), "{:?}", outcomes.processes);
    resolved
}

/// Everybody is told to have ended, once each.
#[track_caller]
fn assert_all_killed(outcomes: &TerminationOutcomes, at_least: usize) {
    assert!(outcomes.processes.len() >= at_least, "{} of {at_least}", outcomes.processes.len());
    for (process, outcome) in &outcomes.processes {
        let Ok(TerminationOutcome::Exited { status, .. }) = outcome else { panic!("{process}: {outcome:?}") };
        assert_ended(status, End::Signal(9));
    }
    let summary = outcomes.summary;
    assert_eq!(summary.exited as usize, outcomes.processes.len());
    assert_eq!((summary.still_running, summary.refused), (0, 0));
}

/// Every process that is told of is in the audit trail, with a decision before its outcome.
#[track_caller]
fn assert_audited(agent: &Agent, request_id: &str, outcomes: &TerminationOutcomes) {
    let audit = agent.audit();
    let of = |event: &str| -> BTreeSet<u64> {
        let lines = audit.iter().filter(|line| line["event"] == event && line["request_id"] == request_id);
        let targets = lines.flat_map(|line| line["targets"].as_array().cloned().unwrap_or_default());
        targets.map(|target| target["pid"].as_u64().unwrap()).collect()
    };
    let told: BTreeSet<u64> = outcomes.processes.keys().map(|process| process.pid.into()).collect();
    assert_eq!(of("decision"), told);
    assert_eq!(of("outcome"), told);
}

fn reason(error: &Error) -> ErrorReason {
    error.reason().unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_bomb_of_two_thousand_processes_is_ended_whole_and_each_is_told_of() {
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay("");
    bomb.feed(FORKS);
    bomb.grown_to(FORKS + 1);
    let whole = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree);
    let count = rehearsed(&client, &bomb.reference(), ControlScope::Tree).await;
    assert_eq!(count as usize, FORKS + 1);

    let error = whole.clone().at_most(count - 1).await.unwrap_err();
    assert_eq!(reason(&error), ErrorReason::ConfirmCountMismatch);
    assert!(error.to_string().contains("2001"), "{error}");
    assert_eq!((bomb.living(), bomb.stopped()), (FORKS + 1, 0), "nothing was done");

    let request = whole.at_most(count).signal(Signal::Kill).request_id("bomb").reason("test");
    let outcomes = request.await.unwrap().outcome().await.unwrap();
    assert_eq!(outcomes.plan.resolved, count);
    assert_all_killed(&outcomes, FORKS + 1);
    bomb.assert_gone("the end of the bomb");
    assert_audited(&agent, "bomb", &outcomes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_in_a_control_group_is_ended_at_once_with_all_that_left_its_parents() {
    let Some(group) = ControlGroup::make() else { return };
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay(&group.entry());
    bomb.feed(FORKS);
    bomb.grown_to(FORKS + 1);
    let count = rehearsed(&client, &bomb.reference(), ControlScope::Cgroup).await;
    assert_eq!(count as usize, FORKS + 1);
    let request = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Cgroup).at_most(count);
    let mut run = request.signal(Signal::Kill).request_id("group").await.unwrap();
    assert_eq!(run.plan().targets[0].cgroup.as_deref(), Some(group.path().as_bytes()));
    let wanted = if group.has("cgroup.kill") { ControlMechanism::CgroupKill } else { ControlMechanism::Pidfd };
    let mut ended = 0;
    while let Some(event) = run.next().await.unwrap() {
        match event.step {
            TerminateStep::Signalled { signal, mechanism } => assert_eq!((signal, mechanism), (Signal::Kill, wanted)),
            TerminateStep::Exited(_) => ended += 1,
            TerminateStep::Joined(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ended, FORKS + 1);
    bomb.assert_gone("the end of the bomb");
    assert_eq!(group.read("cgroup.procs"), "");
    assert!(group.read("cgroup.freeze").starts_with('0'), "nothing stays frozen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_forks_faster_than_it_is_killed_is_caught_whole() {
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay("");
    bomb.feed(FORKS);
    // In the midst of it.
    bomb.grown_to(20);
    let request = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree).at_most(60_000);
    let run = request.signal(Signal::Kill).request_id("faster").await.unwrap();
    let planned = run.plan().resolved as usize;
    let outcomes = run.outcome().await.unwrap();
    assert_all_killed(&outcomes, planned);
    bomb.assert_gone("the end of all that were forked meanwhile");
    assert_audited(&agent, "faster", &outcomes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_that_ignores_the_first_signal_is_killed_after_the_grace_period_and_joiners_with_it() {
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay("trap '' TERM");
    bomb.feed(50);
    bomb.grown_to(51);
    let request = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree).at_most(51);
    let mut run = request.grace(SHORT_GRACE).await.unwrap();
    assert_eq!(run.plan().resolved, 51);
    let (mut joined, mut escalated, mut exited) = (0, 0, 0);
    bomb.feed(50);
    while let Some(event) = run.next().await.unwrap() {
        match event.step {
            TerminateStep::Joined(_) => joined += 1,
            TerminateStep::Escalated { .. } => escalated += 1,
            TerminateStep::Exited(status) => {
                assert_ended(&status, End::Signal(9));
                exited += 1;
            }
            TerminateStep::Signalled { signal, .. } => assert_eq!(signal, Signal::Term),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((joined, escalated, exited), (50, 101, 101));
    assert!(run.summary().unwrap().escalated);
    bomb.assert_gone("the end of the tree");
}

#[tokio::test]
async fn a_tree_that_complies_ends_by_the_first_signal_and_nothing_is_stopped() {
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay("");
    bomb.feed(20);
    bomb.grown_to(21);
    let request = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree).at_most(21);
    let outcomes = request.grace(LONG_GRACE).await.unwrap().outcome().await.unwrap();
    assert_eq!((outcomes.summary.exited, outcomes.summary.escalated), (21, false));
    for outcome in outcomes.processes.values() {
        let Ok(TerminationOutcome::Exited { status, escalated: false, .. }) = outcome else { panic!("{outcome:?}") };
        assert_ended(status, End::Signal(15));
    }
    bomb.assert_gone("the end of the tree");
}

#[tokio::test]
async fn a_protected_descendant_refuses_its_tree_before_anything_is_done() {
    let agent = Agent::options().set("control.protected_names", "keep-me").start();
    let client = operator(&agent);
    let bomb = Bomb::lay("cp /bin/sleep ${TMPDIR:-/tmp}/keep-me && { ${TMPDIR:-/tmp}/keep-me 60 & }");
    bomb.grown_to(2);
    let name_is_there = || async { (rehearsed_refusal(&client, &bomb.reference()).await).then_some(()) };
    // A process has its new name a moment after it was forked.
    eventually_async("the protected process", name_is_there).await;
    let request = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree).at_most(10);
    let outcomes = request.signal(Signal::Kill).request_id("kept").await.unwrap().outcome().await.unwrap();
    assert_eq!((outcomes.summary.refused, outcomes.summary.exited, outcomes.plan.resolved), (1, 0, 0));
    let error = outcomes.processes[&bomb.reference()].as_ref().unwrap_err();
    assert_eq!(reason(error), ErrorReason::ProtectedProcess);
    assert!(error.to_string().contains("belongs to the tree"), "{error}");
    assert_eq!((bomb.living(), bomb.stopped()), (2, 0));
    // The denial itself is counted with those of the rehearsals, which were the same.
    assert!(!agent.audit().iter().any(|line| line["event"] == "decision"), "{:?}", agent.audit());
}

async fn rehearsed_refusal(client: &Client, target: &ProcessRef) -> bool {
    let request = client.control().terminate_many([target]).scope(ControlScope::Tree).dry_run(true);
    request.await.unwrap().outcome().await.unwrap().summary.refused == 1
}

#[tokio::test]
async fn a_caller_who_leaves_a_tree_and_asked_to_stop_leaves_nobody_stopped() {
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay("trap '' TERM");
    bomb.feed(30);
    bomb.grown_to(31);
    let request = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree).at_most(31);
    let request = request.grace(LONG_GRACE).on_disconnect(DisconnectAction::Stop).request_id("left");
    let mut run = request.await.unwrap();
    run.next().await.unwrap().unwrap();
    drop((run, client));
    let outcome = eventually_async("the audit record of the outcome", || async {
        agent.audit().into_iter().find(|line| line["event"] == "outcome" && line["request_id"] == "left")
    });
    let outcome = outcome.await.to_string();
    assert!(outcome.contains("stopped because the caller hung up"), "{outcome}");
    assert_eq!((bomb.living(), bomb.stopped()), (31, 0));
}

#[tokio::test]
async fn a_target_below_another_is_acted_on_once() {
    let agent = Agent::start();
    let client = operator(&agent);
    let mut bomb = Bomb::lay("");
    bomb.feed(10);
    bomb.grown_to(11);
    let rehearsal = client.control().terminate_many([&bomb.reference()]).scope(ControlScope::Tree).dry_run(true);
    let all = rehearsal.await.unwrap().plan().targets.clone();
    let refs: Vec<ProcessRef> = all.iter().rev().map(|target| target.r#ref.clone().unwrap()).collect();
    let request = client.control().terminate_many(&refs).scope(ControlScope::Tree).expect_count(11).at_most(11);
    let mut run = request.signal(Signal::Kill).await.unwrap();
    assert_eq!(run.plan().resolved, 11);
    let indices: Vec<u32> = run.plan().targets.iter().map(|target| target.target_index).collect();
    assert_eq!(indices, (0..11).collect::<Vec<_>>(), "each is a target of its own");
    let (mut signalled, mut exited) = (0, 0);
    while let Some(event) = run.next().await.unwrap() {
        match event.step {
            TerminateStep::Signalled { .. } => signalled += 1,
            TerminateStep::Exited(_) => exited += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((signalled, exited), (11, 11));
    bomb.assert_gone("the end of the tree");
}

#[tokio::test]
async fn a_process_in_the_root_group_has_no_control_group_to_be_ended_with() {
    let agent = Agent::start();
    // In the agent's own group, which may be the root.
    let victim = Victim::start(&["sleep"]);
    let request = operator(&agent).control().terminate_many([&victim.reference()]).scope(ControlScope::Cgroup);
    let run = within_patience("an answer", request.at_most(1000).await.unwrap().outcome()).await.unwrap();
    let error = run.processes[&victim.reference()].as_ref().unwrap_err();
    assert!(matches!(reason(error), ErrorReason::UnsupportedByHost | ErrorReason::ProtectedProcess), "{error}");
    assert!(victim.is_alive());
}
