use procwire_proto::{
    Duration as WireDuration,
    v1::{
        WaitProcessRequest, control_service_server::ControlService as _, exit_status::End,
        wait_process_response::Outcome,
    },
};
use tonic::{Code, Status};

use super::*;
use crate::{access::Role, services::testing::request_of};

impl Fixture {
    async fn wait_for(&self, target: &ProcessRef, timeout: Option<WireDuration>) -> Result<Outcome, Status> {
        let request = WaitProcessRequest { r#ref: Some(target.clone()), timeout };
        let response = self.service.wait_process(request_of(Role::Reader, request)).await?;
        Ok(response.into_inner().outcome.unwrap())
    }
}

fn seconds(seconds: i64) -> Option<WireDuration> {
    Some(WireDuration { seconds, nanos: 0 })
}

#[tokio::test]
async fn the_end_is_told_with_its_status() {
    let fixture = fixture();
    let target = Target::script(&fixture.context, "echo ready; sleep 0.05; exit 3");
    let Outcome::Exited(status) = fixture.wait_for(&target.reference, None).await.unwrap() else { panic!("alive") };
    assert_eq!(status.end, Some(End::Code(3)));
    let Outcome::Exited(zombie) = fixture.wait_for(&target.reference, seconds(0)).await.unwrap() else {
        panic!("alive")
    };
    assert_eq!(zombie, status, "one look is enough at a process that has ended");
}

#[tokio::test]
async fn the_status_of_a_process_that_is_no_child_of_ours() {
    let fixture = fixture();
    // The shell's child; told apart by its pid, which the shell writes after "ready".
    let parent = Target::script(&fixture.context, "echo ready; sh -c 'sleep 0.2; exit 5' & wait");
    let children = format!("/proc/{0}/task/{0}/children", parent.child.id());
    let child = loop {
        let text = std::fs::read_to_string(&children).unwrap();
        if let Some(pid) = text.split_whitespace().next() {
            break pid.parse().unwrap();
        }
        tokio::task::yield_now().await;
    };
    let child = reference(&fixture.context, child);
    let Outcome::Exited(status) = fixture.wait_for(&child, None).await.unwrap() else { panic!("alive") };
    let tells =
        fixture.context.host.features().iter().any(|feature| feature.name == "pidfd_exit_status" && feature.available);
    match status.end {
        Some(End::Code(5)) => {}
        other => assert!(!tells, "{other:?}"),
    }
}

#[tokio::test]
async fn time_runs_out() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    for timeout in [seconds(0), Some(WireDuration { seconds: 0, nanos: 20_000_000 })] {
        let outcome = fixture.wait_for(&target.reference, timeout).await.unwrap();
        let Outcome::StillRunning(alive) = outcome else { panic!("{outcome:?}") };
        assert_ne!(alive.state(), ProcessState::Unspecified);
    }
}

#[tokio::test]
async fn a_process_that_is_gone_or_another_is_not_waited_for() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    let other =
        ProcessRef { start_ticks: target.reference.start_ticks + 1, pidfd_inode: None, ..target.reference.clone() };
    assert_eq!(fixture.wait_for(&other, None).await.unwrap_err().code(), Code::FailedPrecondition);
    let gone = target.reference.clone();
    drop(target);
    assert_eq!(fixture.wait_for(&gone, None).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn waiting_holds_no_thread() {
    const WAITERS: usize = 300;
    let fixture = Arc::new(fixture());
    let target = Target::obedient(&fixture.context);
    let waiters: Vec<_> = (0..WAITERS)
        .map(|_| {
            let (fixture, target) = (Arc::clone(&fixture), target.reference.clone());
            tokio::spawn(async move { fixture.wait_for(&target, None).await })
        })
        .collect();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    while descriptors() < WAITERS {
        tokio::task::yield_now().await;
    }
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    assert!(threads < WAITERS / 3, "{threads} threads");
    drop(target);
    for waiter in waiters {
        assert!(matches!(waiter.await.unwrap(), Ok(Outcome::Exited(_)) | Err(_)));
    }
}

#[tokio::test]
async fn the_end_of_the_agent_ends_the_waiting() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    let Fixture { service, context, trigger } = fixture;
    let request = WaitProcessRequest { r#ref: Some(target.reference.clone()), timeout: None };
    let waiting = tokio::spawn(async move { service.wait_process(request_of(Role::Reader, request)).await });
    drop(context);
    drop(trigger);
    let status = waiting.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}
