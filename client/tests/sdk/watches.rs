//! Watches: events in order, breaks reported and mended, ends for good.

use std::time::Duration;

use procwire_client::v1::{
    Goodbye, GoodbyeReason, Heartbeat, Loss, SampleTime, StreamHeader, System, WatchSystemResponse,
    watch_system_response,
};
use procwire_client::{ErrorKind, SystemEvent, SystemWatch, WireDuration};
use tokio::time::{Instant, timeout};
use tonic::Status;

use crate::fake_agent::FakeAgent;
use crate::script::Step;
use watch_system_response::Event;

fn message(seq: u64, event: Event) -> Step<WatchSystemResponse> {
    Step::Send(WatchSystemResponse { seq, event: Some(event) })
}

fn header() -> Step<WatchSystemResponse> {
    let interval = Some(WireDuration { seconds: 1, nanos: 0 });
    message(1, Event::Header(StreamHeader { stream_id: "s".into(), interval, ..Default::default() }))
}

fn sample(seq: u64) -> Step<WatchSystemResponse> {
    let sampled = Some(SampleTime { monotonic_ns: seq * 1_000, ..Default::default() });
    message(seq, Event::Sample(System { sampled, ..Default::default() }))
}

fn goodbye(reason: GoodbyeReason, retry_after: Option<i64>) -> Step<WatchSystemResponse> {
    let retry_after = retry_after.map(|seconds| WireDuration { seconds, nanos: 0 });
    message(9, Event::Goodbye(Goodbye { reason: reason.into(), retry_after, resume_token: Vec::new() }))
}

async fn next(watch: &mut SystemWatch) -> SystemEvent {
    watch.next().await.unwrap().expect("the watch ended")
}

async fn expect_header(watch: &mut SystemWatch) {
    let event = next(watch).await;
    assert!(matches!(event, SystemEvent::Header(_)), "{event:?}");
}

async fn expect_sample(watch: &mut SystemWatch, expected: u64) {
    let event = next(watch).await;
    assert!(matches!(event, SystemEvent::Sample { seq, .. } if seq == expected), "{event:?}");
}

