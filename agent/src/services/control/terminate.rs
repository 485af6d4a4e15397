//! One termination from its targets' identity to the outcome of each process. Runs detached: what is begun is brought to an end and on
//! record, whether anybody listens or not.
//!
//! A stopped process (SIGSTOP) keeps SIGTERM pending and does not end by it; nothing is done about that here (SIGCONT would let it run
//! for reasons of its own), so it lives through the grace period and is escalated or reported as stopped.

mod acting;
mod asking;
mod joining;
mod resolution;
mod subject;
mod whole;

use std::sync::Arc;

use procwire_proto::v1::{
    Escalation, Signal, TerminatePlan, TerminateProgress, TerminateSummary, terminate_processes_response::Event,
    terminate_progress::Step,
};
use tokio::time::Instant;

use self::{
    acting::{Acting, Stop},
    joining::Subjects,
    resolution::{Refused, Resolution},
    subject::Subject,
};
use super::{
    Shared,
    authorization::Asked,
    record::{Action, Record},
    request::Termination,
    runs::RunLog,
    target,
};
use crate::{
    access::Principal,
    audit::AuditTarget,
    host_pool::Lane,
    services::request::wire_duration,
    status::{Failure, RETRY_AFTER_SHUTDOWN},
};

const METHOD: &str = "TerminateProcesses";
/// Processes that the plan names; those beyond follow it as joined.
const PLAN_TARGETS_MAX: usize = 1024;

pub(super) async fn run(shared: Arc<Shared>, caller: Principal, termination: Termination, log: RunLog) {
    let _agent_waits_for_us = shared.context.shutdown.hold();
    let arguments = termination.to_string();
    let run = Run { shared, caller, termination, arguments, accepted: Instant::now() };
    let run = Arc::new(run);
    let result = run.resolve_and_act(&log).await;
    log.end(result);
}

struct Run {
    shared: Arc<Shared>,
    caller: Principal,
    termination: Termination,
    /// As the audit record has them.
    arguments: String,
    accepted: Instant,
}

impl Run {
    async fn resolve_and_act(self: &Arc<Self>, log: &RunLog) -> Result<(), Failure> {
        let resolution = match self.resolve().await {
            Ok(resolution) => resolution,
            Err(failure) => return Err(self.record_failure(failure).await),
        };
        let Resolution { scope, subjects, refused, .. } = resolution;
        self.record_refusals(&refused).await;
        self.record_decision(subjects.values().filter(|subject| subject.is_open())).await?;
        self.say_plan(log, &subjects, &refused);
        if self.termination.dry_run || subjects.values().all(|subject| !subject.is_open()) {
            log.push(Event::Summary(TerminateSummary { refused: count(refused.len()), ..Default::default() }));
            return Ok(());
        }
        let mut acting = match Acting::new(Arc::clone(self), log, scope, subjects) {
            Ok(acting) => acting,
            Err(failure) => return Err(self.record_failure(failure).await),
        };
        let stop = acting.act().await;
        acting.settle(stop).await;
        self.record_outcome(acting.subjects()).await;
        if let Stop::AgentEnds = stop {
            return Err(Failure::shutting_down(RETRY_AFTER_SHUTDOWN));
        }
        if let Some(problem) = acting.take_problem() {
            return Err(problem);
        }
        let mut summary = acting.summary();
        summary.refused = summary.refused.saturating_add(count(refused.len()));
        log.push(Event::Summary(summary));
        Ok(())
    }

    /// Opens, finds, decides, counts: nothing is done yet, and a failure leaves it at that.
    async fn resolve(self: &Arc<Self>) -> Result<Resolution, Failure> {
        let run = Arc::clone(self);
        let resolution = self.shared.pool.run(Lane::Control, move || Resolution::of(&run)).await??;
        if self.termination.dry_run {
            self.shared.quotas.take_for_dry_run(&self.caller.name, resolution.allowances().len())?;
        } else {
            resolution.demand_at_most(self.termination.at_most)?;
            self.shared.quotas.take(&self.caller.name, resolution.allowances())?;
        }
        Ok(resolution)
    }

    fn action(&self) -> Action<'_> {
        let Termination { request_id, reason, dry_run, .. } = &self.termination;
        let (caller, arguments) = (&self.caller, self.arguments.as_str());
        Action { caller, method: METHOD, request_id, reason, arguments, dry_run: *dry_run }
    }

    fn asked(&self) -> Asked<'_> {
        let Termination { signal, escalate, dry_run, .. } = self.termination;
        let then = escalate.then_some(Signal::Kill as i32);
        Asked { method: METHOD, signal: Some(signal), then, dry_run, ..Asked::default() }
    }

    /// Nothing is done to any of them.
    async fn record_failure(&self, failure: Failure) -> Failure {
        let targets = self.termination.targets.iter().map(|target| (AuditTarget::from(target), &failure));
        Record::refusal(self.action(), targets).write_or_log(&self.shared.context.audit).await;
        failure
    }

    async fn record_refusals(&self, refused: &[Refused]) {
        if !refused.is_empty() {
            let targets = refused.iter().map(|refused| (refused.audited(), &refused.failure));
            Record::refusal(self.action(), targets).write_or_log(&self.shared.context.audit).await;
        }
    }

    /// On disk before anything is done.
    async fn record_decision(&self, subjects: impl Iterator<Item = &Subject>) -> Result<(), Failure> {
        let permitted: Vec<_> = subjects.map(|subject| (&subject.handle, subject.rule.clone())).collect();
        if permitted.is_empty() {
            return Ok(());
        }
        Record::decision(self.action(), permitted).write(&self.shared.context.audit).await
    }

    async fn record_outcome(&self, subjects: impl Iterator<Item = &Subject>) {
        let results: Vec<_> =
            subjects.filter_map(|subject| Some((&subject.handle, subject.outcome_in_words()?))).collect();
        if !results.is_empty() {
            Record::outcome(self.action(), results).write_or_log(&self.shared.context.audit).await;
        }
    }

    fn say_plan(&self, log: &RunLog, subjects: &Subjects, refused: &[Refused]) {
        let Termination { request_id, dry_run, signal, grace, escalate, .. } = &self.termination;
        let then = if *escalate { Escalation::Kill } else { Escalation::GiveUp };
        let mut open: Vec<&Subject> = subjects.values().filter(|subject| subject.is_open()).collect();
        // Stable: below their target in the order in which they were found.
        open.sort_by_key(|subject| subject.target);
        let mut told = open.iter().map(|subject| subject.told());
        let targets = told.by_ref().take(PLAN_TARGETS_MAX).collect();
        let plan = Event::Plan(TerminatePlan {
            request_id: request_id.clone(),
            dry_run: *dry_run,
            targets,
            signal: *signal,
            grace: Some(wire_duration(*grace)),
            then: then.into(),
            resolved: count(open.len()),
        });
        let refusals = refused.iter().map(|refused| {
            let step = Step::Refused(target::error(&refused.failure));
            self.progress(&refused.reference, step)
        });
        log.push_all(std::iter::once(plan).chain(told.map(Event::Joined)).chain(refusals));
    }

    fn progress(&self, reference: &procwire_proto::v1::ProcessRef, step: Step) -> Event {
        Event::Progress(TerminateProgress {
            r#ref: Some(reference.clone()),
            elapsed_ns: u64::try_from(self.accepted.elapsed().as_nanos()).unwrap_or(u64::MAX),
            step: Some(step),
        })
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
