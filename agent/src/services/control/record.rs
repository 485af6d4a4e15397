//! What is written down about a control action: before it is done, and what came of it.

use procwire_host::ProcessHandle;
use procwire_proto::v1::{ProcessRef, TerminateProcessesRequest};

use super::{TERMINATE, request::Termination};
use crate::{
    access::{Principal, Role},
    audit::{Audit, AuditDecision, AuditError, AuditEvent, AuditRecord, AuditTarget},
    status::Failure,
};

/// A malformed request may name a thousand targets; the record names so many.
const TARGETS_OF_AN_UNACCEPTABLE_REQUEST: usize = 8;
/// And so much of its texts.
const TEXT_OF_AN_UNACCEPTABLE_REQUEST: usize = 256;

/// A record in the making.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    event: AuditEvent,
    caller: &'a Principal,
    request_id: &'a str,
    reason: &'a str,
    targets: Vec<AuditTarget<'a>>,
    arguments: String,
    decision: AuditDecision,
    rule: String,
    result: Option<String>,
}

impl<'a> Record<'a> {
    /// It will be done, or would be in a dry run.
    pub(crate) fn decision(caller: &'a Principal, termination: &'a Termination, handle: &'a ProcessHandle) -> Self {
        let decision = if termination.dry_run { AuditDecision::DryRun } else { AuditDecision::Allowed };
        Self {
            event: AuditEvent::Decision,
            targets: vec![opened(handle)],
            rule: format!("role {}", Role::Operator),
            decision,
            ..Self::of(caller, termination)
        }
    }

    /// What came of it.
    pub(crate) fn outcome(
        caller: &'a Principal,
        termination: &'a Termination,
        handle: &'a ProcessHandle,
        result: String,
    ) -> Self {
        let decision = Self::decision(caller, termination, handle);
        Self { event: AuditEvent::Outcome, result: Some(result), ..decision }
    }

    /// It is not done.
    pub(crate) fn refusal(
        caller: &'a Principal,
        termination: &'a Termination,
        handle: Option<&'a ProcessHandle>,
        failure: &Failure,
    ) -> Self {
        let target = handle.map_or_else(|| named(&termination.target), opened);
        Self { targets: vec![target], rule: rule(failure), ..Self::of(caller, termination) }
    }

    /// It is malformed, asks for what is not served, or comes at a wrong time: it did not get as far as its target.
    pub(crate) fn unacceptable(
        caller: &'a Principal,
        request: &'a TerminateProcessesRequest,
        failure: &Failure,
    ) -> Self {
        Self {
            event: AuditEvent::Denial,
            caller,
            request_id: beginning(&request.request_id),
            reason: beginning(&request.reason),
            targets: request.targets.iter().take(TARGETS_OF_AN_UNACCEPTABLE_REQUEST).map(named).collect(),
            arguments: format!("targets={} signal={}", request.targets.len(), request.signal),
            decision: AuditDecision::Denied,
            rule: rule(failure),
            result: None,
        }
    }

    fn of(caller: &'a Principal, termination: &'a Termination) -> Self {
        Self {
            event: AuditEvent::Denial,
            caller,
            request_id: &termination.request_id,
            reason: &termination.reason,
            targets: Vec::new(),
            arguments: termination.to_string(),
            decision: AuditDecision::Denied,
            rule: String::new(),
            result: None,
        }
    }

    /// On disk when this completes.
    pub(crate) async fn write(&self, audit: &Audit) -> Result<(), AuditError> {
        audit.record(self.borrowed()).await
    }

    /// For what is past or was not done: nothing can be held back for want of the record.
    pub(crate) async fn write_or_log(&self, audit: &Audit) {
        if let Err(error) = self.write(audit).await {
            let Self { event, request_id, rule, result, .. } = self;
            tracing::error!(%error, ?event, request_id, rule, ?result, "a control action is not on record");
        }
    }

    fn borrowed(&self) -> AuditRecord<'_> {
        AuditRecord {
            event: self.event,
            principal: self.caller,
            method: TERMINATE,
            request_id: self.request_id,
            reason: self.reason,
            targets: &self.targets,
            arguments: &self.arguments,
            decision: self.decision,
            rule: &self.rule,
            result: self.result.as_deref(),
        }
    }
}

fn rule(failure: &Failure) -> String {
    format!("{}: {failure}", failure.reason().as_code())
}

fn opened(handle: &ProcessHandle) -> AuditTarget<'_> {
    AuditTarget { reference: handle.reference(), name: handle.name(), user_id: handle.effective_uid() }
}

fn named(reference: &ProcessRef) -> AuditTarget<'_> {
    AuditTarget { reference, name: b"", user_id: None }
}

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_OF_AN_UNACCEPTABLE_REQUEST)).unwrap_or(text)
}
