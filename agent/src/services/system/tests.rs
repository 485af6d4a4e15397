#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use procwire_proto::{
    Duration as WireDuration, FieldMask,
    v1::{GoodbyeReason, WatchSystemResponse, system_service_server::SystemService as _},
};
use tokio_stream::StreamExt as _;

use super::*;
use crate::{
    access::Role,
    counters::Counters,
    services::testing::{context, pool, request_of},
    shutdown::{Ending, ShutdownTrigger},
};

struct Fixture {
    service: SystemService,
    counters: Arc<Counters>,
    trigger: ShutdownTrigger,
}

fn fixture() -> Fixture {
    let (context, trigger) = context();
    let counters = Arc::clone(&context.counters);
    let pool = pool(&context);
    Fixture { service: SystemService::new(context, pool), counters, trigger }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

fn every(milliseconds: i32) -> Option<WireDuration> {
    Some(WireDuration { seconds: (milliseconds / 1000).into(), nanos: milliseconds % 1000 * 1_000_000 })
}

impl Fixture {
    async fn watch(&self, milliseconds: i32) -> Decoded<Outgoing, WatchSystemResponse> {
        let request = WatchSystemRequest {
            read_mask: mask(&["cpu", "memory.available_bytes"]),
            interval: every(milliseconds),
            resume_token: Vec::new(),
            resume_after_seq: 0,
        };
        self.service.watch_system(request_of(Role::Reader, request)).await.unwrap().into_inner()
    }
}

impl Fixture {
    async fn until_nothing_runs(&self) {
        while self.counters.streams.get() > 0 || self.counters.samplers.get() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn next(stream: &mut Decoded<Outgoing, WatchSystemResponse>) -> (u64, Event) {
    let message = stream.next().await.unwrap().unwrap();
    (message.seq, message.event.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_a_header_then_samples_with_rates_from_the_second_on() {
    let fixture = fixture();
    let mut stream = fixture.watch(100).await;
    let (seq, Event::Header(header)) = next(&mut stream).await else { panic!("no header") };
    assert_eq!((seq, header.interval), (1, every(100)));
    assert!(header.effective_mask.unwrap().paths.contains(&"memory.available_bytes".to_owned()));
    let (seq, Event::Sample(first)) = next(&mut stream).await else { panic!("no sample") };
    assert_eq!((seq, first.cpu.unwrap().usage), (2, None));
    let (seq, Event::Sample(second)) = next(&mut stream).await else { panic!("no sample") };
    assert_eq!(seq, 3);
    assert!(second.cpu.unwrap().times.is_some());
    assert!(second.sampled.unwrap().monotonic_ns > first.sampled.unwrap().monotonic_ns);
    assert_eq!((fixture.counters.streams.get(), fixture.counters.samplers.get()), (1, 1));
    let shares = fixture.watch(100).await;
    assert_eq!((fixture.counters.streams.get(), fixture.counters.samplers.get()), (2, 1));
    drop((stream, shares));
    fixture.until_nothing_runs().await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_heartbeats() {
    let fixture = fixture();
    let mut stream = fixture.watch(3_600_000).await;
    next(&mut stream).await;
    next(&mut stream).await;
    for expected_seq in 3..6 {
        let before = tokio::time::Instant::now();
        let (seq, Event::Heartbeat(heartbeat)) = next(&mut stream).await else { panic!("no heartbeat") };
        assert_eq!(seq, expected_seq);
        assert!(heartbeat.time.is_some() && heartbeat.resume_token.is_empty());
        let silence = before.elapsed();
        assert!(silence >= Duration::from_secs(14) && silence <= Duration::from_millis(15_001), "{silence:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_once_what_it_lost_and_seq_has_no_gap() {
    let fixture = fixture();
    let mut slow = fixture.watch(100).await;
    let mut quick = fixture.watch(100).await;
    for _ in 0..41 {
        next(&mut quick).await;
    }
    // The quick one has seen its header and 40 samples; 16 are kept.
    let (_, Event::Header(_)) = next(&mut slow).await else { panic!("no header") };
    let (seq, Event::Loss(loss)) = next(&mut slow).await else { panic!("no loss") };
    assert_eq!((loss.count, loss.first_seq, loss.last_seq, seq), (24, 2, 25, 26));
    let (seq, Event::Sample(_)) = next(&mut slow).await else { panic!("no sample") };
    assert_eq!(seq, 27);
    assert_eq!(fixture.counters.messages_lost.get(), 24);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_off_and_its_sampler_stops() {
    let fixture = fixture();
    let mut stream = fixture.watch(1_000).await;
    let lag = fixture.service.context.config.limits.stream_lag;
    tokio::time::sleep(lag + Duration::from_secs(1)).await;
    fixture.until_nothing_runs().await;
    let (_, Event::Header(_)) = next(&mut stream).await else { panic!("no header") };
    assert_eq!(stream.next().await.unwrap().unwrap_err().code(), tonic::Code::DataLoss);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_end_is_said_goodbye_to() {
    for (ending, reason) in
        [(Ending::Agent, GoodbyeReason::ShuttingDown), (Ending::ConnectionAge, GoodbyeReason::ConnectionAge)]
    {
        let fixture = fixture();
        let mut stream = fixture.watch(3_600_000).await;
        next(&mut stream).await;
        fixture.trigger.fire(ending);
        let (_, Event::Goodbye(goodbye)) = next(&mut stream).await else { panic!("no goodbye") };
        assert_eq!(goodbye.reason(), reason);
        assert!(goodbye.retry_after.is_some());
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_snapshot_with_a_window_has_rates() {
    let fixture = fixture();
    let get = |usage_window| {
        let request = GetSystemRequest { read_mask: mask(&["cpu.usage", "memory.total_bytes"]), usage_window };
        fixture.service.get_system(request_of(Role::Reader, request))
    };
    let system = get(None).await.unwrap().into_inner().system.unwrap();
    assert!(system.memory.unwrap().total_bytes.unwrap() > 0);
    assert!(system.cpu.is_none_or(|cpu| cpu.usage.is_none()));
    let response = get(every(50)).await.unwrap().into_inner();
    let usage = response.system.unwrap().cpu.unwrap().usage.unwrap();
    assert!(usage.window_ns >= 50_000_000, "{usage:?}");
    assert_eq!(response.effective_mask, mask(&["cpu.usage", "memory.total_bytes"]));
}

#[tokio::test]
async fn nobody_is_answered_without_a_principal() {
    let fixture = fixture();
    let Err(status) = fixture.service.watch_system(Request::new(WatchSystemRequest::default())).await else {
        panic!("answered")
    };
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    let status = fixture.service.get_system(Request::new(GetSystemRequest::default())).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
}
