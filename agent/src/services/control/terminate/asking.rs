//! Asking again before a kill: the grace period may be an hour, and what was allowed when it began may be forbidden at its end.

use std::sync::Arc;

use procwire_proto::v1::ErrorReason;

use super::{
    acting::{Acting, lock},
    subject::Fate,
};
use crate::{host_pool::Lane, status::Failure};

impl Acting<'_> {
    /// Decides once more on everybody who is left. One that may not be ended any more is spared, and reported as refused.
    ///
    /// # Errors
    /// Nobody could be asked, so that nobody may be killed.
    pub(super) async fn ask_again(&mut self) -> Result<(), Failure> {
        let (run, scope) = (Arc::clone(&self.run), Arc::clone(&self.scope));
        let handle = |place: usize| Some((place, Arc::clone(&self.subjects.get(&place)?.handle)));
        let open: Vec<_> = self.open().filter_map(handle).collect();
        let ask = move || {
            let decided = open.into_iter().filter_map(|(place, handle)| Some((place, run.decide(&handle).err()?)));
            // What is gone is no more than that, and its end is told.
            let denied: Vec<_> = decided.filter(|(_, denial)| denial.reason() != ErrorReason::ProcessGone).collect();
            let mut scope = lock(&scope);
            denied.iter().for_each(|(place, _)| scope.spare(*place));
            denied
        };
        for (place, denial) in self.run.shared.pool.run(Lane::Control, ask).await? {
            self.settle_one(place, Fate::Refused(denial));
        }
        Ok(())
    }
}
