//! Ending a tree or a control group whole: it is held still, those who joined are decided on and put on record, and then everybody is
//! killed. Whatever goes wrong between, nobody stays stopped who was not killed.

use std::{collections::HashSet, sync::Arc, time::Duration};

use procwire_host::Held;
use procwire_proto::v1::Signal;

use super::{
    acting::{Acting, Sent, lock},
    joining::{Decisions, Subjects, new_subjects},
};
use crate::{host_pool::Lane, status::Failure};

/// How long everybody is waited for to stand still. A process in an uninterruptible wait does not, and is killed all the same.
const HOLD_WITHIN: Duration = Duration::from_secs(2);

impl Acting<'_> {
    pub(super) async fn kill_whole(&mut self, sent: Sent) {
        let (held, joined) = self.hold().await;
        // Those that were decided on before a hold failed are part of the run like all others.
        self.admit(joined).await;
        match held {
            Ok(held) => self.kill_held(held, sent).await,
            Err(failure) => {
                self.has_problem(failure);
                let places = self.open().collect();
                self.signal(places, Signal::Kill as i32, sent).await;
            }
        }
    }

    async fn hold(&self) -> (Result<Held, Failure>, Subjects) {
        let (run, scope) = (Arc::clone(&self.run), Arc::clone(&self.scope));
        let hold = move || {
            let mut scope = lock(&scope);
            let mut decisions = Decisions::new();
            let held = scope.hold(&run.shared.context.host, HOLD_WITHIN, &mut |place, member| {
                let decision = run.decide_joined(member);
                let is_permitted = decision.is_ok();
                decisions.push((place, decision));
                is_permitted
            });
            (held, new_subjects(&scope, decisions))
        };
        match self.run.shared.pool.run(Lane::Control, hold).await {
            Ok((held, joined)) => (held.map_err(Failure::from), joined),
            Err(error) => (Err(error.into()), Subjects::new()),
        }
    }

    async fn kill_held(&mut self, held: Held, sent: Sent) {
        let scope = Arc::clone(&self.scope);
        // Those that are on record, and no others, whatever the scope says.
        let open: HashSet<usize> = self.open().collect();
        let kill = move || held.kill(&lock(&scope), &|member| open.contains(&member));
        match self.run.shared.pool.run(Lane::Control, kill).await {
            Ok(results) => self.take_results(results, Signal::Kill as i32, sent),
            Err(error) => {
                let request_id = &self.run.termination.request_id;
                tracing::error!(%error, request_id, "processes that were held were not killed");
            }
        }
    }
}
