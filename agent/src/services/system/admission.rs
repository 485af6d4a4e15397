//! How many calls there may be at a time that stay for long, in all and for one caller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    config::ServiceLimits,
    counters::{Counters, Raised},
    shares::{Limit, Place, Shares},
    status::Failure,
};

/// Streams stay for long.
const RETRY_STREAM_AFTER: Duration = Duration::from_secs(10);
/// A window is a second as a rule, and a minute at most.
const RETRY_SNAPSHOT_AFTER: Duration = Duration::from_secs(2);
/// A list that is read takes less.
const RETRY_LIST_AFTER: Duration = Duration::from_secs(1);

/// Counts the Watch streams that are open.
#[derive(Debug)]
pub(crate) struct Admission {
    shares: Shares,
    opened: AtomicU64,
    counters: Arc<Counters>,
}

/// One open stream; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Admitted {
    number: u64,
    place: Place,
    _counted: Raised,
}

impl Admission {
    pub(crate) fn new(limits: &ServiceLimits, counters: Arc<Counters>) -> Self {
        let in_all = Limit { key: "limits.streams", value: limits.streams };
        let of_a_caller = Limit { key: "limits.streams_per_principal", value: limits.streams_per_principal };
        Self { shares: Shares::new(in_all, of_a_caller, RETRY_STREAM_AFTER), opened: AtomicU64::new(0), counters }
    }

    pub(crate) fn admit(&self, caller: &str) -> Result<Admitted, Failure> {
        let place = self.shares.take(caller)?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Admitted { number, place, _counted: self.counters.streams.raise() })
    }
}

impl Admitted {
    /// Counts streams from the agent's start.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn caller(&self) -> &str {
        self.place.caller()
    }
}

/// Snapshots that wait for their window to pass: each keeps its first reading meanwhile.
pub(super) fn windowed_snapshots(limits: &ServiceLimits) -> Shares {
    let in_all = Limit { key: "limits.windowed_snapshots", value: limits.windowed_snapshots };
    let key = "limits.windowed_snapshots_per_principal";
    let of_a_caller = Limit { key, value: limits.windowed_snapshots_per_principal };
    Shares::new(in_all, of_a_caller, RETRY_SNAPSHOT_AFTER)
}

/// Lists of one kind: each keeps what it has not sent yet, or what it needs to go on.
pub(super) fn lists(limits: &ServiceLimits) -> Shares {
    let in_all = Limit { key: "limits.lists", value: limits.lists };
    let of_a_caller = Limit { key: "limits.lists_per_principal", value: limits.lists_per_principal };
    Shares::new(in_all, of_a_caller, RETRY_LIST_AFTER)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::config::ServicesConfig;

    fn limits() -> ServiceLimits {
        ServicesConfig::defaults().unwrap().limits
    }

    #[test]
    fn streams_are_limited_numbered_and_counted() {
        let limits = ServiceLimits { streams: 3, streams_per_principal: 2, ..limits() };
        let admission = Admission::new(&limits, Arc::default());
        let first = admission.admit("alice").unwrap();
        let second = admission.admit("alice").unwrap();
        assert_eq!((first.number(), second.number(), second.caller()), (1, 2, "alice"));
        let own = admission.admit("alice").unwrap_err();
        assert!(own.message().contains("limits.streams_per_principal = 2"), "{own}");
        let third = admission.admit("bob").unwrap();
        let all = admission.admit("carol").unwrap_err();
        assert!(all.message().contains("limits.streams = 3"), "{all}");
        assert_eq!((third.number(), admission.counters.streams.get()), (3, 3));
        drop(first);
        assert_eq!(admission.counters.streams.get(), 2);
        admission.admit("alice").unwrap();
    }

    #[test]
    fn by_default_it_takes_four_callers_to_take_everything() {
        let limits = limits();
        for (in_all, of_a_caller) in [
            (limits.streams, limits.streams_per_principal),
            (limits.samplers, limits.samplers_per_principal),
            (limits.lists, limits.lists_per_principal),
            (limits.windowed_snapshots, limits.windowed_snapshots_per_principal),
        ] {
            assert_eq!(of_a_caller * 4, in_all);
        }
    }

    #[test]
    fn each_limit_is_named_by_its_key() {
        let limits = ServiceLimits { lists: 1, windowed_snapshots_per_principal: 0, ..limits() };
        let lists = lists(&limits);
        let _list = lists.take("alice").unwrap();
        let refused = lists.take("bob").unwrap_err();
        assert!(refused.message().contains("limits.lists = 1"), "{refused}");
        let refused = windowed_snapshots(&limits).take("alice").unwrap_err();
        assert!(refused.message().contains("limits.windowed_snapshots_per_principal = 0"), "{refused}");
    }
}
