use std::time::Duration;

use procwire_proto::{
    Duration as WireDuration,
    v1::{
        ErrorReason, WaitProcessesRequest, WaitResult, WaitSummary, control_service_server::ControlService as _,
        exit_status::End, wait_processes_response::Event, wait_result::Outcome,
    },
};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::{
    access::Role,
    config::ServicesConfig,
    services::{control::wait_many::WaitStream, testing::request_of},
};

impl Fixture {
    async fn begin_waiting(&self, targets: &[ProcessRef], timeout: Option<Duration>) -> Result<WaitStream, Status> {
        let timeout = timeout.map(|timeout| WireDuration {
            seconds: timeout.as_secs().try_into().unwrap(),
            nanos: timeout.subsec_nanos().try_into().unwrap(),
        });
        let request = WaitProcessesRequest { refs: targets.to_vec(), timeout };
        self.service.wait_processes(request_of(Role::Reader, request)).await.map(Response::into_inner)
    }

    async fn wait_for_all(
        &self,
        targets: &[ProcessRef],
        timeout: Option<Duration>,
    ) -> Result<(Vec<WaitResult>, WaitSummary), Status> {
        let mut stream = self.begin_waiting(targets, timeout).await?;
        let mut results = Vec::new();
        loop {
            match stream.next().await.expect("a summary at the end")?.event.unwrap() {
                Event::Result(result) => results.push(result),
                Event::Summary(summary) => {
                    assert!(stream.next().await.is_none(), "the summary is the last message");
                    return Ok((results, summary));
                }
            }
        }
    }

    /// Processes that may be waited for now, by this caller.
    fn free_places(&self) -> usize {
        let shares = &self.service.shared.waits;
        (1..).take_while(|count| shares.take_many("alice", *count).is_ok()).count()
    }
}

fn code_of(result: &WaitResult) -> Option<u32> {
    match result.outcome.as_ref().unwrap() {
        Outcome::Exited(status) => match status.end {
            Some(End::Code(code)) => Some(code),
            _ => None,
        },
        _ => None,
    }
}

fn with_places(in_all: usize, of_a_caller: usize) -> Fixture {
    fixture_with(|context| {
        let mut config = ServicesConfig::clone(&context.config);
        (config.limits.waits, config.limits.waits_per_principal) = (in_all, of_a_caller);
        context.config = Arc::new(config);
    })
}

#[tokio::test]
async fn each_is_told_of_in_the_order_of_the_ends() {
    let fixture = fixture();
    let mut targets: Vec<_> = (3..=5)
        .map(|code| {
            Target::script(
                &fixture.context,
                &format!("trap 'exit {code}' TERM; echo ready; while :; do sleep 0.01; done"),
            )
        })
        .collect();
    let references: Vec<_> = targets.iter().map(|target| target.reference.clone()).collect();
    let mut stream = fixture.begin_waiting(&references, None).await.unwrap();
    for place in [2, 0, 1] {
        let pid = targets[place].child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let Some(Event::Result(result)) = stream.next().await.unwrap().unwrap().event else { panic!("no result") };
        assert_eq!((result.index as usize, result.r#ref.as_ref()), (place, Some(&references[place])));
        assert_eq!(code_of(&result), Some(3 + u32::try_from(place).unwrap()));
        assert!(result.waited_ns > 0);
        targets[place].child.wait().unwrap();
    }
    let Some(Event::Summary(summary)) = stream.next().await.unwrap().unwrap().event else { panic!("no summary") };
    assert_eq!(summary, WaitSummary { exited: 3, ..Default::default() });
}

#[tokio::test]
async fn those_that_live_on_or_cannot_be_waited_for_are_told_apart() {
    let fixture = fixture();
    let alive = Target::obedient(&fixture.context);
    let other = ProcessRef { start_ticks: 1, pidfd_inode: None, ..alive.reference.clone() };
    let short = Target::obedient(&fixture.context);
    let gone = short.reference.clone();
    drop(short);
    let mut ended = Target::script(&fixture.context, "echo ready; exit 5");
    let zombie = ended.reference.clone();
    while ended.state(&fixture.context) != ProcessState::Zombie {
        tokio::task::yield_now().await;
    }
    let targets = [alive.reference.clone(), other, gone, zombie, alive.reference.clone()];
    for timeout in [Duration::ZERO, Duration::from_millis(30)] {
        let (mut results, summary) = fixture.wait_for_all(&targets, Some(timeout)).await.unwrap();
        assert_eq!(summary, WaitSummary { exited: 1, still_running: 2, refused: 2 });
        results.sort_by_key(|result| result.index);
        let outcomes: Vec<_> = results.into_iter().map(|result| result.outcome.unwrap()).collect();
        for place in [0, 4] {
            let Outcome::StillRunning(told) = &outcomes[place] else { panic!("{outcomes:?}") };
            assert_ne!(told.state(), ProcessState::Unspecified);
        }
        for (place, wanted) in [(1, ErrorReason::PidReused), (2, ErrorReason::ProcessGone)] {
            let Outcome::Refused(error) = &outcomes[place] else { panic!("{outcomes:?}") };
            assert_eq!(error.reason(), wanted);
        }
        let Outcome::Exited(status) = &outcomes[3] else { panic!("{outcomes:?}") };
        assert_eq!(status.end, Some(End::Code(5)));
    }
    ended.child.wait().unwrap();
}

#[tokio::test]
async fn nobody_waits_for_more_than_his_share_and_what_is_left_is_free_again() {
    let fixture = with_places(4, 3);
    let target = Target::obedient(&fixture.context);
    let many = |count| vec![target.reference.clone(); count];
    let status = fixture.begin_waiting(&many(4), None).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "limits.waits_per_principal");
    let stream = fixture.begin_waiting(&many(3), None).await.unwrap();
    let one = WaitProcessRequest { r#ref: Some(target.reference.clone()), timeout: None };
    let refused = fixture.service.wait_process(request_of(Role::Reader, one)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(stream);
    while fixture.free_places() < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_are_waited_for_without_a_thread_and_all_is_freed_when_the_caller_leaves() {
    const CALLS: usize = 4;
    const EACH: usize = 256;
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let pidfds = || {
        let links =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
        links.filter(|link| link.to_string_lossy().contains("pidfd")).count()
    };
    let all = vec![target.reference.clone(); EACH];
    let mut streams = Vec::new();
    for _ in 0..CALLS {
        streams.push(fixture.begin_waiting(&all, None).await.unwrap());
    }
    assert!(pidfds() >= CALLS * EACH);
    // Other tests of this program run beside this one; a thread for each of those waited for would be a thousand.
    assert!(count("/proc/self/task") < CALLS * EACH / 4);
    drop(streams);
    while pidfds() >= CALLS * EACH {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.free_places(), fixture.context.config.limits.waits_per_principal);
}

#[tokio::test]
async fn the_end_of_the_agent_ends_the_waiting_for_many() {
    let fixture = fixture();
    let target = Target::obedient(&fixture.context);
    let mut stream = fixture.begin_waiting(std::slice::from_ref(&target.reference), None).await.unwrap();
    let Fixture { service: _service, context, trigger } = fixture;
    drop(context);
    drop(trigger);
    let status = stream.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(stream.next().await.is_none());
}
