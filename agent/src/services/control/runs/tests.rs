#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::v1::{
    ErrorReason, ProcessRef, TerminateProcessesRequest, TerminateProgress, TerminateSummary,
    terminate_processes_response::Event,
};
use tokio_stream::StreamExt as _;

use super::*;
use crate::status::HostName;

fn shares(in_all: usize, of_a_caller: usize) -> Shares {
    let limit = |key, value| Limit { key, value };
    let of_a_caller = limit("limits.terminations_per_principal", of_a_caller);
    Shares::new(limit("limits.terminations", in_all), of_a_caller, RETRY_AFTER)
}

fn termination(request_id: &str, dry_run: bool) -> Termination {
    let target = ProcessRef { pid: 7, start_ticks: 1, boot_id: vec![1; 16].into(), pidfd_inode: None };
    let request = TerminateProcessesRequest {
        request_id: request_id.to_owned(),
        dry_run,
        targets: vec![target],
        ..Default::default()
    };
    Termination::parse(&request).unwrap()
}

fn summary(exited: u32) -> Event {
    Event::Summary(TerminateSummary { exited, ..Default::default() })
}

fn new(begun: Begun) -> (RunLog, Follower) {
    match begun {
        Begun::New(log, follower) => (log, follower),
        Begun::Repeat(_) => panic!("a run of that name was known"),
    }
}

async fn all(follower: Follower) -> Vec<Result<Event, tonic::Code>> {
    let stream = FollowStream::new(follower, HostName::new(b"h"));
    stream.map(|event| event.map(|event| event.event.unwrap()).map_err(|status| status.code())).collect().await
}

#[tokio::test]
async fn a_repeated_request_id_gets_the_same_answer_and_starts_nothing() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let (log, first) = new(runs.begin("alice", &termination("a", false)).unwrap());
    log.push(summary(1));
    let Begun::Repeat(during) = runs.begin("alice", &termination("a", false)).unwrap() else { panic!("started twice") };
    log.push(summary(2));
    log.end(Ok(()));
    drop(log);
    let Begun::Repeat(after) = runs.begin("alice", &termination("a", false)).unwrap() else { panic!("started again") };
    for follower in [first, during, after] {
        assert_eq!(all(follower).await, [Ok(summary(1)), Ok(summary(2))]);
    }
}

#[tokio::test]
async fn other_contents_under_the_same_id_are_a_conflict() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let (log, _follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    let other = Termination { signal: 9, ..termination("a", false) };
    let Err(failure) = runs.begin("alice", &other) else { panic!("taken for a repeat") };
    assert_eq!(failure.reason(), ErrorReason::RequestIdConflict);
    new(runs.begin("bob", &other).unwrap());
    drop(log);
}

#[tokio::test]
async fn what_did_nothing_is_not_remembered() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let (log, follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    drop(log);
    assert_eq!(all(follower).await, [Err(tonic::Code::Internal)], "a run that panicked says so");
    let (log, _) = new(runs.begin("alice", &termination("a", true)).unwrap());
    log.end(Ok(()));
    new(runs.begin("alice", &termination("a", false)).unwrap());
}

#[tokio::test]
async fn what_failed_after_its_first_signal_is_not_done_again() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let (log, _follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    log.push(Event::Progress(TerminateProgress::default()));
    log.end(Err(Failure::internal("the pool is gone")));
    let Begun::Repeat(follower) = runs.begin("alice", &termination("a", false)).unwrap() else {
        panic!("started again")
    };
    assert_eq!(all(follower).await.last(), Some(&Err(tonic::Code::Internal)));
}

#[tokio::test(start_paused = true)]
async fn answers_are_forgotten_ten_minutes_after_the_end() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let (log, _follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    log.end(Ok(()));
    tokio::time::advance(REMEMBERED_FOR - Duration::from_millis(1)).await;
    assert!(matches!(runs.begin("alice", &termination("a", false)).unwrap(), Begun::Repeat(_)));
    tokio::time::advance(Duration::from_millis(1)).await;
    new(runs.begin("alice", &termination("a", false)).unwrap());
}

