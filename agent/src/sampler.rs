//! One sampler for everyone who watches the same thing at the same pace: started by the first, stopped with the last. A sample is
//! read once and encoded once, and nobody's slowness reaches the sampler.

mod losses;
mod pace;
mod task;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::broadcast::{self, WeakSender},
    task::AbortHandle,
};

use self::task::Work;
pub(crate) use self::{losses::Losses, task::Sample};
use crate::{
    counters::{Counters, Raised},
    host_pool::{HostPool, Lane},
    status::Failure,
};

/// Samples that a reader may be behind before it loses some. They are kept once for all readers of a sampler.
const BACKLOG: usize = 16;

/// Samplers at a time; each reads the host at its own pace.
const SAMPLERS_MAX: usize = 64;

/// Reads and encodes one sample. It keeps the one before, for rates.
pub(crate) type Read = Box<dyn FnMut() -> Sample + Send>;

/// The samplers that run now, by what they sample.
pub(crate) struct Samplers<Subject> {
    running: Mutex<HashMap<Key<Subject>, Weak<Sampler>>>,
    pool: Arc<HostPool>,
    counters: Arc<Counters>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key<Subject> {
    subject: Subject,
    interval: Duration,
}

/// A running sampler; it stops when the last subscription lets go of it.
struct Sampler {
    task: AbortHandle,
    samples: WeakSender<Bytes>,
    latest: task::Latest,
    _counted: Raised,
}

/// A place among the readers of a sampler.
pub(crate) struct Subscription {
    /// Samples to come.
    pub(crate) samples: broadcast::Receiver<Bytes>,
    /// The last sample before, if it had rates.
    pub(crate) latest: Option<Bytes>,
    /// Keeps the sampler running.
    pub(crate) guard: SubscriptionGuard,
}

/// Keeps the sampler running.
pub(crate) struct SubscriptionGuard(#[allow(dead_code, reason = "held, not read")] Arc<Sampler>);

impl<Subject: Copy + Eq + Hash> Samplers<Subject> {
    pub(crate) fn new(pool: Arc<HostPool>, counters: Arc<Counters>) -> Self {
        Self { running: Mutex::default(), pool, counters }
    }

    /// Joins the sampler of this subject and interval, or starts it with what `read` makes, to be read in `lane`.
    pub(crate) fn subscribe(
        &self,
        subject: Subject,
        interval: Duration,
        lane: Lane,
        read: impl FnOnce() -> Read,
    ) -> Result<Subscription, Failure> {
        let key = Key { subject, interval };
        let mut running = self.lock();
        if let Some(subscription) = running.get(&key).and_then(Weak::upgrade).and_then(Sampler::join) {
            return Ok(subscription);
        }
        running.retain(|_, sampler| sampler.strong_count() > 0);
        if running.len() >= SAMPLERS_MAX {
            return Err(Failure::limit_reached("samplers", SAMPLERS_MAX, Duration::from_secs(10)));
        }
        let (sampler, subscription) = self.start(interval, lane, read());
        running.insert(key, Arc::downgrade(&sampler));
        Ok(subscription)
    }

    fn start(&self, interval: Duration, lane: Lane, read: Read) -> (Arc<Sampler>, Subscription) {
        let (sender, samples) = broadcast::channel(BACKLOG);
        let latest = task::Latest::default();
        let weak_sender = sender.downgrade();
        let task =
            tokio::spawn(task::run(Work { interval, lane, read }, Arc::clone(&self.pool), sender, Arc::clone(&latest)));
        let sampler = Arc::new(Sampler {
            task: task.abort_handle(),
            samples: weak_sender,
            latest,
            _counted: self.counters.samplers.raise(),
        });
        let guard = SubscriptionGuard(Arc::clone(&sampler));
        (sampler, Subscription { samples, latest: None, guard })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key<Subject>, Weak<Sampler>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sampler {
    /// `None` if it has failed.
    fn join(self: Arc<Self>) -> Option<Subscription> {
        // The task publishes under the same lock: a sample is either the latest or still to come, never both.
        let latest = task::lock(&self.latest);
        let samples = self.samples.upgrade()?.subscribe();
        let latest_with_rates = latest.clone();
        drop(latest);
        Some(Subscription { samples, latest: latest_with_rates, guard: SubscriptionGuard(self) })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
