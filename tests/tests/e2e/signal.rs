//! Signals to one process, to many, to trees; and how often a caller may send them.

use std::{fs, time::Duration};

use procwire_client::{Client, Error, ErrorKind, Signal, v1::ControlScope};
use procwire_proto::v1::{ErrorReason, ProcessRef};
use procwire_tests::{Agent, Role, Victim, reference_of, waiting::eventually_async};

fn operator(agent: &Agent) -> Client {
    agent.client(Role::Operator)
}

fn reason(error: &Error) -> ErrorReason {
    error.reason().unwrap_or_else(|| panic!("{error:?}"))
}

/// 'T' if it is stopped; `None` if there is none.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 2;
    stat.get(after_name).map(|letter| char::from(*letter))
}

async fn until_state(pid: u32, wanted: impl Fn(char) -> bool) {
    eventually_async("a state", || async { state(pid).filter(|state| wanted(*state)) }).await;
}

#[tokio::test]
async fn suspended_processes_stand_still_until_they_are_resumed() {
    let agent = Agent::start();
    let (control, victim) = (operator(&agent).control(), Victim::start(&["busy"]));
    control.suspend(&victim.reference()).await.unwrap();
    until_state(victim.pid(), |state| state == 'T').await;
    control.resume(&victim.reference()).await.unwrap();
    until_state(victim.pid(), |state| state == 'R').await;
}

#[tokio::test]
async fn one_failure_keeps_no_other_from_its_signal() {
    let agent = Agent::start();
    let (first, last) = (Victim::start(&["sleep"]), Victim::start(&["sleep"]));
    let reused = ProcessRef { start_ticks: 1, ..first.reference() };
    let targets = [first.reference(), reused, reference_of(1), agent.reference(), last.reference()];
    let outcomes = operator(&agent).control().signal_many(&targets, Signal::Kill).expect_count(5).await.unwrap();
    let results: Vec<_> = outcomes.results.iter().map(|(_, result)| result.as_ref().map_err(reason).is_ok()).collect();
    assert_eq!(results, [true, false, false, false, true]);
    let refused: Vec<_> = outcomes.refused().map(|(_, error)| reason(error)).collect();
    assert_eq!(refused, [ErrorReason::PidReused, ErrorReason::ProtectedProcess, ErrorReason::ProtectedProcess]);
    first.ended();
    last.ended();
}

#[tokio::test]
async fn more_than_one_must_have_been_counted() {
    let agent = Agent::start();
    let victims = [Victim::start(&["sleep"]), Victim::start(&["sleep"])];
    let targets = [victims[0].reference(), victims[1].reference()];
    let control = operator(&agent).control();
    for count in [1, 3] {
        let error = control.signal_many(&targets, Signal::Kill).expect_count(count).await.unwrap_err();
        assert_eq!(reason(&error), ErrorReason::ConfirmCountMismatch, "{error}");
    }
    let twice = [victims[0].reference(), victims[0].reference()];
    let error = control.signal_many(&twice, Signal::Kill).expect_count(2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(error.to_string().contains("targets[1]"), "{error}");
    assert!(victims.iter().all(Victim::is_alive));
}

#[tokio::test]
async fn signals_that_do_not_exist_are_refused_and_a_reader_sends_none() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    for signal in [-1, 0, 32, 33, 65] {
        let error = operator(&agent).control().signal(&victim.reference(), signal).await.unwrap_err();
        assert!(error.to_string().contains("signal is"), "{error}");
    }
    let error = agent.client(Role::Reader).control().signal(&victim.reference(), Signal::Kill).await.unwrap_err();
    assert_eq!(reason(&error), ErrorReason::RoleMissing, "{error}");
    assert!(victim.is_alive());
}

#[tokio::test]
async fn a_zombie_takes_a_signal_and_it_is_said_that_it_had_ended() {
    let agent = Agent::start();
    let parent = Victim::start(&["zombie", "7"]);
    let zombie = reference_of(parent.named_pid());
    let reached = operator(&agent).control().signal(&zombie, Signal::Kill).await.unwrap();
    assert!(reached.had_ended);
}

