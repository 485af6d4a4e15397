//! Terminations that run, and those that ended a while ago: each writes a log, and callers follow logs. So a run does not depend on
//! its caller, and a repeated request id gets the first answer instead of a second signal.

mod log;

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

pub(crate) use self::log::FollowStream;
use self::log::Log;
pub(crate) use self::log::{Follower, RunLog};
use super::{
    request::Termination,
    request_ids::{Claim, Key, RequestIds, conflict, no_longer_kept, oldest_of_the_greediest},
};
use crate::{
    config::ServiceLimits,
    shares::{Limit, Shares},
    status::Failure,
};

/// How long the answer to a request id is kept after its end.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// Whoever may begin no more is told to come back then.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// How many answers are kept; the oldest of the caller who has most is forgotten first.
const REMEMBERED_MAX: usize = 4096;
/// How many messages of answers are kept for all callers together: of 300 bytes each, as a rule. The caller who has most of them loses
/// its oldest answer first; of that only is known that it was given.
const MESSAGES_MAX: usize = 65_536;

/// All runs, by caller and request id.
#[derive(Debug)]
pub(crate) struct Runs {
    places: Shares,
    ids: RequestIds,
    known: Mutex<HashMap<Key, Known>>,
}

#[derive(Debug)]
struct Known {
    termination: Termination,
    log: Log,
    _claim: Claim,
}

/// What a request turns out to be.
pub(crate) enum Begun {
    /// A new action: do it, and write down what happens.
    New(RunLog, Follower),
    /// One that was asked for before.
    Repeat(Follower),
}

impl Runs {
    /// `ids` are those of all methods.
    pub(crate) fn new(places: Shares, ids: RequestIds) -> Self {
        Self { places, ids, known: Mutex::default() }
    }

    /// Looks the request id up. After a run that failed before it did anything, asking again begins anew; dry runs are never
    /// remembered, but take a place like others: they look at as much.
    pub(crate) fn begin(&self, caller: &str, termination: &Termination) -> Result<Begun, Failure> {
        if termination.dry_run {
            return Ok(new(&self.in_place(caller)?));
        }
        let key = Key { caller: caller.to_owned(), request_id: termination.request_id.clone() };
        let mut known = self.lock();
        forget(&mut known, Instant::now());
        match known.get(&key) {
            Some(earlier) if earlier.termination != *termination => {
                return Err(conflict(&key.request_id, "other contents"));
            }
            Some(earlier) if earlier.log.is_shed() => return Err(no_longer_kept(&key.request_id)),
            Some(earlier) => return Ok(Begun::Repeat(earlier.log.follow())),
            None => {}
        }
        let log = self.in_place(caller)?;
        let begun = new(&log);
        let claim = self.ids.claim(&key, "TerminateProcesses")?;
        known.insert(key, Known { termination: termination.clone(), log, _claim: claim });
        Ok(begun)
    }

    fn in_place(&self, caller: &str) -> Result<Log, Failure> {
        Ok(Log::in_place(self.places.take(caller)?))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many terminations may run at a time.
pub(super) fn places(limits: &ServiceLimits) -> Shares {
    let in_all = Limit { key: "limits.terminations", value: limits.terminations };
    let of_a_caller = Limit { key: "limits.terminations_per_principal", value: limits.terminations_per_principal };
    Shares::new(in_all, of_a_caller, RETRY_AFTER)
}

fn new(log: &Log) -> Begun {
    Begun::New(RunLog::new(log), log.follow())
}

fn forget(known: &mut HashMap<Key, Known>, now: Instant) {
    known.retain(|_, run| match run.log.end() {
        None => true,
        Some(end) if end.failed && !run.log.has_acted() => false,
        Some(end) => now.duration_since(end.at) < REMEMBERED_FOR,
    });
    if known.len() >= REMEMBERED_MAX {
        let ended = known.iter().filter_map(|(key, run)| Some((key, run.log.end()?.at)));
        if let Some(first) = oldest_of_the_greediest(known.keys(), ended) {
            known.remove(&first);
        }
    }
    shed(known, MESSAGES_MAX);
}

/// Drops answers until so many messages are left; those that somebody reads stay.
fn shed(known: &HashMap<Key, Known>, most: usize) {
    let mut of_callers: HashMap<&str, usize> = HashMap::new();
    for (key, run) in known {
        *of_callers.entry(&key.caller).or_default() += run.log.len();
    }
    let mut total: usize = of_callers.values().sum();
    while total > most {
        let idle = known.iter().filter(|(_, run)| run.log.len() > 0 && !run.log.is_followed());
        let ended = idle.filter_map(|(key, run)| Some((key, run, run.log.end()?.at)));
        let first = ended.max_by_key(|(key, _, at)| (of_callers.get(key.caller.as_str()).copied(), Reverse(*at)));
        // What still runs is bounded by limits.terminations.
        let Some((key, run, _)) = first else { return };
        let length = run.log.len();
        run.log.shed();
        total = total.saturating_sub(length);
        if let Some(count) = of_callers.get_mut(key.caller.as_str()) {
            *count = count.saturating_sub(length);
        }
    }
}

#[cfg(test)]
mod tests;
