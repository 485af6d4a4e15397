//! SignalProcesses: one signal to each target, whatever becomes of the others.
//!
//! SIGSTOP to a tree or a control group goes from its top down, and then to those that were forked meanwhile, until a look finds nobody
//! new: what is stopped makes no more. Every other signal goes once, to those farthest down first, so that a parent that restarts its
//! children has none left when its turn comes.

mod found;

use std::sync::{Arc, Mutex, PoisonError};

use procwire_host::ProcessHandle;
use procwire_proto::v1::{ErrorReason, Signal, SignalProcessesRequest, SignalProcessesResponse};

use self::found::Found;
use super::{
    Shared,
    answers::{Question, lost},
    authorization::{Asked, Permit},
    record::{Action, Record},
    request::{Scope, Signalling, signal_name},
};
use crate::{access::Principal, host_pool::Lane, status::Failure};

const METHOD: &str = "SignalProcesses";

pub(super) async fn answer(
    shared: Arc<Shared>,
    caller: Principal,
    request: SignalProcessesRequest,
) -> Result<SignalProcessesResponse, Failure> {
    let begun = Signalling::parse(&request).and_then(|signalling| {
        let question = Question {
            caller: &caller.name,
            request_id: &signalling.request_id,
            dry_run: signalling.dry_run,
            processes: signalling.at_most,
            contents: signalling.clone(),
        };
        let run = Run { shared: Arc::clone(&shared), caller: caller.clone(), signalling: signalling.clone() };
        shared.signals.begin(question, || run.act())
    });
    match begun {
        Ok(pending) => pending.answer().await,
        Err(failure) => {
            let told = failure.clone();
            // A task of its own: it is on record even if the caller hangs up now.
            let record = tokio::spawn(async move { unacceptable(&shared, &caller, &request, &told).await });
            record.await.map_err(|_| Failure::internal("the record of a refusal panicked"))?;
            Err(failure)
        }
    }
}

async fn unacceptable(shared: &Shared, caller: &Principal, request: &SignalProcessesRequest, failure: &Failure) {
    let SignalProcessesRequest { request_id, reason, dry_run, targets, signal, .. } = request;
    let arguments = format!("targets={} signal={}", targets.len(), signal_name(*signal));
    let action = Action { caller, method: METHOD, request_id, reason, arguments: &arguments, dry_run: *dry_run };
    Record::unacceptable(action, targets, failure).write_or_log(&shared.context.audit).await;
}

struct Run {
    shared: Arc<Shared>,
    caller: Principal,
    signalling: Signalling,
}

/// What became of a wave of signals.
enum Sent {
    /// Each has its fate; these joined meanwhile, and are next.
    Done(Found, Vec<usize>),
    /// Nothing was done.
    NotBegun(Found, Failure),
    /// The job did not come back.
    Lost,
}

impl Run {
    /// Fails only where nothing was done, or where nobody can tell.
    async fn act(self) -> Result<SignalProcessesResponse, Failure> {
        let _agent_waits_for_us = self.shared.context.shutdown.hold();
        let run = Arc::new(self);
        let arguments = run.signalling.to_string();
        let action = run.action(&arguments);
        let audit = &run.shared.context.audit;
        let mut found = run.find_allowed(action).await?;
        found.record_refusals(action, audit).await;
        let mut wave = if run.stops_what_forks() { found.active() } else { found.deepest_first() };
        found.record_decision(action, &wave, audit).await?;
        let mut has_acted = false;
        while !run.signalling.dry_run && !wave.is_empty() {
            match run.send(found, wave.clone()).await {
                Sent::Done(after, joined) => (found, wave, has_acted) = (after, joined, true),
                Sent::NotBegun(after, failure) => {
                    found = after;
                    found.give_up(&wave, &failure);
                    found.record_outcome(action, audit).await;
                    if has_acted {
                        break;
                    }
                    return Err(failure);
                }
                Sent::Lost => {
                    let targets = run.signalling.targets.iter().map(|target| (target, "unknown"));
                    Record::outcome(action, targets).write_or_log(audit).await;
                    return Err(lost());
                }
            }
            if let Err(failure) = found.record_decision(action, &wave, audit).await {
                found.give_up(&wave, &failure);
                wave.clear();
            }
        }
        found.record_outcome(action, audit).await;
        let Signalling { request_id, dry_run, .. } = &run.signalling;
        Ok(SignalProcessesResponse { request_id: request_id.clone(), results: found.results(), dry_run: *dry_run })
    }

