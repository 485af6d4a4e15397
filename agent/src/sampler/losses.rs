//! What a slow reader missed, added up and told at most once a second.

use std::time::Duration;

use procwire_proto::v1::Loss;
use tokio::time::Instant;

/// Losses are told no more often than this.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Losses of one stream that it has not been told of yet.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    untold: Option<Loss>,
    told: Option<Instant>,
}

impl Losses {
    /// Messages `first_seq` to `last_seq` were lost.
    pub(crate) fn add(&mut self, first_seq: u64, last_seq: u64) {
        let count = (last_seq + 1).saturating_sub(first_seq);
        let earlier = self.untold.take();
        self.untold = Some(match earlier {
            None => Loss { count, first_seq, last_seq },
            Some(earlier) => Loss { count: earlier.count + count, first_seq: earlier.first_seq, last_seq },
        });
    }

    /// When the reader is to be told, if there is anything to tell.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.untold.as_ref()?;
        Some(self.told.map_or(now, |told| told + TOLD_EVERY))
    }

    /// What to tell now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Loss> {
        if self.due(now)? > now {
            return None;
        }
        self.told = Some(now);
        self.untold.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_at_once_and_then_once_a_second_in_sum() {
        let start = Instant::now();
        let mut losses = Losses::default();
        assert_eq!(losses.take(start), None);
        losses.add(5, 9);
        assert_eq!(losses.take(start), Some(Loss { count: 5, first_seq: 5, last_seq: 9 }));
        losses.add(12, 12);
        losses.add(20, 21);
        assert_eq!(losses.take(start + Duration::from_millis(999)), None);
        assert_eq!(losses.due(start), Some(start + TOLD_EVERY));
        assert_eq!(losses.take(start + TOLD_EVERY), Some(Loss { count: 3, first_seq: 12, last_seq: 21 }));
        assert_eq!(losses.due(start), None);
    }
}
