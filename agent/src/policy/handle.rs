//! The policy in force, and how a changed file comes into force: whole or not at all.

use std::{
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use procwire_proto::{Timestamp, v1::PolicyStatus};

use tokio::sync::watch;

use super::{Policy, PolicyError, Sight};
use crate::{
    access::{Principal, permission},
    reload::open_to_writers,
};

/// The policy in force. Cheap to ask.
#[derive(Debug)]
pub struct PolicyHandle {
    state: RwLock<State>,
    /// Which policy since the start: rises with each.
    generation: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    policy: Arc<Policy>,
    loaded: SystemTime,
    problem: Option<String>,
}

impl PolicyHandle {
    /// With this policy in force.
    pub fn new(policy: Policy) -> Arc<Self> {
        let state = State { policy: Arc::new(policy), loaded: SystemTime::now(), problem: None };
        Arc::new(Self { state: RwLock::new(state), generation: watch::Sender::new(0) })
    }

    /// With the policy of a file, or the default one.
    ///
    /// # Errors
    /// The file cannot be read, everyone may write it, or it is no policy.
    pub fn load(path: Option<&Path>) -> Result<Arc<Self>, PolicyError> {
        let metadata = path.and_then(|path| Some((path, std::fs::metadata(path).ok()?)));
        if let Some((path, metadata)) = metadata
            && let Some(problem) = open_to_writers(metadata.mode())
        {
            return Err(PolicyError::one(path, problem));
        }
        Ok(Self::new(path.map_or_else(Policy::built_in, Policy::read)?))
    }

    /// The policy in force.
    pub fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).policy)
    }

    /// What a caller may see of what a method reads; the method by its path.
    pub(crate) fn sight(&self, caller: &Principal, method: &str) -> Sight {
        // A method without a row is not called.
        permission(method).map(|row| self.current().sight(caller, row)).unwrap_or_default()
    }

    /// Tells of each other policy that comes into force from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// For GetStatus.
    pub fn status(&self) -> PolicyStatus {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let State { policy, loaded, problem } = &*state;
        let since_epoch = loaded.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        PolicyStatus {
            path: policy.path().map(|path| path.display().to_string()).unwrap_or_default(),
            loaded: Some(Timestamp {
                seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
                nanos: i32::try_from(since_epoch.subsec_nanos()).unwrap_or_default(),
            }),
            sha256: policy.sha256().to_owned(),
            rules: u32::try_from(policy.rules().len()).unwrap_or(u32::MAX),
            problem: problem.clone().unwrap_or_default(),
        }
    }

    pub(crate) fn replace(&self, policy: Policy) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = State { policy: Arc::new(policy), loaded: SystemTime::now(), problem: None };
        drop(state);
        self.generation.send_modify(|generation| *generation += 1);
    }

    pub(super) fn tell(&self, problem: Option<&str>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.problem = problem.map(str::to_owned);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_the_default_and_a_missing_file_is_an_error() {
        let handle = PolicyHandle::load(None).unwrap();
        assert_eq!((handle.status().path.as_str(), handle.status().rules), ("", 1));
        assert!(matches!(PolicyHandle::load(Some(Path::new("/nonexistent"))), Err(PolicyError::Unreadable { .. })));
    }
}
