//! The word that something is about to end: the whole agent, or one connection that grew old or whose caller is let in no more.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The agent stops.
    Agent,
    /// The connection has reached its age; the caller comes back on a new one.
    ConnectionAge,
    /// The caller's certificate does not count any more: revoked, denied, ended. There is no coming back.
    AccessRevoked,
}

/// Makes a pair: one side says it, the other (cloned at will) hears it.
pub fn channel() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(None);
    let (hold, holds) = mpsc::channel(1);
    let hold = Arc::new(Mutex::new(Some(hold)));
    let trigger = ShutdownTrigger { sender, hold: Arc::clone(&hold), holds };
    (trigger, Shutdown { receiver, hold })
}

/// The side that says it. Dropping it says [`Ending::Agent`].
#[derive(Debug)]
pub struct ShutdownTrigger {
    sender: watch::Sender<Option<Ending>>,
    hold: Arc<Mutex<Option<mpsc::Sender<()>>>>,
    holds: mpsc::Receiver<()>,
}

/// The side that hears it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    receiver: watch::Receiver<Option<Ending>>,
    hold: Arc<Mutex<Option<mpsc::Sender<()>>>>,
}

/// Work that wants to be finished before the end; whoever fires the trigger can wait until all holds are dropped.
#[derive(Debug)]
#[must_use = "nothing waits for work whose hold is dropped"]
pub struct Hold {
    _sender: Option<mpsc::Sender<()>>,
}

impl ShutdownTrigger {
    /// Tells every listener. The first word stands.
    pub fn fire(&self, ending: Ending) {
        self.sender.send_if_modified(|state| match state {
            Some(_) => false,
            None => {
                *state = Some(ending);
                true
            }
        });
    }

    /// Completes when every [`Hold`] has been dropped. Holds asked for from now on are not waited for.
    pub async fn released(&mut self) {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Nothing is ever sent: this returns when the last sender is gone.
        let _ = self.holds.recv().await;
    }
}

impl Shutdown {
    /// What is ending, if anything is.
    pub fn ending(&self) -> Option<Ending> {
        let said = *self.receiver.borrow();
        said.or_else(|| self.receiver.has_changed().is_err().then_some(Ending::Agent))
    }

    /// Completes when it is said, at once if it was.
    pub async fn signalled(&self) -> Ending {
        let mut receiver = self.receiver.clone();
        let said = receiver.wait_for(Option::is_some).await;
        said.ok().and_then(|ending| *ending).unwrap_or(Ending::Agent)
    }

    /// Asks the end to wait for some work.
    pub fn hold(&self) -> Hold {
        Hold { _sender: self.hold.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[tokio::test]
    async fn the_first_word_stands() {
        let (trigger, shutdown) = channel();
        assert_eq!(shutdown.ending(), None);
        trigger.fire(Ending::ConnectionAge);
        trigger.fire(Ending::Agent);
        assert_eq!(shutdown.ending(), Some(Ending::ConnectionAge));
        assert_eq!(shutdown.signalled().await, Ending::ConnectionAge);
    }

    #[tokio::test]
    async fn a_dropped_trigger_means_the_agent_ends() {
        let (trigger, shutdown) = channel();
        drop(trigger);
        assert_eq!(shutdown.ending(), Some(Ending::Agent));
        assert_eq!(shutdown.signalled().await, Ending::Agent);
    }

    #[tokio::test]
    async fn the_end_waits_for_holds() {
        let (mut trigger, shutdown) = channel();
        let hold = shutdown.hold();
        trigger.fire(Ending::Agent);
        let waiting = tokio::spawn(async move { trigger.released().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(hold);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_late_hold_is_not_waited_for() {
        let (mut trigger, shutdown) = channel();
        trigger.released().await;
        let _hold = shutdown.hold();
        trigger.released().await;
    }
}
