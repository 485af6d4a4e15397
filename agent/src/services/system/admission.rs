//! How many Watch streams there may be, in all and for one caller.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    config::ServiceLimits,
    counters::{Counters, Raised},
    status::Failure,
};

const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Counts the Watch streams that are open.
#[derive(Debug)]
pub(crate) struct Admission {
    limit: usize,
    limit_per_caller: usize,
    open: Arc<Mutex<HashMap<String, usize>>>,
    opened: AtomicU64,
    counters: Arc<Counters>,
}

/// One open stream; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Admitted {
    number: u64,
    caller: String,
    open: Arc<Mutex<HashMap<String, usize>>>,
    _counted: Raised,
}

impl Admission {
    pub(crate) fn new(limits: &ServiceLimits, counters: Arc<Counters>) -> Self {
        Self {
            limit: limits.streams,
            limit_per_caller: limits.streams_per_principal,
            open: Arc::default(),
            opened: AtomicU64::new(0),
            counters,
        }
    }

    pub(crate) fn admit(&self, caller: &str) -> Result<Admitted, Failure> {
        let mut open = lock(&self.open);
        if open.values().sum::<usize>() >= self.limit {
            return Err(Failure::limit_reached("limits.streams", self.limit, RETRY_AFTER));
        }
        let own = open.entry(caller.to_owned()).or_default();
        if *own >= self.limit_per_caller {
            return Err(Failure::limit_reached("limits.streams_per_principal", self.limit_per_caller, RETRY_AFTER));
        }
        *own += 1;
        Ok(Admitted {
            number: self.opened.fetch_add(1, Ordering::Relaxed) + 1,
            caller: caller.to_owned(),
            open: Arc::clone(&self.open),
            _counted: self.counters.streams.raise(),
        })
    }
}

impl Admitted {
    /// Counts streams from the agent's start.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn caller(&self) -> &str {
        &self.caller
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if let Some(own) = open.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

fn lock(open: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn streams_are_limited_in_all_and_for_each_caller() {
        let admission = Admission {
            limit: 3,
            limit_per_caller: 2,
            open: Arc::default(),
            opened: AtomicU64::new(0),
            counters: Arc::default(),
        };
        let first = admission.admit("alice").unwrap();
        let _second = admission.admit("alice").unwrap();
        let own = admission.admit("alice").unwrap_err();
        assert!(own.message().contains("limits.streams_per_principal = 2"), "{own}");
        let _third = admission.admit("bob").unwrap();
        let all = admission.admit("carol").unwrap_err();
        assert!(all.message().contains("limits.streams = 3"), "{all}");
        assert_eq!(admission.counters.streams.get(), 3);
        drop(first);
        admission.admit("alice").unwrap();
        assert_eq!(admission.counters.streams.get(), 2);
        assert!(!lock(&admission.open).contains_key("carol"), "a refused caller leaves nothing behind");
    }
}
