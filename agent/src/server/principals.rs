//! How many connections each caller has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts connections by principal; an entry lives as long as its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct PrincipalConnections {
    counts: Arc<Mutex<HashMap<String, usize>>>,
}

/// One connection of a principal.
#[derive(Debug)]
pub(super) struct PrincipalPermit {
    counts: Arc<Mutex<HashMap<String, usize>>>,
    principal: String,
}

impl PrincipalConnections {
    /// A place for one more connection, unless the principal has `limit` already.
    pub(super) fn acquire(&self, principal: &str, limit: usize) -> Option<PrincipalPermit> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(principal.to_owned()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(PrincipalPermit { counts: Arc::clone(&self.counts), principal: principal.to_owned() })
    }
}

impl Drop for PrincipalPermit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn each_caller_has_its_own_limit_and_leaves_no_trace() {
        let connections = PrincipalConnections::default();
        let first = connections.acquire("a", 2).unwrap();
        let second = connections.acquire("a", 2).unwrap();
        assert!(connections.acquire("a", 2).is_none());
        let other = connections.acquire("b", 2).unwrap();
        drop(first);
        let third = connections.acquire("a", 2).unwrap();
        drop((second, third, other));
        assert!(connections.counts.lock().unwrap().is_empty());
    }
}