    fn action<'a>(&'a self, arguments: &'a str) -> Action<'a> {
        let Signalling { request_id, reason, dry_run, .. } = &self.signalling;
        Action { caller: &self.caller, method: METHOD, request_id, reason, arguments, dry_run: *dry_run }
    }

    /// What is to be signalled: decided, as many as the caller counted, and within the quota. A failure is on record.
    async fn find_allowed(self: &Arc<Self>, action: Action<'_>) -> Result<Found, Failure> {
        let run = Arc::clone(self);
        let found = match self.shared.pool.run(Lane::Control, move || run.find()).await {
            Ok(found) => found,
            Err(error) => Err(error.into()),
        };
        let allowed = found.and_then(|found| self.allow(&found).map(|()| found));
        if let Err(failure) = &allowed {
            let refused = self.signalling.targets.iter().map(|target| (target, failure));
            Record::refusal(action, refused).write_or_log(&self.shared.context.audit).await;
        }
        allowed
    }

    /// Opens every target, decides, finds what belongs to it, and decides on that. On the host pool.
    fn find(&self) -> Result<Found, Failure> {
        let mut found = Found::open(&self.shared.context.host, &self.signalling, |handle| self.decide(handle))?;
        for member in 0..found.len() {
            match self.decide_member(&found, member) {
                Ok(permit) => found.permit(member, permit),
                Err(failure) => found.refuse(member, &failure),
            }
        }
        Ok(found)
    }

    fn decide_member(&self, found: &Found, member: usize) -> Result<Permit, Failure> {
        self.decide(found.handle(member).ok_or_else(|| Failure::internal("a member of a scope is missing"))?)
    }

    fn decide(&self, handle: &ProcessHandle) -> Result<Permit, Failure> {
        let Signalling { signal, dry_run, .. } = self.signalling;
        let asked = Asked { method: METHOD, signal: Some(signal), dry_run, ..Asked::default() };
        self.shared.authorization.decide(&self.caller, asked, handle)
    }

    fn allow(&self, found: &Found) -> Result<(), Failure> {
        if self.signalling.dry_run {
            return self.shared.quotas.take_for_dry_run(&self.caller.name, found.allowances().len());
        }
        let (count, most) = (found.active().len(), self.signalling.at_most);
        if count > most {
            return Err(too_many(count, most));
        }
        self.shared.quotas.take(&self.caller.name, found.allowances())
    }

    fn stops_what_forks(&self) -> bool {
        self.signalling.signal == Signal::Stop as i32 && self.signalling.scope != Scope::Process
    }

    async fn send(self: &Arc<Self>, found: Found, wave: Vec<usize>) -> Sent {
        // Whoever takes it out of here has it: the job, or whoever finds that the job has not begun, which then finds nothing.
        let slot = Arc::new(Mutex::new(Some(found)));
        let (run, jobs_slot) = (Arc::clone(self), Arc::clone(&slot));
        let job = move || {
            let mut found = take(&jobs_slot)?;
            let joined = run.send_on_pool(&mut found, &wave);
            Some((found, joined))
        };
        match self.shared.pool.run(Lane::Control, job).await {
            Ok(Some((found, joined))) => Sent::Done(found, joined),
            Ok(None) => Sent::Lost,
            Err(error) => take(&slot).map_or(Sent::Lost, |found| Sent::NotBegun(found, error.into())),
        }
    }

    fn send_on_pool(&self, found: &mut Found, wave: &[usize]) -> Vec<usize> {
        let sent = wave.iter().filter(|member| found.signal(**member, self.signalling.signal)).count();
        self.shared.context.counters.control_actions.add(sent.try_into().unwrap_or(u64::MAX));
        if !self.stops_what_forks() {
            return Vec::new();
        }
        let joined = found.look_again(&self.shared.context.host);
        for member in joined.iter().copied() {
            let permit = self.decide_member(found, member).and_then(|permit| {
                let (count, most) = (found.active().len().saturating_add(1), self.signalling.at_most);
                if count > most { Err(too_many(count, most)) } else { Ok(permit) }
            });
            match permit {
                Ok(permit) => found.permit(member, permit),
                Err(failure) => found.spare(member, failure),
            }
        }
        joined.into_iter().filter(|member| found.is_active(*member)).collect()
    }
}

fn take(slot: &Mutex<Option<Found>>) -> Option<Found> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn too_many(count: usize, most: usize) -> Failure {
    let problem = format!(
        "{count} processes belong to the targets, and confirm_at_most allows {most}; a dry run tells which they are; set it to {count} or more if you mean them all"
    );
    Failure::new(ErrorReason::ConfirmCountMismatch, problem)
        .with_field("confirm_at_most", format!("is less than {count}"))
        .with_metadata("count", &count)
}
