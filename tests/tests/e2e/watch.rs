//! Streams of samples.

use std::{future::poll_fn, pin::Pin, time::Duration};

use procwire_client::{Client, ErrorKind, SystemEvent, SystemWatch};
use procwire_proto::v1::{ErrorReason, GoodbyeReason, System};
use procwire_tests::{
    Agent, Role,
    waiting::{eventually_async, within_patience},
};

const SHORT: Duration = Duration::from_millis(100);

async fn open(client: &Client, fields: &[&str], interval: Duration) -> SystemWatch {
    client.system().watch().fields(fields.iter().copied()).interval(interval).reconnect(false).await.unwrap()
}

async fn next(watch: &mut SystemWatch) -> SystemEvent {
    within_patience("the next event", watch.next()).await.unwrap().expect("the stream ended")
}

async fn next_sample(watch: &mut SystemWatch) -> (u64, System) {
    loop {
        if let SystemEvent::Sample { seq, system } = next(watch).await {
            return (seq, *system);
        }
    }
}

#[tokio::test]
async fn a_stream_begins_with_what_was_granted_and_goes_on_with_numbered_samples_and_rates() {
    let agent = Agent::start();
    let mut watch = open(&agent.client(Role::Reader), &["cpu", "memory"], SHORT).await;
    let SystemEvent::Header(header) = next(&mut watch).await else { panic!("no header") };
    assert_eq!(header.interval.unwrap(), prost_types::Duration { seconds: 0, nanos: 100_000_000 });
    assert!(header.effective_mask.unwrap().paths.iter().any(|path| path.starts_with("memory")));
    assert!(!header.stream_id.is_empty() && !header.resumed);
    let opened = header.opened.unwrap();

    let (mut last_seq, first) = next_sample(&mut watch).await;
    assert!(first.memory.is_some() && first.disks.is_empty());
    let mut last = first.sampled.unwrap();
    assert!(last.nanoseconds_since(&opened).is_some() || opened.nanoseconds_since(&last).is_some(), "another boot id");
    for _ in 0..5 {
        let (seq, sample) = next_sample(&mut watch).await;
        assert!(seq > last_seq, "{seq} after {last_seq}");
        let usage = sample.cpu.unwrap().usage.expect("a second sample has shares");
        let sampled = sample.sampled.unwrap();
        let since = sampled.nanoseconds_since(&last).unwrap();
        assert!(since > 0 && usage.window_ns > 0, "{since} {usage:?}");
        (last_seq, last) = (seq, sampled);
    }
}

#[tokio::test]
async fn readers_of_the_same_thing_at_the_same_pace_share_one_sampler_and_it_stops_with_the_last() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let mut watches = Vec::new();
    for _ in 0..3 {
        let mut watch = open(&client, &["load"], SHORT).await;
        next_sample(&mut watch).await;
        watches.push(watch);
    }
    let mut other = open(&client, &["load"], SHORT * 2).await;
    next_sample(&mut other).await;
    let status = client.agent().status().await.unwrap();
    assert_eq!((status.streams, status.samplers), (4, 2));
    drop((watches, other));
    eventually_async("the samplers to stop", || async {
        let status = client.agent().status().await.unwrap();
        (status.streams == 0 && status.samplers == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_with_nothing_to_say_has_a_heartbeat() {
    let agent = Agent::options().set("limits.heartbeat_interval", "1s").start();
    let mut watch = open(&agent.client(Role::Reader), &["load"], Duration::from_secs(3600)).await;
    loop {
        if let SystemEvent::Heartbeat(heartbeat) = next(&mut watch).await {
            assert!(heartbeat.time.unwrap().monotonic_ns > 0);
            break;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_too_old_ends_with_a_goodbye_and_the_sdk_comes_back_by_itself() {
    let agent = Agent::options().set("limits.connection_age", "2s").set("limits.connection_age_grace", "1s").start();
    let client = agent.client(Role::Reader);
    let mut watch = client.system().watch().fields(["load"]).interval(SHORT).await.unwrap();
    let mut goodbye = None;
    loop {
        match next(&mut watch).await {
            SystemEvent::Goodbye(said) => goodbye = Some(said),
            SystemEvent::Gap(gap) => {
                assert!(!gap.resumed);
                break;
            }
            SystemEvent::Interrupted(interruption) => panic!("{interruption:?}"),
            _ => {}
        }
    }
    assert_eq!(goodbye.unwrap().reason(), GoodbyeReason::ConnectionAge);
    next_sample(&mut watch).await;
}

#[tokio::test]
async fn an_interval_out_of_range_is_refused_by_name() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    for interval in [Duration::from_millis(1), Duration::ZERO, Duration::from_secs(7200)] {
        let error = client.system().watch().interval(interval).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.reason()),
            (ErrorKind::InvalidRequest, Some(ErrorReason::InvalidRequest)),
            "{error}"
        );
        assert_eq!(error.field(), Some("interval"), "{error}");
    }
}

#[tokio::test]
async fn a_watch_is_a_stream_too() {
    let agent = Agent::start();
    let mut watch = open(&agent.client(Role::Reader), &["load"], SHORT).await;
    let first = poll_fn(|context| tokio_stream::Stream::poll_next(Pin::new(&mut watch), context)).await;
    assert!(matches!(first, Some(Ok(SystemEvent::Header(_)))), "{first:?}");
}

#[tokio::test]
async fn one_caller_may_not_open_streams_without_end() {
    let agent = Agent::options().set("limits.streams_per_principal", 2).start();
    let client = agent.client(Role::Reader);
    let _first = open(&client, &["load"], SHORT).await;
    let _second = open(&client, &["load"], SHORT).await;
    let error = client.system().watch().fields(["load"]).reconnect(false).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::LimitReached, Some(ErrorReason::LimitReached)), "{error}");
    let _another_callers = open(&agent.client(Role::Admin), &["load"], SHORT).await;
}
