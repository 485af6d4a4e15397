//! Waiting for many processes in one call.

use std::{collections::BTreeSet, fs, time::Duration};

use procwire_client::{ErrorKind, WaitOutcome};
use procwire_proto::v1::{ErrorReason, ProcessRef, exit_status::End};
use procwire_tests::{Agent, Role, Victim, assert_ended, waiting::eventually_async};

const LONG: Duration = Duration::from_secs(300);

/// Processes that the agent holds open.
fn held(agent: &Agent) -> usize {
    let links = fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().flatten();
    let links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("pidfd")).count()
}

fn threads(agent: &Agent) -> usize {
    fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap().count()
}

/// Processor time that the agent took so far.
fn processor_time(agent: &Agent) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime are fields 14 and 15; the one after the name is 3. A tick is 10 ms (USER_HZ).
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[tokio::test]
async fn each_of_many_is_told_of_as_it_ends() {
    let agent = Agent::start();
    let victims: Vec<_> = (3..=5).map(|code| Victim::start(&["exit-on-term", &code.to_string()])).collect();
    let references: Vec<_> = victims.iter().map(Victim::reference).collect();
    let mut waiting = agent.client(Role::Reader).control().wait_many(&references).timeout(LONG).await.unwrap();
    for place in [1, 2, 0] {
        victims[place].signal("TERM");
        let event = waiting.next().await.unwrap().unwrap();
        assert_eq!((event.index, &event.process), (place, &references[place]));
        let WaitOutcome::Exited(status) = event.result.unwrap() else { panic!("it lives") };
        assert_ended(&status, End::Code(3 + u32::try_from(place).unwrap()));
    }
    assert!(waiting.next().await.unwrap().is_none());
    assert_eq!(held(&agent), 0);
}

#[tokio::test]
async fn the_outcome_has_those_that_are_gone_and_those_that_live() {
    let agent = Agent::start();
    let (alive, ended) = (Victim::start(&["sleep"]).asleep(), Victim::start(&["sleep"]));
    let reused = ProcessRef { start_ticks: 1, ..alive.reference() };
    let gone_before = ended.reference();
    ended.signal("KILL");
    ended.ended();
    for time in [Duration::ZERO, Duration::from_millis(100)] {
        let control = agent.client(Role::Reader).control();
        let targets = [alive.reference(), reused.clone(), gone_before.clone()];
        let outcomes = control.wait_many(&targets).timeout(time).await.unwrap().outcome().await.unwrap();
        assert_eq!(outcomes.alive.len(), 1, "{outcomes:?}");
        // As psutil has it, those that had ended before are gone too; how, nobody can say any more.
        let gone: BTreeSet<_> = outcomes.gone.iter().map(|(process, _)| process.clone()).collect();
        assert_eq!(gone, [reused.clone(), gone_before.clone()].into(), "{outcomes:?}");
        assert!(outcomes.refused.is_empty(), "{outcomes:?}");
    }
    assert!(alive.is_alive());
}

#[tokio::test]
async fn a_thousand_waits_take_neither_threads_nor_processor_and_end_with_the_caller() {
    const EACH: usize = 500;
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Reader);
    let targets = vec![victim.reference(); EACH];
    // What the agent starts once, it has started.
    drop(client.control().wait_many(&targets).timeout(LONG).await.unwrap());
    eventually_async("the first wait to be given up", || async { (held(&agent) == 0).then_some(()) }).await;
    let before = threads(&agent);
    let mut waits = Vec::new();
    for _ in 0..2 {
        waits.push(client.control().wait_many(&targets).timeout(LONG).await.unwrap());
    }
    assert!(held(&agent) >= 2 * EACH);
    let began = processor_time(&agent);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let taken = processor_time(&agent) - began;
    assert!(taken < Duration::from_millis(500), "{taken:?} of processor time in 2 s");
    assert!(threads(&agent) <= before + 8, "{before} threads became {}", threads(&agent));
    drop(waits);
    eventually_async("the agent to let go of all", || async { (held(&agent) == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_caller_s_share_of_waits_has_an_end() {
    let agent = Agent::options().set("limits.waits", 5).set("limits.waits_per_principal", 3).start();
    let victim = Victim::start(&["sleep"]);
    let of = |role, count| {
        let targets = vec![victim.reference(); count];
        agent.client(role).control().wait_many(&targets).timeout(LONG)
    };
    let error = of(Role::Reader, 4).await.err().unwrap();
    assert_eq!(error.reason(), Some(ErrorReason::LimitReached), "{error}");
    assert!(error.to_string().contains("limits.waits_per_principal = 3"), "{error}");
    let waiting = of(Role::Reader, 3).await.unwrap();
    let one = agent.client(Role::Reader).control().wait(&victim.reference()).timeout(LONG).await.unwrap_err();
    assert_eq!(one.reason(), Some(ErrorReason::LimitReached), "{one}");
    let error = of(Role::Operator, 3).await.err().unwrap();
    assert!(error.to_string().contains("limits.waits = 5"), "{error}");
    let others = of(Role::Operator, 2).await.unwrap();
    drop((waiting, others));
    drop(eventually_async("room", || async { of(Role::Reader, 3).await.ok() }).await);
}

#[tokio::test]
async fn an_agent_that_stops_ends_the_waiting() {
    let mut agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let mut waiting =
        agent.client(Role::Reader).control().wait_many(&[victim.reference()]).timeout(LONG).await.unwrap();
    agent.terminate();
    let error = waiting.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    agent.ended().await;
    assert!(victim.is_alive());
}
