#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::*;
use crate::{
    config::ServicesConfig,
    host_pool::{HostPoolLimits, LaneLimits},
};

const SECOND: Duration = Duration::from_secs(1);

fn limits(samplers: usize, samplers_per_principal: usize) -> ServiceLimits {
    ServiceLimits { samplers, samplers_per_principal, ..ServicesConfig::defaults().unwrap().limits }
}

fn samplers() -> Samplers<u8> {
    with_limits(64, 1000)
}

fn with_limits(in_all: usize, of_a_caller: usize) -> Samplers<u8> {
    let counters = Arc::<Counters>::default();
    let pool = Arc::new(HostPool::new(HostPoolLimits::default(), Arc::clone(&counters)));
    Samplers::new(&limits(in_all, of_a_caller), pool, counters)
}

/// Samples are 1, 2, 3; the first has no rates.
fn counting() -> Read {
    let number = AtomicU8::new(0);
    Box::new(move || {
        let number = number.fetch_add(1, Ordering::Relaxed) + 1;
        Sample { fields: Bytes::from(vec![number]), has_rates: number > 1 }
    })
}

fn must_not_start() -> Read {
    panic!("a second sampler was started")
}

#[tokio::test(start_paused = true)]
async fn who_watches_the_same_at_the_same_pace_shares_a_sampler() {
    let samplers = samplers();
    let mut first = samplers.subscribe("alice", 7, SECOND, Lane::Quick, counting).unwrap();
    let mut second = samplers.subscribe("alice", 7, SECOND, Lane::Quick, must_not_start).unwrap();
    let other_pace = samplers.subscribe("alice", 7, 2 * SECOND, Lane::Quick, counting).unwrap();
    let other_subject = samplers.subscribe("alice", 8, SECOND, Lane::Quick, counting).unwrap();
    assert_eq!(samplers.counters.samplers.get(), 3);
    for number in 1..=3 {
        let (one, two) = (first.samples.recv().await.unwrap(), second.samples.recv().await.unwrap());
        assert_eq!(one, [number].as_slice());
        assert_eq!(one.as_ptr(), two.as_ptr(), "encoded once");
    }
    drop((other_pace, other_subject));
    assert_eq!(samplers.counters.samplers.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_stops_with_the_last_and_starts_anew() {
    let samplers = samplers();
    let mut first = samplers.subscribe("alice", 7, SECOND, Lane::Quick, counting).unwrap();
    let second = samplers.subscribe("alice", 7, SECOND, Lane::Quick, must_not_start).unwrap();
    drop(second);
    assert_eq!(first.samples.recv().await.unwrap(), [1].as_slice());
    assert_eq!(first.samples.recv().await.unwrap(), [2].as_slice());
    let Subscription { mut samples, guard, .. } = first;
    drop(guard);
    assert_eq!(samples.recv().await, Err(RecvError::Closed));
    let mut anew = samplers.subscribe("alice", 7, SECOND, Lane::Quick, counting).unwrap();
    assert_eq!(anew.samples.recv().await.unwrap(), [1].as_slice());
}

#[tokio::test(start_paused = true)]
async fn who_joins_gets_the_last_sample_with_rates_at_once_and_never_twice() {
    let samplers = samplers();
    let mut first = samplers.subscribe("alice", 7, SECOND, Lane::Quick, counting).unwrap();
    assert!(first.latest.is_none());
    first.samples.recv().await.unwrap();
    assert!(
        samplers.subscribe("alice", 7, SECOND, Lane::Quick, must_not_start).unwrap().latest.is_none(),
        "it has no rates"
    );
    first.samples.recv().await.unwrap();
    let mut second = samplers.subscribe("alice", 7, SECOND, Lane::Quick, must_not_start).unwrap();
    assert_eq!(second.latest.unwrap(), [2].as_slice());
    assert_eq!(second.samples.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(second.samples.recv().await.unwrap(), [3].as_slice());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_samples_and_slows_nobody() {
    let samplers = samplers();
    let mut slow = samplers.subscribe("alice", 7, SECOND, Lane::Quick, counting).unwrap();
    let mut quick = samplers.subscribe("alice", 7, SECOND, Lane::Quick, must_not_start).unwrap();
    for number in 1..=20 {
        assert_eq!(quick.samples.recv().await.unwrap(), [number].as_slice());
    }
    assert_eq!(slow.samples.recv().await, Err(RecvError::Lagged(4)), "16 of 20 are kept");
    assert_eq!(slow.samples.recv().await.unwrap(), [5].as_slice());
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_panics_ends_the_streams_and_the_next_starts_anew() {
    let samplers = samplers();
    let panicking = || -> Read { Box::new(|| std::panic::resume_unwind(Box::new("odd file"))) };
    let mut failed = samplers.subscribe("alice", 7, SECOND, Lane::Quick, panicking).unwrap();
    assert_eq!(failed.samples.recv().await, Err(RecvError::Closed));
    let mut anew = samplers.subscribe("alice", 7, SECOND, Lane::Quick, counting).unwrap();
    assert_eq!(anew.samples.recv().await.unwrap(), [1].as_slice());
    drop(failed);
    assert_eq!(anew.samples.recv().await.unwrap(), [2].as_slice(), "the end of the failed one changes nothing");
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many() {
    let samplers = samplers();
    let kept: Vec<_> =
        (0..64).map(|subject| samplers.subscribe("alice", subject, SECOND, Lane::Quick, counting).unwrap()).collect();
    let Err(refused) = samplers.subscribe("alice", 99, SECOND, Lane::Quick, counting) else { panic!("one too many") };
    assert!(refused.message().contains("limits.samplers = 64"), "{refused}");
    drop(kept);
    samplers.subscribe("alice", 99, SECOND, Lane::Quick, counting).unwrap();
}

#[tokio::test]
async fn a_reading_that_hangs_stops_no_other_sampler_and_takes_one_thread() {
    let one = LaneLimits { threads: 1, queue: 8, deadline: Duration::from_secs(300) };
    let counters = Arc::<Counters>::default();
    let pool_limits = HostPoolLimits { device: one, ..HostPoolLimits::default() };
    let samplers =
        Samplers::new(&limits(64, 64), Arc::new(HostPool::new(pool_limits, Arc::clone(&counters))), counters);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, mut hangs) = tokio::sync::mpsc::unbounded_channel();
    let hanging = move || -> Read {
        Box::new(move || {
            begun.send(()).unwrap();
            // Until the sender goes.
            let _ = held.recv();
            Sample { fields: Bytes::new(), has_rates: false }
        })
    };
    let interval = Duration::from_millis(10);
    let mut hung = samplers.subscribe("alice", 1, interval, Lane::Device, hanging).unwrap();
    hangs.recv().await.unwrap();
    let mut other = samplers.subscribe("alice", 2, interval, Lane::Quick, counting).unwrap();
    for number in 1..=20 {
        assert_eq!(other.samples.recv().await.unwrap(), [number].as_slice());
    }
    assert_eq!(hung.samples.try_recv(), Err(TryRecvError::Empty));
    assert!(hangs.try_recv().is_err(), "it is not begun a second time");
    drop(release);
    hung.samples.recv().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_caller_cannot_take_them_all() {
    let samplers = with_limits(8, 2);
    let start = |caller, subject| samplers.subscribe(caller, subject, SECOND, Lane::Quick, counting);
    let refusal = |caller, subject| start(caller, subject).err().map(|refused| refused.message().to_owned());
    let join = |caller, subject| samplers.subscribe(caller, subject, SECOND, Lane::Quick, must_not_start).unwrap();
    let first = start("alice", 1).unwrap();
    let _second = start("alice", 2).unwrap();
    let refused = refusal("alice", 3).unwrap();
    assert!(refused.contains("limits.samplers_per_principal = 2"), "{refused}");
    // What runs already costs nothing, whoever watches.
    let (again, _joined) = (join("alice", 1), join("bob", 1));
    let _bobs = (start("bob", 3).unwrap(), start("bob", 4).unwrap());
    // One of two subscriptions ends: the sampler still counts as the one's who began it.
    drop(first);
    assert!(refusal("alice", 5).is_some());
    // It goes over to who stays, even above that one's share, and its beginner has room again.
    drop(again);
    assert!(refusal("bob", 5).is_some());
    let _room = start("alice", 5).unwrap();
    assert_eq!(samplers.counters.samplers.get(), 5);
}
