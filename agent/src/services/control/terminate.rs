//! One termination from its target's identity to its outcome. Runs detached: what is begun is brought to an end and on record, whether
//! anybody listens or not.
//!
//! A stopped process (SIGSTOP) keeps SIGTERM pending and does not end by it; nothing is done about that here (SIGCONT would let it run
//! for reasons of its own), so it lives through the grace period and is escalated or reported as stopped.

use std::{sync::Arc, time::Duration};

use procwire_host::{ControlError, ProcessHandle};
use procwire_proto::v1::{
    ControlTarget, Escalation, ExitStatus, ProcessState, Signal, TargetError, TerminatePlan, TerminateProgress,
    TerminateSignalled, TerminateStillRunning, TerminateSummary, terminate_processes_response::Event,
    terminate_progress::Step,
};
use tokio::time::{Instant, sleep};

use super::{
    Shared,
    authorization::{Asked, Permit},
    ending::{Watched, in_words},
    record::{Action, Record},
    request::{KILL_WAIT, Termination},
    runs::RunLog,
    wait::watch,
};
use crate::{
    access::Principal,
    audit::AuditTarget,
    host_pool::Lane,
    services::request::wire_duration,
    status::{Failure, RETRY_AFTER_SHUTDOWN},
};

/// What the end of the agent leaves a run for its last wait.
const LAST_WAIT: Duration = Duration::from_secs(3);

pub(super) async fn run(shared: Arc<Shared>, caller: Principal, termination: Termination, log: RunLog) {
    let _agent_waits_for_us = shared.context.shutdown.hold();
    let arguments = termination.to_string();
    let run = Run { shared, caller, termination, arguments, log, accepted: Instant::now() };
    let result = run.resolve_and_act().await;
    run.log.end(result);
}

struct Run {
    shared: Arc<Shared>,
    caller: Principal,
    termination: Termination,
    /// As the audit record has them.
    arguments: String,
    log: RunLog,
    accepted: Instant,
}

/// How a target fared.
enum Outcome {
    Exited(ExitStatus),
    StillRunning(ProcessState),
    /// The kernel refused the signal.
    Refused(Failure),
    /// The caller hung up, and had asked to stop in that case.
    CallerLeft(ProcessState),
    AgentEnds(ProcessState),
}

/// Why a wait was over.
enum Waited {
    Ended(ExitStatus),
    TimeUp,
    CallerLeft,
    AgentEnds,
}

impl Run {
    async fn resolve_and_act(&self) -> Result<(), Failure> {
        let (host, target) = (Arc::clone(&self.shared.context.host), self.termination.target.clone());
        let handle = match self.shared.pool.run(Lane::Control, move || ProcessHandle::open(&host, &target)).await {
            Ok(Ok(handle)) => handle,
            Ok(Err(error)) => return self.refuse(None, error.into()).await,
            Err(error) => return Err(self.record_refusal(None, error.into()).await),
        };
        let asked = Asked {
            method: "TerminateProcesses",
            signal: Some(self.termination.signal),
            then: self.termination.escalate.then_some(Signal::Kill as i32),
            settings: &[],
            dry_run: self.termination.dry_run,
        };
        let permit = match self.shared.authorization.decide(&self.caller, asked, &handle) {
            Ok(permit) => permit,
            Err(failure) => return self.refuse(Some(&handle), failure).await,
        };
        match watch(handle, &self.shared) {
            Ok(watched) => self.decide_and_act(&watched, permit).await,
            Err(failure) => Err(self.record_refusal(None, failure).await),
        }
    }