#[tokio::test]
async fn events_come_in_order_and_typed() {
    let agent = FakeAgent::default();
    agent.watch.then([
        header(),
        sample(2),
        message(3, Event::Heartbeat(Heartbeat::default())),
        message(4, Event::Loss(Loss { count: 5, first_seq: 5, last_seq: 9 })),
        Step::Send(WatchSystemResponse { seq: 10, event: None }),
        goodbye(GoodbyeReason::Complete, None),
    ]);
    let mut watch =
        agent.client().system().watch().fields(["memory"]).interval(Duration::from_millis(250)).await.unwrap();
    assert_eq!(watch.header().stream_id, "s");
    expect_header(&mut watch).await;
    expect_sample(&mut watch, 2).await;
    assert!(matches!(next(&mut watch).await, SystemEvent::Heartbeat(_)));
    assert!(matches!(next(&mut watch).await, SystemEvent::Loss(loss) if loss.count == 5));
    assert!(matches!(next(&mut watch).await, SystemEvent::Goodbye(_)));
    assert!(watch.next().await.unwrap().is_none());
    assert!(watch.next().await.unwrap().is_none());

    let asked = &agent.watch.asked()[0];
    assert_eq!(asked.message.read_mask.as_ref().unwrap().paths, ["memory"]);
    assert_eq!(asked.message.interval.as_ref().unwrap().nanos, 250_000_000);
    assert!(asked.metadata.get("grpc-timeout").is_none(), "a watch has no deadline");
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_opens_itself_again_and_reports_the_gap() {
    let agent = FakeAgent::default();
    agent
        .watch
        .then([header(), sample(2), sample(3), Step::Cut, Step::Hang])
        .then([Step::Fail(Status::unavailable("starting"))])
        .then([header(), sample(2), Step::Hang]);
    let mut watch = agent.client().system().watch().await.unwrap();
    expect_header(&mut watch).await;
    expect_sample(&mut watch, 2).await;
    expect_sample(&mut watch, 3).await;

    let SystemEvent::Interrupted(first) = next(&mut watch).await else { panic!("no interruption") };
    assert_eq!((first.error.kind(), first.failures), (ErrorKind::ConnectionLost, 1));
    assert!(first.retry_in <= Duration::from_millis(500), "{:?}", first.retry_in);
    let SystemEvent::Interrupted(second) = next(&mut watch).await else { panic!("no second interruption") };
    assert_eq!((second.error.kind(), second.failures), (ErrorKind::Unavailable, 2));
    assert!(second.retry_in <= Duration::from_secs(1), "{:?}", second.retry_in);

    let SystemEvent::Gap(gap) = next(&mut watch).await else { panic!("no gap") };
    assert_eq!((gap.last_seq, gap.failed_attempts, gap.resumed), (Some(3), 1, false));
    assert_eq!(gap.last_sample.unwrap().monotonic_ns, 3_000);
    assert!(gap.down_for >= first.retry_in + second.retry_in, "{:?}", gap.down_for);
    expect_header(&mut watch).await;
    expect_sample(&mut watch, 2).await;
    assert_eq!(agent.lines.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_is_given_up_after_thirty_seconds_and_the_interval() {
    let agent = FakeAgent::default();
    agent.watch.then([header(), sample(2), Step::Hang]).then([header(), sample(2), Step::Hang]);
    let mut watch = agent.client().system().watch().await.unwrap();
    expect_header(&mut watch).await;
    expect_sample(&mut watch, 2).await;
    let heard = Instant::now();
    let SystemEvent::Interrupted(interruption) = next(&mut watch).await else { panic!("no interruption") };
    assert_eq!(interruption.error.kind(), ErrorKind::ConnectionLost);
    let silence = heard.elapsed();
    assert!((Duration::from_millis(30_900)..Duration::from_millis(31_100)).contains(&silence), "{silence:?}");
    assert!(matches!(next(&mut watch).await, SystemEvent::Gap(_)));
    assert_eq!(agent.lines.made(), 2, "the silent connection is not used again");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_a_watch_open() {
    let agent = FakeAgent::default();
    let beat = |seq| [Step::Pause(Duration::from_secs(15)), message(seq, Event::Heartbeat(Heartbeat::default()))];
    agent.watch.then([header()].into_iter().chain((2..20).flat_map(beat)).chain([sample(20), Step::Hang]));
    let mut watch = agent.client().system().watch().await.unwrap();
    expect_header(&mut watch).await;
    for _ in 2..20 {
        assert!(matches!(next(&mut watch).await, SystemEvent::Heartbeat(_)));
    }
    expect_sample(&mut watch, 20).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_away_finds_what_came_meanwhile() {
    let agent = FakeAgent::default();
    agent.watch.then([header(), sample(2), Step::Pause(Duration::from_secs(5)), sample(3), Step::Hang]);
    let mut watch = agent.client().system().watch().await.unwrap();
    expect_header(&mut watch).await;
    expect_sample(&mut watch, 2).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    expect_sample(&mut watch, 3).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_next_loses_no_event() {
    let agent = FakeAgent::default();
    let pause = || Step::Pause(Duration::from_millis(1_500));
    agent.watch.then([header(), pause(), sample(2), Step::Cut, Step::Hang]).then([
        Step::Pause(Duration::from_secs(3)),
        header(),
        pause(),
        sample(2),
        Step::Hang,
    ]);
    let mut watch = agent.client().system().watch().await.unwrap();
    let mut events = Vec::new();
    while events.len() < 6 {
        if let Ok(event) = timeout(Duration::from_millis(10), watch.next()).await {
            events.push(event.unwrap().unwrap());
        }
    }
    let names: Vec<_> = events
        .iter()
        .map(|event| match event {
            SystemEvent::Header(_) => "header",
            SystemEvent::Sample { .. } => "sample",
            SystemEvent::Interrupted(_) => "interrupted",
            SystemEvent::Gap(_) => "gap",
            _ => "other",
        })
        .collect();
    assert_eq!(names, ["header", "sample", "interrupted", "gap", "header", "sample"]);
    assert_eq!(agent.watch.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_for_a_while_is_waited_out() {
    let agent = FakeAgent::default();
    agent.watch.then([header(), sample(2), goodbye(GoodbyeReason::ShuttingDown, Some(20))]).then([
        header(),
        sample(2),
        Step::Hang,
    ]);
    let mut watch = agent.client().system().watch().await.unwrap();
    expect_header(&mut watch).await;
    expect_sample(&mut watch, 2).await;
    assert!(matches!(next(&mut watch).await, SystemEvent::Goodbye(_)));
    let SystemEvent::Gap(gap) = next(&mut watch).await else { panic!("no gap") };
    assert!((Duration::from_secs(20)..Duration::from_secs(21)).contains(&gap.down_for), "{:?}", gap.down_for);
    assert_eq!(gap.failed_attempts, 0);
    expect_header(&mut watch).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_only_says_goodbye_is_asked_less_and_less_often() {
    let agent = FakeAgent::default();
    for _ in 0..12 {
        agent.watch.then([header(), goodbye(GoodbyeReason::ConnectionAge, None)]);
    }
    agent.watch.then([header(), Step::Hang]);
    let mut watch = agent.client().system().watch().await.unwrap();
    let began = Instant::now();
    while agent.watch.asked().len() < 13 {
        next(&mut watch).await;
    }
    // Eleven draws under bounds of 1, 2, 4, 8, 16 and six times 30 s: less than 5 s in all has a probability below 1e-8.
    assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_ends_a_watch() {
    for status in [Status::permission_denied("x"), Status::invalid_argument("x"), Status::unimplemented("x")] {
        let agent = FakeAgent::default();
        agent.watch.then([header(), sample(2), Step::Fail(status.clone())]);
        let mut watch = agent.client().system().watch().await.unwrap();
        expect_header(&mut watch).await;
        expect_sample(&mut watch, 2).await;
        watch.next().await.unwrap_err();
        assert!(watch.next().await.unwrap().is_none());

        let agent = FakeAgent::default();
        agent.watch.then([Step::Fail(status)]);
        agent.client().system().watch().await.unwrap_err();
    }
    let agent = FakeAgent::default();
    agent.watch.then([header(), goodbye(GoodbyeReason::AccessRevoked, None)]);
    let mut watch = agent.client().system().watch().await.unwrap();
    expect_header(&mut watch).await;
    assert!(matches!(next(&mut watch).await, SystemEvent::Goodbye(_)));
    assert!(watch.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn reconnecting_can_be_switched_off() {
    let agent = FakeAgent::default();
    agent
        .watch
        .then([header(), Step::Cut, Step::Hang])
        .then([header(), goodbye(GoodbyeReason::ShuttingDown, Some(1))])
        .then([header()]);
    let client = agent.client();
    let open = || client.system().watch().reconnect(false).into_future();

    let mut broken = open().await.unwrap();
    expect_header(&mut broken).await;
    assert_eq!(broken.next().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
    assert!(broken.next().await.unwrap().is_none());

    let mut stopped = open().await.unwrap();
    expect_header(&mut stopped).await;
    assert!(matches!(next(&mut stopped).await, SystemEvent::Goodbye(_)));
    assert!(stopped.next().await.unwrap().is_none());

    let mut closed = open().await.unwrap();
    expect_header(&mut closed).await;
    assert_eq!(closed.next().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
}

#[tokio::test]
async fn dropping_a_watch_ends_it_at_the_agent() {
    let agent = FakeAgent::default();
    agent.watch.then([header(), Step::Hang]);
    drop(agent.client().system().watch().await.unwrap());
    agent.watch.hung_up(1).await;
}

#[tokio::test]
async fn a_stream_without_a_header_is_not_an_agents() {
    let agent = FakeAgent::default();
    agent.watch.then([sample(1), Step::Hang]);
    assert_eq!(agent.client().system().watch().await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn an_agent_names_its_heartbeat() {
    let agent = FakeAgent::default();
    let heartbeat_interval = Some(WireDuration { seconds: 3, nanos: 0 });
    let interval = Some(WireDuration { seconds: 3600, nanos: 0 });
    let header = Event::Header(StreamHeader { interval, heartbeat_interval, ..Default::default() });
    agent.watch.then([message(1, header), Step::Hang]);
    let mut watch = agent.client().system().watch().reconnect(false).await.unwrap();
    expect_header(&mut watch).await;
    let heard = Instant::now();
    assert_eq!(watch.next().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
    let silence = heard.elapsed();
    assert!((Duration::from_millis(5_900)..Duration::from_millis(6_100)).contains(&silence), "{silence:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_with_a_history_is_given_its_token_back() {
    let agent = FakeAgent::default();
    let header = |resume_token: &[u8], resumed| {
        Event::Header(StreamHeader { resumed, resume_token: resume_token.to_vec(), ..Default::default() })
    };
    let beat = Event::Heartbeat(Heartbeat { resume_token: b"beat".to_vec(), ..Default::default() });
    agent
        .watch
        .then([message(1, header(b"first", false)), sample(5), Step::Cut, Step::Hang])
        .then([message(6, header(b"second", true)), sample(7), message(8, beat), Step::Cut, Step::Hang])
        .then([message(1, header(b"", false)), sample(2), Step::Cut, Step::Hang])
        .then([message(1, header(b"", false)), Step::Hang]);
    let mut watch = agent.client().system().watch().await.unwrap();
    let mut resumed = Vec::new();
    while resumed.len() < 3 {
        if let SystemEvent::Gap(gap) = next(&mut watch).await {
            resumed.push(gap.resumed);
        }
    }
    assert_eq!(resumed, [true, false, false]);
    let asked = agent.watch.asked();
    let given: Vec<_> = asked
        .iter()
        .map(|call| (String::from_utf8_lossy(&call.message.resume_token).into_owned(), call.message.resume_after_seq))
        .collect();
    let expected = [("", 0), ("first", 5), ("beat", 8), ("", 0)];
    assert_eq!(given, expected.map(|(token, seq)| (token.to_owned(), seq)));
}
