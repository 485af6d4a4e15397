//! What acts when the connection breaks: asked for again where the agent knows what it did, and nowhere else.

use std::time::Duration;

use procwire_client::v1::{
    ControlTarget, GetStatusResponse, SignalProcessesResponse, SignalResult, TerminateProcessesResponse,
    UpdateProcessResponse, terminate_progress,
};
use procwire_client::{ErrorKind, Signal, TerminateStep, TerminationOutcome, WireDuration};
use tonic::Status;

use crate::control::{exit_code, plan, progress, sent, summary, target};
use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn cut<Answer>() -> [Step<Answer>; 2] {
    [Step::Cut, Step::Hang]
}

fn up_for(seconds: i64) -> [Step<GetStatusResponse>; 1] {
    let uptime = Some(WireDuration { seconds, nanos: 0 });
    [Step::Send(GetStatusResponse { uptime, ..Default::default() })]
}

fn ended() -> [Step<TerminateProcessesResponse>; 4] {
    [
        plan(false),
        progress(1, terminate_progress::Step::Signalled(sent(Signal::Term))),
        progress(5, terminate_progress::Step::Exited(exit_code(0))),
        summary(),
    ]
}

#[tokio::test]
async fn an_action_whose_answer_was_lost_is_asked_for_again_by_its_id() {
    let agent = FakeAgent::default();
    let control = agent.client().control();

    agent.terminate.then(cut()).then(ended());
    agent.status.then(up_for(1_000));
    let outcome = control.terminate(&target()).await.unwrap().outcome().await.unwrap();
    assert!(matches!(outcome, TerminationOutcome::Exited { .. }), "{outcome:?}");
    let asked = agent.terminate.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].message, asked[1].message);
    assert_eq!(asked[0].message.request_id.len(), 32, "{:?}", asked[0].message.request_id);

    let reached = ControlTarget { r#ref: Some(target()), ..Default::default() };
    let results = vec![SignalResult { target: Some(reached), ..Default::default() }];
    agent.signal.then(cut()).then([Step::Send(SignalProcessesResponse { results, ..Default::default() })]);
    agent.status.then(up_for(1_000));
    control.signal(&target(), Signal::Hup).request_id("mine").await.unwrap();
    let asked: Vec<_> = agent.signal.asked().iter().map(|call| call.message.request_id.clone()).collect();
    assert_eq!(asked, ["mine", "mine"]);

    agent.update.then(cut()).then([Step::Send(UpdateProcessResponse::default())]);
    agent.status.then(up_for(1_000));
    control.update(&target()).nice(3).await.unwrap().check().unwrap();
    assert_eq!(agent.update.asked().len(), 2);
}

#[tokio::test]
async fn an_agent_that_was_started_since_is_not_asked_again() {
    let just_started = up_for(0);
    let silent = [Step::Fail(Status::permission_denied("no"))];
    let hasty = [Step::Send(GetStatusResponse::default())];
    for status in [&just_started[..], &silent, &hasty] {
        let agent = FakeAgent::default();
        agent.terminate.then(cut());
        agent.status.then(status.to_vec());
        let error = agent.client().control().terminate(&target()).request_id("r-7").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        assert!(error.advice().unwrap().contains("r-7"), "{error}");
        assert_eq!((agent.terminate.asked().len(), agent.status.asked().len()), (1, 1));
    }
}

#[tokio::test]
async fn an_agent_that_cannot_be_reached_again_is_not_asked_again() {
    let agent = FakeAgent::default();
    agent.signal.then([Step::Pause(Duration::from_millis(50)), Step::Cut, Step::Hang]);
    let client = agent.client();
    let lines = agent.lines.clone();
    let asking = tokio::spawn(async move { client.control().kill(&target()).await });
    while agent.signal.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    lines.refuse(true);
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "the first failure says what is known");
    assert_eq!(agent.signal.asked().len(), 1);
}

#[tokio::test]
async fn a_second_break_is_the_last() {
    let agent = FakeAgent::default();
    agent.signal.then(cut()).then(cut());
    agent.status.then(up_for(1_000));
    let error = agent.client().control().kill(&target()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(error.advice().unwrap().contains("audit"), "{error}");
    assert_eq!(agent.signal.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_agent_may_have_forgotten_is_not_asked_for_again() {
    let agent = FakeAgent::default();
    agent.terminate.then([Step::Pause(Duration::from_secs(9 * 60 + 1)), Step::Cut, Step::Hang]);
    agent.status.then(up_for(100_000));
    let patience = Duration::from_secs(3_000);
    let error = agent.client().control().terminate(&target()).timeout(patience).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(agent.terminate.asked().len(), 1);
}

#[tokio::test]
async fn a_termination_is_taken_up_at_the_step_that_comes_next() {
    let agent = FakeAgent::default();
    let signalled = progress(1, terminate_progress::Step::Signalled(sent(Signal::Term)));
    agent.terminate.then([plan(false), signalled, Step::Cut, Step::Hang]).then(ended());
    agent.status.then(up_for(1_000));
    let mut termination = agent.client().control().terminate(&target()).await.unwrap();
    let mut steps = Vec::new();
    while let Some(event) = termination.next().await.unwrap() {
        steps.push(event.step);
    }
    assert!(matches!(steps[..], [TerminateStep::Signalled { .. }, TerminateStep::Exited(_)]), "{steps:?}");
    assert_eq!(agent.terminate.asked().len(), 2);

    // And not for ever.
    agent.terminate.then([plan(false), Step::Cut, Step::Hang]);
    for _ in 0..3 {
        agent.terminate.then([plan(false), Step::Cut, Step::Hang]);
        agent.status.then(up_for(1_000));
    }
    let error = agent.client().control().terminate(&target()).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(agent.terminate.asked().len(), 2 + 4);
}
