//! Reads are tried again, within bounds; what acts never is.

use std::collections::HashMap;
use std::time::Duration;

use procwire_client::v1::{
    GetProcessResponse, ListProcessesHeader, ListProcessesResponse, ListProcessesSummary, ProcessRef,
};
use procwire_client::{Client, ErrorKind};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn unavailable<Answer>() -> [Step<Answer>; 1] {
    [Step::Fail(Status::unavailable("starting"))]
}

fn unavailable_for<Answer>(time: Duration) -> [Step<Answer>; 1] {
    let mut details = ErrorDetails::with_error_info("SHUTTING_DOWN", "procwire", HashMap::new());
    details.set_retry_info(Some(time));
    [Step::Fail(Status::with_error_details(Code::Unavailable, "stopping", details))]
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_three_times_in_all() {
    let agent = FakeAgent::default();
    agent.get_process.then(unavailable()).then(unavailable()).then([Step::Send(GetProcessResponse::default())]);
    agent.client().processes().get(1).await.unwrap();
    assert_eq!(agent.get_process.asked().len(), 3);

    agent.get_process.then(unavailable()).then(unavailable()).then(unavailable());
    let error = agent.client().processes().get(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(agent.get_process.asked().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn only_unavailability_is_worth_another_try() {
    for status in [
        Status::internal("x"),
        Status::deadline_exceeded("x"),
        Status::resource_exhausted("x"),
        Status::permission_denied("x"),
        Status::aborted("x"),
    ] {
        let agent = FakeAgent::default();
        agent.get_process.then([Step::Fail(status)]);
        agent.client().processes().get(1).await.unwrap_err();
        assert_eq!(agent.get_process.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_agent_says_when_to_come_back() {
    let agent = FakeAgent::default();
    agent.get_system.then(unavailable_for(Duration::from_secs(4))).then([Step::Send(Default::default())]);
    let began = Instant::now();
    agent.client().system().get().await.unwrap();
    let waited = began.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_millis(4_200)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn no_try_is_made_that_the_deadline_would_cut_off() {
    let agent = FakeAgent::default();
    agent.get_system.then(unavailable_for(Duration::from_secs(60)));
    let began = Instant::now();
    let error = agent.client().system().get().await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(Duration::from_secs(60))));
    assert!(began.elapsed() < Duration::from_secs(1), "there is nothing to wait for");
    assert_eq!(agent.get_system.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_tried_again_at_its_start_and_never_later() {
    let agent = FakeAgent::default();
    let header = ListProcessesResponse { header: Some(ListProcessesHeader::default()), ..Default::default() };
    let summary = ListProcessesResponse { summary: Some(ListProcessesSummary::default()), ..Default::default() };
    agent.list.then(unavailable()).then([Step::Send(header.clone()), Step::Send(summary)]);
    agent.client().processes().list().await.unwrap();
    assert_eq!(agent.list.asked().len(), 2);

    agent.list.then([Step::Send(header), Step::Fail(Status::unavailable("stopping"))]);
    let error = agent.client().processes().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(agent.list.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_acts_is_sent_once() {
    let agent = FakeAgent::default();
    let client = agent.client();
    let target = ProcessRef { pid: 1, start_ticks: 2, ..Default::default() };

    agent.terminate.then(unavailable());
    let error = client.control().terminate(&target).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(agent.terminate.asked().len(), 1);

    agent.signal.then(unavailable());
    client.control().kill(&target).await.unwrap_err();
    assert_eq!(agent.signal.asked().len(), 1);

    agent.update.then(unavailable());
    client.control().update(&target).nice(1).await.unwrap_err();
    assert_eq!(agent.update.asked().len(), 1);

    agent.wait.then(unavailable());
    client.control().wait(&target).await.unwrap_err();
    assert_eq!(agent.wait.asked().len(), 1);

    agent.wait_many.then(unavailable());
    client.control().wait_many([&target]).await.unwrap_err();
    assert_eq!(agent.wait_many.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_outlives_a_broken_connection_and_a_refused_one() {
    let agent = FakeAgent::default();
    agent.get_process.then([Step::Cut, Step::Hang]).then([Step::Send(GetProcessResponse::default())]);
    agent.client().processes().get(1).await.unwrap();
    assert_eq!(agent.get_process.asked().len(), 2);

    agent.lines.refuse(true);
    let before = agent.lines.made();
    let error = agent.client().processes().get(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(agent.lines.made() - before, 3);
}

#[tokio::test]
async fn the_number_of_tries_can_be_set() {
    // Nothing listens there: the port was free a moment ago and is ours no more.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let authority = crate::authority::Authority::new("test");
    let client = Client::builder(format!("127.0.0.1:{port}")).ca_pem(authority.pem()).read_attempts(1).build().unwrap();
    let error = client.agent().info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}
