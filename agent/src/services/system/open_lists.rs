//! How many lists of one kind there may be at a time: each keeps what it has not sent yet, or what it needs to go on.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::status::Failure;

const LISTS_MAX: usize = 8;
/// A list that is read takes less.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The lists that are open.
#[derive(Debug)]
pub(super) struct OpenLists {
    /// Names the limit: "socket lists at a time".
    limit: &'static str,
    room: Arc<Semaphore>,
}

/// One of them; dropping it makes room.
pub(super) type Opened = OwnedSemaphorePermit;

impl OpenLists {
    pub(super) fn new(limit: &'static str) -> Self {
        Self { limit, room: Arc::new(Semaphore::new(LISTS_MAX)) }
    }

    pub(super) fn admit(&self) -> Result<Opened, Failure> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        room.map_err(|_| Failure::limit_reached(self.limit, LISTS_MAX, RETRY_AFTER))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ErrorReason;

    use super::*;

    #[test]
    fn lists_are_limited_and_one_that_ends_makes_room() {
        let lists = OpenLists::new("socket lists at a time");
        let mut opened: Vec<Opened> = (0..LISTS_MAX).map(|_| lists.admit().unwrap()).collect();
        let refused = lists.admit().unwrap_err();
        assert_eq!(refused.reason(), ErrorReason::LimitReached);
        assert!(refused.message().contains("socket lists at a time = 8"), "{refused}");
        opened.pop();
        assert!(lists.admit().is_ok());
    }
}
