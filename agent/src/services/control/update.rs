//! UpdateProcess: scheduling and limits of a process, changed and read back.

mod job;

use std::sync::Arc;

use procwire_proto::v1::{SettingResult, UpdateProcessRequest, UpdateProcessResponse};

use self::job::{Changed, Job};
use super::{
    Shared,
    answers::Question,
    authorization::Permit,
    record::{Action, Record},
    request::{Update, setting_in_words},
    target,
};
use crate::{access::Principal, status::Failure};

const METHOD: &str = "UpdateProcess";

pub(super) async fn answer(
    shared: Arc<Shared>,
    caller: Principal,
    request: UpdateProcessRequest,
) -> Result<UpdateProcessResponse, Failure> {
    let begun = Update::parse(&request).and_then(|update| {
        let question = Question {
            caller: &caller.name,
            request_id: &update.request_id,
            dry_run: update.dry_run,
            processes: 1,
            contents: update.clone(),
        };
        let run = Run { shared: Arc::clone(&shared), caller: caller.clone(), update: update.clone() };
        shared.updates.begin(question, || run.act())
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

async fn unacceptable(shared: &Shared, caller: &Principal, request: &UpdateProcessRequest, failure: &Failure) {
    let UpdateProcessRequest { request_id, reason, dry_run, r#ref, update_mask, .. } = request;
    let paths = update_mask.as_ref().map(|mask| mask.paths.len()).unwrap_or_default();
    let arguments = format!("settings={paths}");
    let action = Action { caller, method: METHOD, request_id, reason, arguments: &arguments, dry_run: *dry_run };
    Record::unacceptable(action, r#ref.as_slice(), failure).write_or_log(&shared.context.audit).await;
}

struct Run {
    shared: Arc<Shared>,
    caller: Principal,
    update: Update,
}

impl Run {
    /// Fails only where nothing was done.
    async fn act(self) -> Result<UpdateProcessResponse, Failure> {
        let _agent_waits_for_us = self.shared.context.shutdown.hold();
        let arguments = self.update.to_string();
        let Update { request_id, reason, dry_run, .. } = &self.update;
        let (caller, dry_run) = (&self.caller, *dry_run);
        let action = Action { caller, method: METHOD, request_id, reason, arguments: &arguments, dry_run };
        let audit = &self.shared.context.audit;
        let job = Job::new(&self.shared, caller, &self.update);
        let resolved = match job.resolve().await {
            Ok(resolved) => resolved,
            Err(failure) => {
                Record::refusal(action, [(&self.update.target, &failure)]).write_or_log(audit).await;
                return Err(failure);
            }
        };
        let permit = match resolved.permit.clone().and_then(|permit| self.count(&permit).map(|()| permit)) {
            Ok(permit) => permit,
            Err(failure) => {
                Record::refusal(action, [(&resolved.handle, &failure)]).write_or_log(audit).await;
                return Err(failure);
            }
        };
        let decision = Record::decision(action, [(&resolved.handle, permit.rule)]);
        decision.write(audit).await.map_err(|error| Failure::audit_unavailable(&error))?;
        let foreseen = Changed { results: resolved.foreseen.clone(), after: None };
        let changed = if dry_run { Ok(foreseen) } else { job.change(&resolved).await };
        let Changed { results, after } = match changed {
            Ok(changed) => changed,
            Err(failure) => {
                let words = format!("not done, {}: {failure}", failure.reason().as_code());
                Record::outcome(action, [(&resolved.handle, words)]).write_or_log(audit).await;
                return Err(failure);
            }
        };
        let response = UpdateProcessResponse {
            request_id: request_id.clone(),
            before: Some(resolved.before.clone()),
            after,
            target: Some(target::held(&resolved.handle, 0)),
            dry_run,
            results,
        };
        if !dry_run {
            self.shared.context.counters.control_actions.increment();
            Record::outcome(action, [(&resolved.handle, in_words(&response))]).write_or_log(audit).await;
        }
        Ok(response)
    }

    /// The caller's quota.
    fn count(&self, permit: &Permit) -> Result<(), Failure> {
        let quotas = &self.shared.quotas;
        if self.update.dry_run {
            quotas.take_for_dry_run(&self.caller.name, 1)
        } else {
            self.shared.quotas.take(&self.caller.name, [permit.allowances()])
        }
    }
}

/// "nice 0 to 5, cpu_affinity refused, AGENT_LACKS_PRIVILEGE: ...".
fn in_words(response: &UpdateProcessResponse) -> String {
    let one = |result: &SettingResult| {
        let SettingResult { path, error, threads_changed, threads_failed } = result;
        let of = |settings: Option<_>| settings.map_or_else(|| "?".to_owned(), |now| setting_in_words(now, path));
        let values = format!("{} to {}", of(response.before.as_ref()), of(response.after.as_ref()));
        let threads = match (threads_changed, threads_failed) {
            (0 | 1, 0) | (0, 1) => String::new(),
            (changed, 0) => format!(" of {changed} threads"),
            (changed, failed) => format!(" of {changed} threads, not of {failed}"),
        };
        match error {
            None => format!("{path}{threads} {values}"),
            Some(error) => format!("{path}{threads} refused, {}: {}", error.reason().as_code(), error.detail),
        }
    };
    response.results.iter().map(one).collect::<Vec<_>>().join("; ")
}