#[tokio::test]
async fn so_many_may_run_at_a_time() {
    let runs = Runs::new(shares(1, 1), RequestIds::default());
    let (log, _follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    let Err(failure) = runs.begin("bob", &termination("b", false)) else { panic!("more than the limit") };
    assert_eq!(failure.reason(), ErrorReason::LimitReached);
    log.end(Ok(()));
    new(runs.begin("bob", &termination("b", false)).unwrap());
}

#[tokio::test]
async fn no_caller_can_take_every_place_and_dry_runs_take_one_too() {
    let runs = Runs::new(shares(3, 2), RequestIds::default());
    let begin = |caller: &str, id: &str, dry_run| runs.begin(caller, &termination(id, dry_run)).map(new);
    let real = begin("alice", "a", false).unwrap();
    let dry = begin("alice", "b", true).unwrap();
    for dry_run in [false, true] {
        let failure = begin("alice", "c", dry_run).unwrap_err();
        assert!(failure.message().contains("limits.terminations_per_principal = 2"), "{failure}");
    }
    assert!(matches!(runs.begin("alice", &termination("a", false)), Ok(Begun::Repeat(_))), "repeats take no place");
    let bob = begin("bob", "c", false).unwrap();
    dry.0.end(Ok(()));
    let again = begin("alice", "c", false).unwrap();
    let failure = begin("carol", "d", true).unwrap_err();
    assert!(failure.message().contains("limits.terminations = 3"), "{failure}");
    drop((real, again, bob));
    begin("carol", "d", true).unwrap();
}

#[tokio::test]
async fn whoever_has_most_answers_loses_the_oldest_of_them() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let answer = |caller: &str, id: &str| new(runs.begin(caller, &termination(id, false)).unwrap()).0.end(Ok(()));
    answer("bob", "b");
    for id in 0..REMEMBERED_MAX {
        answer("alice", &id.to_string());
    }
    assert_eq!(runs.lock().len(), REMEMBERED_MAX);
    assert!(matches!(runs.begin("bob", &termination("b", false)), Ok(Begun::Repeat(_))));
}

#[tokio::test]
async fn a_run_notices_when_everyone_has_left() {
    let runs = Runs::new(shares(1, 1), RequestIds::default());
    let (log, follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    assert!(log.is_followed());
    drop(FollowStream::new(follower, HostName::new(b"h")));
    log.everyone_left().await;
    assert!(!log.is_followed());
}

#[tokio::test]
async fn a_long_answer_is_told_whole_while_it_is_written_and_after() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let (log, follower) = new(runs.begin("alice", &termination("a", false)).unwrap());
    let during = tokio::spawn(all(follower));
    for number in 0..3000 {
        log.push(summary(number));
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    log.end(Ok(()));
    let wanted: Vec<_> = (0..3000).map(|number| Ok(summary(number))).collect();
    assert_eq!(during.await.unwrap(), wanted);
    let Begun::Repeat(after) = runs.begin("alice", &termination("a", false)).unwrap() else { panic!("started again") };
    assert_eq!(all(after).await, wanted);
}

#[tokio::test]
async fn answers_that_take_too_much_room_go_first_of_whoever_has_most_and_are_not_done_again() {
    let runs = Runs::new(shares(8, 8), RequestIds::default());
    let answer = |caller: &str, id: &str, messages: u32| {
        let (log, follower) = new(runs.begin(caller, &termination(id, false)).unwrap());
        log.push_all((0..messages).map(summary));
        log.end(Ok(()));
        follower
    };
    for (caller, id, messages) in [("bob", "b", 10), ("alice", "1", 100), ("alice", "2", 100)] {
        drop(answer(caller, id, messages));
    }
    let followed = answer("alice", "3", 100);
    shed(&runs.lock(), 150);
    for (caller, id, is_kept) in
        [("bob", "b", true), ("alice", "1", false), ("alice", "2", false), ("alice", "3", true)]
    {
        let begun = runs.begin(caller, &termination(id, false));
        match begun {
            Ok(Begun::Repeat(_)) => assert!(is_kept, "{caller} {id}"),
            Ok(Begun::New(..)) => panic!("{caller} {id} is done again"),
            Err(failure) => {
                assert_eq!(failure.reason(), ErrorReason::LimitReached);
                assert!(!is_kept, "{caller} {id}");
            }
        }
    }
    assert_eq!(all(followed).await.len(), 100, "what is being read stays");
}
