//! Live figures about the agent itself, shown by GetStatus.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// Every figure the agent keeps about itself. Relaxed atomics: nothing is decided on them.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open now, handshake done.
    pub connections: Gauge,
    /// Connections that completed their handshake.
    pub connections_accepted: Counter,
    /// Connections cut off before they could call: handshake failed or timed out, no identity, limits.
    pub connections_refused: Counter,
    /// Connections ended because their certificate was revoked, denied or expired since.
    pub connections_ended: Counter,
    /// Calls whose answer is not complete yet.
    pub calls_in_progress: Gauge,
    /// Calls answered, whatever the answer.
    pub calls: Counter,
    /// Calls refused by the permission table.
    pub calls_denied: Counter,
    /// Watch streams open now.
    pub streams: Gauge,
    /// Samplers running now.
    pub samplers: Gauge,
    /// Stream messages that slow readers missed.
    pub messages_lost: Counter,
    /// Host reads waiting for a thread.
    pub host_reads_queued: Gauge,
    /// Host reads that passed their time cap.
    pub host_read_timeouts: Counter,
    /// Control actions carried out.
    pub control_actions: Counter,
    /// Actions refused because a quota was used up.
    pub quota_refusals: Counter,
}

/// Only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// How many of something there are now.
#[derive(Debug, Default)]
pub struct Gauge(Arc<AtomicU32>);

/// One of what a [`Gauge`] counts, for as long as it lives.
#[derive(Debug)]
#[must_use = "the gauge falls again when this is dropped"]
pub struct Raised(Arc<AtomicU32>);

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Gauge {
    /// Counts one until the guard is dropped.
    pub fn raise(&self) -> Raised {
        self.0.fetch_add(1, Relaxed);
        Raised(Arc::clone(&self.0))
    }

    /// How many there are now.
    pub fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_falls_when_its_guard_is_dropped() {
        let gauge = Gauge::default();
        let first = gauge.raise();
        let second = gauge.raise();
        assert_eq!(gauge.get(), 2);
        drop(first);
        assert_eq!(gauge.get(), 1);
        drop(second);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn a_counter_adds() {
        let counter = Counter::default();
        counter.increment();
        counter.add(4);
        assert_eq!(counter.get(), 5);
    }
}
