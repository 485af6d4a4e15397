//! Which method a caller's request id was used for. Ids are shared between methods: each method remembers its own contents and answers
//! (`runs`, `answers`), and here stands that none of them takes an id of another's.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use procwire_proto::v1::ErrorReason;
use tokio::time::Instant;

use crate::status::Failure;

/// A request id of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) caller: String,
    pub(crate) request_id: String,
}

/// All request ids that are remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestIds(Arc<Mutex<HashMap<Key, Use>>>);

#[derive(Debug)]
struct Use {
    method: &'static str,
    claims: usize,
}

/// Keeps a request id for one method while it lives.
#[derive(Debug)]
#[must_use = "the id is free again when this is dropped"]
pub(crate) struct Claim {
    key: Key,
    ids: RequestIds,
}

impl RequestIds {
    /// Takes an id for a method, which may have it already.
    ///
    /// # Errors
    /// `REQUEST_ID_CONFLICT`: another method has it.
    pub(crate) fn claim(&self, key: &Key, method: &'static str) -> Result<Claim, Failure> {
        let mut uses = self.lock();
        let known = uses.entry(key.clone()).or_insert(Use { method, claims: 0 });
        if known.method != method {
            return Err(conflict(&key.request_id, "another method"));
        }
        known.claims += 1;
        drop(uses);
        Ok(Claim { key: key.clone(), ids: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut uses = self.ids.lock();
        if let Some(known) = uses.get_mut(&self.key) {
            known.claims -= 1;
            if known.claims == 0 {
                uses.remove(&self.key);
            }
        }
    }
}

/// The id was used for something else: "other contents", "another method".
pub(crate) fn conflict(request_id: &str, other: &str) -> Failure {
    let problem = format!(
        "request_id was used within the last 10 minutes for a request with {other}; nothing was done; use a new id"
    );
    Failure::new(ErrorReason::RequestIdConflict, problem)
        .with_field("request_id", format!("was used for {other}"))
        .with_metadata("request_id", request_id)
}

/// Of what was `given`, the oldest of the caller who has most of `all`: nobody pushes out what others may ask for again.
pub(crate) fn oldest_of_the_greediest<'a>(
    all: impl Iterator<Item = &'a Key>,
    given: impl Iterator<Item = (&'a Key, Instant)>,
) -> Option<Key> {
    let mut of_callers: HashMap<&str, usize> = HashMap::new();
    for key in all {
        *of_callers.entry(&key.caller).or_default() += 1;
    }
    given
        .max_by_key(|(key, at)| (of_callers.get(key.caller.as_str()).copied(), Reverse(*at)))
        .map(|(key, _)| key.clone())
}

/// The answer took too much room, and only that it was given is remembered.
pub(crate) fn no_longer_kept(request_id: &str) -> Failure {
    Failure::new(
        ErrorReason::LimitReached,
        "a request of this id was carried out before, and its answer took too much room to be kept; nothing was done now; the audit record has its outcome",
    )
    .with_field("request_id", "was carried out before")
    .with_metadata("request_id", request_id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_one_method_of_one_caller_while_it_is_remembered() {
        let ids = RequestIds::default();
        let key = |caller: &str| Key { caller: caller.to_owned(), request_id: "7".to_owned() };
        let first = ids.claim(&key("alice"), "A").unwrap();
        let second = ids.claim(&key("alice"), "A").unwrap();
        let _other_caller = ids.claim(&key("bob"), "B").unwrap();
        for remembered in [first, second] {
            let failure = ids.claim(&key("alice"), "B").unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::RequestIdConflict, Some("request_id")));
            drop(remembered);
        }
        drop(ids.claim(&key("alice"), "B").unwrap());
        assert_eq!(ids.lock().len(), 1, "what is free leaves nothing behind");
    }
}
