//! Processes that joined the scope after the plan: forked meanwhile, or moved into the group.

use std::sync::Arc;

use procwire_host::Member;
use procwire_proto::v1::{terminate_processes_response::Event, terminate_progress::Step};

use super::{
    Run,
    acting::{Acting, Sent, Stage, lock},
    subject::{Fate, Subject},
};
use crate::{host_pool::Lane, services::control::target, status::Failure};

/// What was decided of those that joined, in the order of members.
pub(super) type Decisions = Vec<Result<String, Failure>>;

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
                if decision.is_err() {
                    scope.spare(place);
                }
                decisions.push(decision);
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
    pub(super) async fn admit(&mut self, joined: Vec<Subject>) -> Vec<usize> {
        let first = self.subjects.len();
        let mut events = Vec::new();
        for subject in &joined {
            events.push(Event::Joined(subject.told()));
            if let Fate::Refused(failure) = &subject.fate {
                let step = Step::Refused(target::error(failure));
                events.push(self.run.progress(&subject.reference, step));
            }
        }
        self.subjects.extend(joined);
        self.say(events);
        let recorded = self.run.record_decision(self.new_open(first)).await;
        let places: Vec<usize> = (first..self.subjects.len())
            .filter(|place| self.subjects.get(*place).is_some_and(Subject::is_open))
            .collect();
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
        if let Err(error) = self.run.shared.pool.run(Lane::Control, spare).await {
            tracing::error!(%error, "processes that joined without a record could not be spared");
        }
        for place in places {
            self.settle_one(place, Fate::Refused(failure.clone()));
        }
        Vec::new()
    }

    fn new_open(&self, first: usize) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().skip(first).filter(|subject| subject.is_open())
    }

    fn await_end(&mut self, place: usize) {
        let Some(subject) = self.subjects.get(place) else { return };
        if let Err(error) = self.endings.add(place, &subject.handle) {
            // Its end is seen when the run settles.
            tracing::warn!(%error, "the end of a process that joined cannot be awaited");
        }
    }
}

/// The last members, as many as were decided on.
pub(super) fn new_subjects(scope: &procwire_host::Scope, decisions: Decisions) -> Vec<Subject> {
    let first = scope.members().len().saturating_sub(decisions.len());
    let subject = |(place, decision): (usize, Result<String, Failure>)| {
        let target = scope.target_of(place).unwrap_or_default();
        Some(Subject::new(scope.members().get(place)?, target, decision.map_err(Fate::Refused)))
    };
    (first..).zip(decisions).filter_map(subject).collect()
}
