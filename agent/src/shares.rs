//! Places of one kind: so many in all, and so many for one caller, so that no caller can take them all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::status::Failure;

/// How many there may be, and the key of the configuration that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// "limits.lists".
    pub(crate) key: &'static str,
    /// How many.
    pub(crate) value: usize,
}

impl Limit {
    /// Refuses one more than `taken`, if that is the limit.
    pub(crate) fn check(self, taken: usize, retry_after: Duration) -> Result<(), Failure> {
        if taken < self.value { Ok(()) } else { Err(Failure::limit_reached(self.key, self.value, retry_after)) }
    }
}

/// Counts the places that are taken.
#[derive(Debug)]
pub(crate) struct Shares {
    in_all: Limit,
    of_a_caller: Limit,
    /// When whoever is refused may try again.
    retry_after: Duration,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

/// One place, or several; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Place {
    caller: String,
    count: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Shares {
    pub(crate) fn new(in_all: Limit, of_a_caller: Limit, retry_after: Duration) -> Self {
        Self { in_all, of_a_caller, retry_after, taken: Arc::default() }
    }

    pub(crate) fn take(&self, caller: &str) -> Result<Place, Failure> {
        self.take_many(caller, 1)
    }

    /// So many places, or none.
    pub(crate) fn take_many(&self, caller: &str, count: usize) -> Result<Place, Failure> {
        let mut taken = lock(&self.taken);
        // The caller's own limit first: who has reached it is not helped by others leaving.
        let own = taken.get(caller).copied().unwrap_or_default();
        let rest = count.saturating_sub(1);
        self.of_a_caller.check(own + rest, self.retry_after)?;
        self.in_all.check(taken.values().sum::<usize>() + rest, self.retry_after)?;
        taken.insert(caller.to_owned(), own + count);
        drop(taken);
        Ok(Place { caller: caller.to_owned(), count, taken: Arc::clone(&self.taken) })
    }
}

impl Place {
    /// Who has it.
    pub(crate) fn caller(&self) -> &str {
        &self.caller
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.caller) {
            *own -= self.count;
            if *own == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ErrorReason;

    use super::*;

    fn shares(in_all: usize, of_a_caller: usize) -> Shares {
        let limit = |key, value| Limit { key, value };
        let of_a_caller = limit("limits.lists_per_principal", of_a_caller);
        Shares::new(limit("limits.lists", in_all), of_a_caller, Duration::from_secs(1))
    }

    #[test]
    fn places_are_limited_in_all_and_for_each_caller() {
        let shares = shares(3, 2);
        let first = shares.take("alice").unwrap();
        let _second = shares.take("alice").unwrap();
        let own = shares.take("alice").unwrap_err();
        assert_eq!(own.reason(), ErrorReason::LimitReached);
        assert!(own.message().contains("limits.lists_per_principal = 2"), "{own}");
        let _third = shares.take("bob").unwrap();
        let all = shares.take("carol").unwrap_err();
        assert!(all.message().contains("limits.lists = 3"), "{all}");
        assert!(!lock(&shares.taken).contains_key("carol"), "a refused caller leaves nothing behind");
        let own = shares.take("alice").unwrap_err();
        assert!(own.message().contains("limits.lists_per_principal = 2"), "the nearer limit is named: {own}");
        assert_eq!(first.caller(), "alice");
        drop(first);
        drop(shares.take("carol").unwrap());
        assert!(!lock(&shares.taken).contains_key("carol"), "nor does one that has left");
        shares.take("alice").unwrap();
    }

    #[test]
    fn several_places_are_taken_at_once_or_none_is() {
        let shares = shares(5, 3);
        shares.take_many("alice", 4).unwrap_err();
        let three = shares.take_many("alice", 3).unwrap();
        shares.take_many("bob", 3).unwrap_err();
        let _two = shares.take_many("bob", 2).unwrap();
        drop(three);
        let _three = shares.take_many("carol", 3).unwrap();
        shares.take("dave").unwrap_err();
    }

    #[test]
    fn whoever_is_refused_is_told_when_to_try_again() {
        use tonic_types::StatusExt as _;
        let status = shares(0, 1).take("alice").unwrap_err().on(&crate::status::HostName::new(b"test"));
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
    }
}
