//! What a sampler does: wait, read on the host pool, hand out.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::broadcast::Sender;

use super::{Read, pace::Pace};
use crate::host_pool::{HostPool, Lane, PoolError};

/// One reading, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// All fields of the Watch response but `seq`.
    pub(crate) fields: Bytes,
    /// False for the first reading of a sampler.
    pub(crate) has_rates: bool,
}

/// What a sampler has to do.
pub(super) struct Work {
    pub(super) interval: Duration,
    pub(super) lane: Lane,
    pub(super) read: Read,
}

/// The last sample with rates, for whoever joins.
pub(super) type Latest = Arc<Mutex<Option<Bytes>>>;

/// Runs until nobody listens (the task is aborted) or a reading panics (the senders are dropped, which readers notice).
pub(super) async fn run(work: Work, pool: Arc<HostPool>, samples: Sender<Bytes>, latest: Latest) {
    let Work { interval, lane, read } = work;
    let mut pace = Pace::new(interval);
    // The reader is here between readings; while a reading hangs it is not, and no second thread is spent on it.
    let idle = Arc::new(Mutex::new(Some(read)));
    loop {
        pace.next().await;
        if lock(&idle).is_none() {
            if Arc::strong_count(&idle) == 1 {
                tracing::error!(?interval, "a sampler's reading hung and then failed; its streams end");
                return;
            }
            continue;
        }
        match pool.run(lane, job(Arc::clone(&idle))).await {
            Ok(Some(sample)) => publish(sample, &samples, &latest),
            Ok(None) => {}
            Err(PoolError::Lost { .. }) => {
                tracing::error!(?interval, "a sampler's reading failed; its streams end");
                return;
            }
            Err(error) => tracing::warn!(%error, ?interval, "a sample is left out"),
        }
    }
}

/// The blocking part. The reader is taken on the thread, so that a job which never gets a thread does not take it along.
fn job(idle: Arc<Mutex<Option<Read>>>) -> impl FnOnce() -> Option<Sample> + Send {
    move || {
        let mut read = lock(&idle).take()?;
        let sample = read();
        *lock(&idle) = Some(read);
        Some(sample)
    }
}

fn publish(sample: Sample, samples: &Sender<Bytes>, latest: &Latest) {
    let mut latest = lock(latest);
    // Nobody listening is no error: the task is about to be aborted.
    let _ = samples.send(sample.fields.clone());
    if sample.has_rates {
        *latest = Some(sample.fields);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
