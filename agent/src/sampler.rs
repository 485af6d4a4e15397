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
    config::ServiceLimits,
    counters::{Counters, Raised},
    host_pool::{HostPool, Lane},
    shares::Limit,
    status::Failure,
};

/// Samples that a reader may be behind before it loses some. They are kept once for all readers of a sampler.
const BACKLOG: usize = 16;

/// Samplers stay for long.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Reads and encodes one sample. It keeps the one before, for rates.
pub(crate) type Read = Box<dyn FnMut() -> Sample + Send>;

/// The samplers that run now, by what they sample.
pub(crate) struct Samplers<Subject> {
    running: Mutex<HashMap<Key<Subject>, Weak<Sampler>>>,
    in_all: Limit,
    of_a_caller: Limit,
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
    /// Whose subscriptions keep it running, in their order. It counts as the first one's.
    callers: Mutex<Vec<String>>,
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
pub(crate) struct SubscriptionGuard {
    sampler: Arc<Sampler>,
    caller: String,
}

impl<Subject: Copy + Eq + Hash> Samplers<Subject> {
    pub(crate) fn new(limits: &ServiceLimits, pool: Arc<HostPool>, counters: Arc<Counters>) -> Self {
        let in_all = Limit { key: "limits.samplers", value: limits.samplers };
        let of_a_caller = Limit { key: "limits.samplers_per_principal", value: limits.samplers_per_principal };
        Self { running: Mutex::default(), in_all, of_a_caller, pool, counters }
    }

    /// Joins the sampler of this subject and interval, or starts it with what `read` makes, to be read in `lane`. Joining is free.
    pub(crate) fn subscribe(
        &self,
        caller: &str,
        subject: Subject,
        interval: Duration,
        lane: Lane,
        read: impl FnOnce() -> Read,
    ) -> Result<Subscription, Failure> {
        let key = Key { subject, interval };
        let mut running = self.lock();
        if let Some(subscription) = running.get(&key).and_then(Weak::upgrade).and_then(|sampler| sampler.join(caller)) {
            return Ok(subscription);
        }
        running.retain(|_, sampler| sampler.strong_count() > 0);
        let own = running.values().filter_map(Weak::upgrade).filter(|sampler| sampler.is_of(caller)).count();
        self.of_a_caller.check(own, RETRY_AFTER)?;
        self.in_all.check(running.len(), RETRY_AFTER)?;
        let (sampler, subscription) = self.start(caller, interval, lane, read());
        running.insert(key, Arc::downgrade(&sampler));
        Ok(subscription)
    }

    fn start(&self, caller: &str, interval: Duration, lane: Lane, read: Read) -> (Arc<Sampler>, Subscription) {
        let (sender, samples) = broadcast::channel(BACKLOG);
        let latest = task::Latest::default();
        let weak_sender = sender.downgrade();
        let task =
            tokio::spawn(task::run(Work { interval, lane, read }, Arc::clone(&self.pool), sender, Arc::clone(&latest)));
        let sampler = Arc::new(Sampler {
            task: task.abort_handle(),
            samples: weak_sender,
            latest,
            callers: Mutex::default(),
            _counted: self.counters.samplers.raise(),
        });
        let guard = Arc::clone(&sampler).kept_by(caller);
        (sampler, Subscription { samples, latest: None, guard })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key<Subject>, Weak<Sampler>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sampler {
    /// `None` if it has failed.
    fn join(self: Arc<Self>, caller: &str) -> Option<Subscription> {
        // The task publishes under the same lock: a sample is either the latest or still to come, never both.
        let latest = task::lock(&self.latest);
        let samples = self.samples.upgrade()?.subscribe();
        let latest_with_rates = latest.clone();
        drop(latest);
        Some(Subscription { samples, latest: latest_with_rates, guard: self.kept_by(caller) })
    }

    fn kept_by(self: Arc<Self>, caller: &str) -> SubscriptionGuard {
        task::lock(&self.callers).push(caller.to_owned());
        SubscriptionGuard { sampler: self, caller: caller.to_owned() }
    }

    /// True if it counts as this caller's.
    fn is_of(&self, caller: &str) -> bool {
        task::lock(&self.callers).first().is_some_and(|first| first == caller)
    }
}

impl Drop for SubscriptionGuard {
    /// Another caller who stays takes the sampler over: nobody's share is used up by what only others watch.
    fn drop(&mut self) {
        let mut callers = task::lock(&self.sampler.callers);
        // The last of the caller's own: it keeps its place as long as it keeps any subscription.
        if let Some(own) = callers.iter().rposition(|caller| *caller == self.caller) {
            callers.remove(own);
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