/// Everything below a process, however deep.
fn descendants(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut place = 0;
    while let Some(pid) = found.get(place).copied() {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(text.split_whitespace().map(|pid| pid.parse::<u32>().unwrap()));
        }
        place += 1;
    }
    found
}

#[tokio::test]
async fn a_tree_that_forks_all_the_time_is_stopped_whole() {
    let agent = Agent::start();
    let storm = Victim::start(&["fork-storm"]);
    let control = operator(&agent).control();
    let stop = || control.signal_many(&[storm.reference()], Signal::Stop).scope(ControlScope::Tree);
    let error = stop().at_most(1).await;
    if let Err(error) = error {
        assert_eq!(reason(&error), ErrorReason::ConfirmCountMismatch, "{error}");
    }
    let outcomes = stop().at_most(1000).await.unwrap();
    assert!(outcomes.reached().count() >= 1);
    // Nothing below it runs any more: stopped, or ended, or a fork that waits for a child that is stopped.
    let standing = |pid: &u32| state(*pid).is_none_or(|state| matches!(state, 'T' | 'Z' | 'X' | 'D'));
    eventually_async("the tree to stand still", || async {
        descendants(storm.pid()).iter().all(standing).then_some(())
    })
    .await;
    let before = descendants(storm.pid());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(descendants(storm.pid()), before, "somebody was born");
    for pid in &before[1..] {
        if state(*pid).is_some_and(|state| state != 'Z') {
            control.kill(&reference_of(*pid)).await.unwrap();
        }
    }
    control.kill(&storm.reference()).await.unwrap();
    storm.ended();
}

#[tokio::test]
async fn an_id_that_was_used_sends_no_second_signal_and_serves_no_other_action() {
    let agent = Agent::start();
    let victim = Victim::start(&["busy"]);
    let control = operator(&agent).control();
    let first = control.signal(&victim.reference(), Signal::Stop).request_id("once").await.unwrap();
    assert_eq!(first.request_id, "once");
    until_state(victim.pid(), |state| state == 'T').await;
    control.resume(&victim.reference()).await.unwrap();
    until_state(victim.pid(), |state| state == 'R').await;
    control.signal(&victim.reference(), Signal::Stop).request_id("once").await.unwrap();
    assert_eq!(state(victim.pid()), Some('R'));
    let error = control.terminate(&victim.reference()).request_id("once").await.unwrap_err();
    assert_eq!(reason(&error), ErrorReason::RequestIdConflict, "{error}");
    assert!(victim.is_alive());
}

#[tokio::test]
async fn the_quota_of_a_caller_denies_and_costs_nobody_else() {
    let agent = Agent::options().set("control.actions_per_minute_per_principal", 2).start();
    let victim = Victim::start(&["sleep"]);
    let control = operator(&agent).control();
    let resume = |id: &str| control.signal(&victim.reference(), Signal::Cont).request_id(id.to_owned());
    control.signal(&victim.reference(), Signal::Kill).dry_run(true).await.unwrap();
    resume("first").await.unwrap();
    resume("second").await.unwrap();
    for action in ["signal", "terminate", "update"] {
        let error = match action {
            "signal" => control.kill(&victim.reference()).await.unwrap_err(),
            "terminate" => {
                let outcome = match control.terminate(&victim.reference()).await {
                    Ok(run) => run.outcome().await.map(|_| ()),
                    Err(error) => Err(error),
                };
                outcome.unwrap_err()
            }
            _ => control.update(&victim.reference()).nice(5).await.map(|_| ()).unwrap_err(),
        };
        assert_eq!(reason(&error), ErrorReason::QuotaExceeded, "{action}: {error}");
        assert!(error.retry_after().is_some_and(|delay| delay <= Duration::from_secs(60)), "{action}: {error:?}");
    }
    assert!(victim.is_alive());
    resume("first").await.unwrap();
    let status = agent.client(Role::Admin).agent().status().await.unwrap();
    assert_eq!(status.quota_refusals, 3);
    agent.client(Role::Admin).control().kill(&victim.reference()).await.unwrap();
    victim.ended();
}