    fn action(&self) -> Action<'_> {
        let Termination { request_id, reason, dry_run, .. } = &self.termination;
        Action {
            caller: &self.caller,
            method: "TerminateProcesses",
            request_id,
            reason,
            arguments: &self.arguments,
            dry_run: *dry_run,
        }
    }

    async fn record_refusal(&self, handle: Option<&ProcessHandle>, failure: Failure) -> Failure {
        let target = handle.map_or_else(|| AuditTarget::from(&self.termination.target), AuditTarget::from);
        let record = Record::refusal(self.action(), [(target, &failure)]);
        record.write_or_log(&self.shared.context.audit).await;
        failure
    }

    /// Nothing is done; the answer says why.
    async fn refuse(&self, handle: Option<&ProcessHandle>, failure: Failure) -> Result<(), Failure> {
        let failure = self.record_refusal(handle, failure).await;
        self.say_plan(handle);
        self.say(Step::Refused(target_error(&failure)));
        self.log.push(Event::Summary(TerminateSummary { refused: 1, ..Default::default() }));
        Ok(())
    }

    /// The decision is on record before anything is done.
    async fn decide_and_act(&self, watched: &Watched, permit: Permit) -> Result<(), Failure> {
        let audit = &self.shared.context.audit;
        Record::decision(self.action(), [(watched.handle(), permit.rule)]).write(audit).await?;
        self.say_plan(Some(watched.handle()));
        if self.termination.dry_run {
            self.log.push(Event::Summary(TerminateSummary::default()));
            return Ok(());
        }
        let (result, escalated) = self.act(watched).await;
        let words = result.as_ref().map_or_else(|failure| format!("unknown: {failure}"), Outcome::in_words);
        let words = if escalated { format!("escalated, {words}") } else { words };
        Record::outcome(self.action(), [(watched.handle(), words)]).write_or_log(audit).await;
        self.say_outcome(result?, escalated)
    }

    /// Signal, wait, escalate, wait. Also tells whether SIGKILL was sent as escalation.
    async fn act(&self, watched: &Watched) -> (Result<Outcome, Failure>, bool) {
        let Termination { signal, grace, escalate, .. } = self.termination;
        if self.termination.stop_on_disconnect && !self.log.is_followed() {
            return (Ok(Outcome::CallerLeft(watched.state().await)), false);
        }
        match self.signal(watched, signal, Step::Signalled).await {
            Ok(Ok(())) => {}
            Ok(Err(outcome)) => return (Ok(outcome), false),
            Err(failure) => return (Err(failure), false),
        }
        if let Some(outcome) = self.wait(watched, grace).await {
            return (Ok(outcome), false);
        }
        if !escalate || signal == Signal::Kill as i32 {
            return (Ok(Outcome::StillRunning(watched.state().await)), false);
        }
        match self.signal(watched, Signal::Kill as i32, Step::Escalated).await {
            Ok(Ok(())) => {}
            Ok(Err(outcome)) => return (Ok(outcome), false),
            Err(failure) => return (Err(failure), false),
        }
        let outcome = match self.wait(watched, KILL_WAIT).await {
            Some(outcome) => outcome,
            None => Outcome::StillRunning(watched.state().await),
        };
        (Ok(outcome), true)
    }

    /// Sends a signal and says so. The inner error is what became of the target instead.
    async fn signal(
        &self,
        watched: &Watched,
        number: i32,
        step: impl FnOnce(TerminateSignalled) -> Step,
    ) -> Result<Result<(), Outcome>, Failure> {
        let handle = Arc::clone(watched.handle());
        match self.shared.pool.run(Lane::Control, move || handle.signal(number)).await? {
            Ok(mechanism) => {
                self.shared.context.counters.control_actions.increment();
                self.say(step(TerminateSignalled { signal: number, mechanism: mechanism.into() }));
                Ok(Ok(()))
            }
            // It ended between two looks.
            Err(ControlError::Gone { .. }) => Ok(Err(Outcome::Exited(watched.ended().await))),
            Err(error) => Ok(Err(Outcome::Refused(error.into()))),
        }
    }

    /// `None`: the time is up and it lives.
    async fn wait(&self, watched: &Watched, limit: Duration) -> Option<Outcome> {
        match self.wait_for_end(watched, limit).await {
            Waited::Ended(status) => Some(Outcome::Exited(status)),
            Waited::TimeUp => None,
            Waited::CallerLeft => Some(Outcome::CallerLeft(watched.state().await)),
            Waited::AgentEnds => Some(Outcome::AgentEnds(watched.state().await)),
        }
    }

    async fn wait_for_end(&self, watched: &Watched, limit: Duration) -> Waited {
        let agent_ends = async {
            self.shared.context.shutdown.signalled().await;
            sleep(LAST_WAIT).await;
        };
        tokio::select! {
            biased;
            status = watched.ended() => Waited::Ended(status),
            () = sleep(limit) => Waited::TimeUp,
            () = self.log.everyone_left(), if self.termination.stop_on_disconnect => Waited::CallerLeft,
            () = agent_ends => Waited::AgentEnds,
        }
    }

    fn say_plan(&self, handle: Option<&ProcessHandle>) {
        let Termination { request_id, dry_run, signal, grace, escalate, .. } = &self.termination;
        let then = if *escalate { Escalation::Kill } else { Escalation::GiveUp };
        self.log.push(Event::Plan(TerminatePlan {
            request_id: request_id.clone(),
            dry_run: *dry_run,
            targets: handle.map(resolved).into_iter().collect(),
            signal: *signal,
            grace: Some(wire_duration(*grace)),
            then: then.into(),
            resolved: u32::from(handle.is_some()),
        }));
    }

    fn say(&self, step: Step) {
        self.log.push(Event::Progress(TerminateProgress {
            r#ref: Some(self.termination.target.clone()),
            elapsed_ns: u64::try_from(self.accepted.elapsed().as_nanos()).unwrap_or(u64::MAX),
            step: Some(step),
        }));
    }

    fn say_outcome(&self, outcome: Outcome, escalated: bool) -> Result<(), Failure> {
        let mut summary = TerminateSummary { escalated, ..Default::default() };
        match outcome {
            Outcome::Exited(status) => {
                summary.exited = 1;
                self.say(Step::Exited(status));
            }
            Outcome::StillRunning(state) | Outcome::CallerLeft(state) => {
                summary.still_running = 1;
                self.say(Step::StillRunning(TerminateStillRunning { state: state.into() }));
            }
            Outcome::Refused(failure) => {
                summary.refused = 1;
                self.say(Step::Refused(target_error(&failure)));
            }
            Outcome::AgentEnds(_) => return Err(Failure::shutting_down(RETRY_AFTER_SHUTDOWN)),
        }
        self.log.push(Event::Summary(summary));
        Ok(())
    }
}

impl Outcome {
    /// For the audit record.
    fn in_words(&self) -> String {
        match self {
            Self::Exited(status) => format!("exited {}", in_words(status)),
            Self::StillRunning(state) => format!("still running, {}", state.as_words()),
            Self::Refused(failure) => format!("refused, {}: {failure}", failure.reason().as_code()),
            Self::CallerLeft(state) => {
                format!("stopped because the caller hung up; still running, {}", state.as_words())
            }
            Self::AgentEnds(state) => format!("stopped because the agent ends; still running, {}", state.as_words()),
        }
    }
}

fn resolved(handle: &ProcessHandle) -> ControlTarget {
    ControlTarget {
        r#ref: Some(handle.reference().clone()),
        name: Some(handle.name().to_vec()),
        uid: handle.effective_uid(),
        mechanism: handle.mechanism().into(),
        target_index: 0,
        cgroup: None,
    }
}

fn target_error(failure: &Failure) -> TargetError {
    TargetError { reason: failure.reason().into(), detail: failure.message().to_owned() }
}
