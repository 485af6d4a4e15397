//! Processes that joined the scope after the plan: forked meanwhile, or moved into the group.

use std::{collections::BTreeMap, sync::Arc};

use procwire_host::Member;
use procwire_proto::v1::{terminate_processes_response::Event, terminate_progress::Step};

use super::{
    Run,
    acting::{Acting, Sent, Stage, lock},
    subject::{Fate, Subject},
};
use crate::{host_pool::Lane, services::control::target, status::Failure};

/// What was decided of those that joined, each with its number in the scope.
pub(super) type Decisions = Vec<(usize, Result<String, Failure>)>;

/// Processes of a run, by their numbers in the scope.
pub(super) type Subjects = BTreeMap<usize, Subject>;

impl Run {
    /// On the host pool.
    pub(super) fn decide_joined(&self, member: &Member) -> Result<String, Failure> {
        self.decide(&member.handle).map(|permit| permit.rule)
    }
}

impl Acting<'_> {
    /// Looks once, and deals with those who joined. Tells whether there were any to be acted on.
    pub(super) async fn look_for_joined(&mut self, stage: Stage) -> bool {
        let (run, scope) = (Arc::clone(&self.run), Arc::clone(&self.scope));
        let look = move || {
            let mut scope = lock(&scope);
            let joined = scope.rescan(&run.shared.context.host)?;
            let mut decisions = Decisions::new();
            for place in joined {
                let Some(member) = scope.members().get(place) else { continue };
                let decision = run.decide_joined(member);
                if decision.is_ok() {
                    scope.permit(place);
                } else {
                    scope.spare(place);
                }
                decisions.push((place, decision));
            }
            Ok::<_, Failure>(new_subjects(&scope, decisions))
        };
        let joined = match self.run.shared.pool.run(Lane::Control, look).await.map_err(Failure::from) {
            Ok(Ok(joined)) => joined,
            Ok(Err(failure)) | Err(failure) => {
                self.has_problem(failure);
                return false;
            }
        };
        let places = self.admit(joined).await;
        if places.is_empty() {
            return false;
        }
        match stage {
            Stage::Signalled => self.signal(places, self.run.termination.signal, Sent::First).await,
            Stage::Killed(sent) => self.kill_whole(sent).await,
        }
        true
    }

    /// Makes them part of the run: told as joined, decided and on record. Tells which are to be acted on.
    pub(super) async fn admit(&mut self, joined: Subjects) -> Vec<usize> {
        let mut events = Vec::new();
        for subject in joined.values() {
            events.push(Event::Joined(subject.told()));
            if let Fate::Refused(failure) = &subject.fate {
                let step = Step::Refused(target::error(failure));
                events.push(self.run.progress(&subject.reference, step));
            }
        }
        self.say(events);
        let recorded = self.run.record_decision(joined.values().filter(|subject| subject.is_open())).await;
        let places: Vec<usize> =
            joined.iter().filter(|(_, subject)| subject.is_open()).map(|(place, _)| *place).collect();
        self.subjects.extend(joined);
        let failure = match recorded {
            Ok(()) => {
                for place in &places {
                    self.await_end(*place);
                }
                return places;
            }
            Err(failure) => failure,
        };
        let (scope, spared) = (Arc::clone(&self.scope), places.clone());
        let spare = move || {
            let mut scope = lock(&scope);
            spared.into_iter().for_each(|place| scope.spare(place));
        };
        // They are not killed in any case, for their fates are settled; they may only be stopped once more.
        if let Err(error) = self.run.shared.pool.run(Lane::Control, spare).await {
            tracing::error!(%error, "processes that joined without a record could not be spared");
        }
        for place in places {
            self.settle_one(place, Fate::Refused(failure.clone()));
        }
        Vec::new()
    }

    fn await_end(&mut self, place: usize) {
        let Some(subject) = self.subjects.get(&place) else { return };
        if let Err(error) = self.endings.add(place, &subject.handle) {
            // Its end is seen when the run settles.
            tracing::warn!(%error, "the end of a process that joined cannot be awaited");
        }
    }
}

/// Those that were decided on.
pub(super) fn new_subjects(scope: &procwire_host::Scope, decisions: Decisions) -> Subjects {
    let subject = |(place, decision): (usize, Result<String, Failure>)| {
        let target = scope.target_of(place).unwrap_or_default();
        Some((place, Subject::new(scope.members().get(place)?, target, decision.map_err(Fate::Refused))))
    };
    decisions.into_iter().filter_map(subject).collect()
}
