//! Lists: whole, in chunks, cut short, dropped.

use std::time::Duration;

use procwire_client::ErrorKind;
use procwire_client::v1::{ListProcessesHeader, ListProcessesResponse, ListProcessesSummary, Process, SampleTime};
use tonic::Status;

use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn header() -> ListProcessesResponse {
    let sampled = SampleTime { monotonic_ns: 7, ..Default::default() };
    let header = ListProcessesHeader { sampled: Some(sampled), ..Default::default() };
    ListProcessesResponse { header: Some(header), ..Default::default() }
}

fn rows(pids: &[u32]) -> ListProcessesResponse {
    let processes = pids.iter().map(|&pid| Process { pid, ..Default::default() }).collect();
    ListProcessesResponse { processes, ..Default::default() }
}

fn summary(returned: u32) -> ListProcessesResponse {
    let summary = ListProcessesSummary { returned, ..Default::default() };
    ListProcessesResponse { summary: Some(summary), ..Default::default() }
}

#[tokio::test]
async fn a_list_is_put_together_from_its_chunks() {
    let agent = FakeAgent::default();
    let mut first = rows(&[1, 2]);
    first.header = header().header;
    agent.list.then([Step::Send(first), Step::Send(rows(&[3])), Step::Send(rows(&[])), Step::Send(summary(3))]);
    let list = agent.client().processes().list().fields(["pid", "memory"]).limit(9).await.unwrap();
    assert_eq!(list.processes.iter().map(|process| process.pid).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(list.header.sampled.unwrap().monotonic_ns, 7);
    assert_eq!(list.summary.returned, 3);

    let asked = &agent.list.asked()[0].message;
    assert_eq!(asked.read_mask.as_ref().unwrap().paths, ["pid", "memory"]);
    assert_eq!(asked.limit, 9);
}

#[tokio::test]
async fn a_short_list_comes_as_one_message() {
    let agent = FakeAgent::default();
    let mut only = rows(&[1]);
    (only.header, only.summary) = (header().header, summary(1).summary);
    agent.list.then([Step::Send(only)]);
    let list = agent.client().processes().list().await.unwrap();
    assert_eq!((list.processes.len(), list.summary.returned), (1, 1));
}

#[tokio::test]
async fn a_stream_hands_out_rows_as_they_come() {
    let agent = FakeAgent::default();
    agent.list.then([Step::Send(header()), Step::Send(rows(&[1])), Step::Send(rows(&[2, 3])), Step::Send(summary(3))]);
    let mut stream = agent.client().processes().list().stream().await.unwrap();
    assert_eq!(stream.header().sampled.as_ref().unwrap().monotonic_ns, 7);
    assert!(stream.summary().is_none());
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 1);
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 2);
    assert!(stream.summary().is_none());
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.summary().unwrap().returned, 3);
    assert_eq!(stream.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_list_without_its_summary_was_cut_short() {
    let agent = FakeAgent::default();
    agent.list.then([Step::Send(header()), Step::Send(rows(&[1, 2]))]).then([]);
    let client = agent.client();
    let error = client.processes().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CutShort);
    let error = client.processes().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CutShort);
}

#[tokio::test]
async fn a_list_that_fails_midway_gives_its_rows_and_then_the_error() {
    let agent = FakeAgent::default();
    agent.list.then([Step::Send(header()), Step::Send(rows(&[1])), Step::Fail(Status::internal("read /proc"))]);
    let mut stream = agent.client().processes().list().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap()[0].pid, 1);
    assert_eq!(stream.next().await.unwrap_err().kind(), ErrorKind::AgentFailed);
    assert_eq!(stream.next().await.unwrap(), None);
    assert!(stream.summary().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_whole_list() {
    let agent = FakeAgent::default();
    agent.list.then([Step::Send(header()), Step::Pause(Duration::from_secs(40)), Step::Send(summary(0))]);
    let error = agent.client().processes().list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);

    let with_window = Duration::from_secs(20);
    agent.list.then([Step::Send(header()), Step::Pause(Duration::from_secs(40)), Step::Send(summary(0))]);
    agent.client().processes().list().usage_window(with_window).await.unwrap();
}

#[tokio::test]
async fn dropping_a_stream_ends_it_at_the_agent() {
    let agent = FakeAgent::default();
    agent.list.then([Step::Send(header()), Step::Send(rows(&[1])), Step::Hang]);
    let mut stream = agent.client().processes().list().stream().await.unwrap();
    stream.next().await.unwrap();
    drop(stream);
    agent.list.hung_up(1).await;
}

#[tokio::test]
async fn dropping_a_future_ends_the_call_at_the_agent() {
    let agent = FakeAgent::default();
    agent.get_process.then([Step::Hang]);
    let client = agent.client();
    let call = tokio::spawn(client.processes().get(1).into_future());
    while agent.get_process.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    call.abort();
    agent.get_process.hung_up(1).await;
}
