//! Ending a tree or a control group whole: it is held still, those who joined are decided on and put on record, and then everybody is
//! killed. Whatever goes wrong between, nobody stays stopped who was not killed.

use std::{sync::Arc, time::Duration};

use procwire_host::Held;
use procwire_proto::v1::Signal;

use super::{
    acting::{Acting, Sent, lock},
    joining::{Decisions, new_subjects},
    subject::Subject,
};
use crate::{host_pool::Lane, status::Failure};

/// How long everybody is waited for to stand still. A process in an uninterruptible wait does not, and is killed all the same.
const HOLD_WITHIN: Duration = Duration::from_secs(2);

impl Acting<'_> {
    pub(super) async fn kill_whole(&mut self, sent: Sent) {
        match self.hold().await {
            Ok((held, joined)) => {
                self.admit(joined).await;
                self.kill_held(held, sent).await;
            }
            Err(failure) => {
                self.has_problem(failure);
                let open = self.subjects.iter().enumerate().filter(|(_, subject)| subject.is_open());
                let places = open.map(|(place, _)| place).collect();
                self.signal(places, Signal::Kill as i32, sent).await;
            }
        }
    }

    async fn hold(&self) -> Result<(Held, Vec<Subject>), Failure> {
        let (run, scope) = (Arc::clone(&self.run), Arc::clone(&self.scope));
        let hold = move || {
            let mut scope = lock(&scope);
            let mut decisions = Decisions::new();
            let held = scope.hold(&run.shared.context.host, HOLD_WITHIN, &mut |member| {
                let decision = run.decide_joined(member);
                let is_permitted = decision.is_ok();
                decisions.push(decision);
                is_permitted
            });
            (held, new_subjects(&scope, decisions))
        };
        let (held, joined) = self.run.shared.pool.run(Lane::Control, hold).await?;
        Ok((held?, joined))
    }

    async fn kill_held(&mut self, held: Held, sent: Sent) {
        let scope = Arc::clone(&self.scope);
        let kill = move || held.kill(&lock(&scope));
        match self.run.shared.pool.run(Lane::Control, kill).await {
            Ok(results) => self.take_results(results, Signal::Kill as i32, sent),
            Err(error) => {
                let request_id = &self.run.termination.request_id;
                tracing::error!(%error, request_id, "processes that were held were not killed");
            }
        }
    }
}
