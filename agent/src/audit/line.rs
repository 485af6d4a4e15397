//! From a record to its JSON line. Whatever came from a caller or a process is escaped.

use std::{sync::Arc, time::SystemTime};

use procwire_proto::{escape, v1::ProcessRef};
use prost_types::Timestamp;
use serde::Serialize;

use super::AuditError;
use crate::access::Principal;

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// At which step.
    pub event: AuditEvent,
    /// Who asked.
    pub principal: &'a Principal,
    /// For what: "/procwire.v1.ControlService/TerminateProcesses".
    pub method: &'a str,
    /// The caller's name for this action, or the agent's.
    pub request_id: &'a str,
    /// Why, in the caller's words.
    pub reason: &'a str,
    /// On what.
    pub targets: &'a [AuditTarget<'a>],
    /// How: "signal=TERM grace=10s".
    pub arguments: &'a str,
    /// What was decided.
    pub decision: AuditDecision,
    /// By which rule: "role operator", "protected: pid 1".
    pub rule: &'a str,
    /// What came of it: "exited code=0".
    pub result: Option<&'a str>,
    /// How many targets there were, if not all are named.
    pub targets_total: Option<usize>,
    /// Which of the lines this is, if it takes several to name the targets.
    pub part: Option<Part>,
}

/// One line of several about the same thing.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Part {
    /// Counted from 1.
    pub number: usize,
    /// Lines in all.
    pub of: usize,
}

impl<'a> AuditRecord<'a> {
    /// Nothing said yet but who did what.
    pub fn new(event: AuditEvent, principal: &'a Principal, method: &'a str, decision: AuditDecision) -> Self {
        Self {
            event,
            principal,
            method,
            request_id: "",
            reason: "",
            targets: &[],
            arguments: "",
            decision,
            rule: "",
            result: None,
            targets_total: None,
            part: None,
        }
    }
}

/// A process that is acted on.
#[derive(Clone, Copy, Debug)]
pub struct AuditTarget<'a> {
    /// The process.
    pub reference: &'a ProcessRef,
    /// Its name, as the kernel has it.
    pub name: &'a [u8],
    /// Its effective user.
    pub user_id: Option<u32>,
    /// By which rule, where it is not that of the whole record.
    pub rule: Option<&'a str>,
    /// What came of this one, where it is not that of the whole record.
    pub result: Option<&'a str>,
}

impl<'a> From<&'a ProcessRef> for AuditTarget<'a> {
    /// One that was not looked at.
    fn from(reference: &'a ProcessRef) -> Self {
        Self { reference, name: b"", user_id: None, rule: None, result: None }
    }
}

/// The step that a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// Before the effect.
    Decision,
    /// After it.
    Outcome,
    /// A call that was refused.
    Denial,
    /// Somebody was given what is sensitive.
    Access,
    /// The first record of a chain.
    Begin,
    /// The first record of a file that an earlier one goes before.
    Continue,
    /// The file was not as it was left.
    Mend,
    /// The agent started.
    Start,
    /// The agent stopped in order; without this, it did not.
    Stop,
    /// Changed files are in force: certificates, lists, the policy.
    Reloaded,
    /// Changed files cannot be used; what was in force stays.
    ReloadRefused,
    /// A caller was cut off whose certificate is not good any more.
    ClientCutOff,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditDecision {
    /// It is done.
    Allowed,
    /// It is only looked at.
    DryRun,
    /// It is not done.
    Denied,
}

/// A record with nothing borrowed, ready to be written.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    time: String,
    pub(super) event: AuditEvent,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) principal: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    roles: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) method: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    request_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets_total: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<Part>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) arguments: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<AuditDecision>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// How many more there were like this one since it was first written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repeated: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct Target {
    pid: u32,
    start_ticks: u64,
    boot_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

impl Line {
    pub(super) fn new(record: &AuditRecord<'_>) -> Line {
        let AuditRecord {
            event,
            principal,
            method,
            request_id,
            reason,
            targets,
            arguments,
            decision,
            rule,
            result,
            targets_total,
            part,
        } = *record;
        let Principal { name, roles, certificate_serial, peer, .. } = principal;
        Line {
            time: now(),
            event,
            principal: escaped(name),
            roles: roles.to_string(),
            serial: certificate_serial.clone(),
            peer: peer.map(|address| address.to_string()),
            method: escaped(method),
            request_id: escaped(request_id),
            reason: escaped(reason),
            targets: targets.iter().map(Target::new).collect(),
            targets_total,
            part,
            arguments: escaped(arguments),
            decision: Some(decision),
            rule: escaped(rule),
            result: result.map(escaped),
            repeated: None,
        }
    }

    /// What happened to a caller, though nobody decided on a call.
    pub(super) fn about(event: AuditEvent, principal: &Principal, method: &str, arguments: &str, result: &str) -> Line {
        let record = AuditRecord::new(event, principal, method, AuditDecision::Allowed);
        let result = (!result.is_empty()).then_some(result);
        Line { decision: None, ..Line::new(&AuditRecord { arguments, result, ..record }) }
    }

    /// What the agent did by itself.
    pub(super) fn of_agent(event: AuditEvent, arguments: &str, result: &str) -> Line {
        let line = Line::about(event, &Principal::nobody(), "", arguments, result);
        Line { principal: String::new(), roles: String::new(), ..line }
    }

    /// The same denial, `count` times more by now.
    pub(super) fn repeated(self, count: u64) -> Line {
        Line { time: now(), repeated: Some(count), ..self }
    }

    pub(super) fn to_json(&self) -> Result<String, AuditError> {
        serde_json::to_string(self).map_err(|error| AuditError::Json(Arc::new(error)))
    }
}

impl Target {
    fn new(target: &AuditTarget<'_>) -> Target {
        let AuditTarget { reference, name, user_id, rule, result } = *target;
        Target {
            pid: reference.pid,
            start_ticks: reference.start_ticks,
            boot_id: reference.boot_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            name: escape::terminal(name).into_owned(),
            user_id,
            rule: rule.map(escaped),
            result: result.map(escaped),
        }
    }
}

fn escaped(text: &str) -> String {
    escape::terminal(text.as_bytes()).into_owned()
}

fn now() -> String {
    Timestamp::from(SystemTime::now()).to_string()
}
