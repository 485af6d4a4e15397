//! What is written down about a control action, whatever it is: before it is done, and what came of each of its targets.
//!
//! A decision or an outcome about many processes is several lines, each with at most [`TARGETS_PER_LINE`] of them, written together: all of
//! a decision's lines are on disk before anything is done. A refusal is one line, whatever its targets, and so is a dry run: it names the
//! first of them and how many there were.

use procwire_host::ProcessHandle;
use procwire_proto::v1::ProcessRef;

use crate::{
    access::Principal,
    audit::{Audit, AuditDecision, AuditEvent, AuditRecord, AuditTarget, Part},
    status::Failure,
};

/// Processes that one line tells of.
const TARGETS_PER_LINE: usize = 64;
/// A malformed request may name a thousand targets; the record names so many.
const TARGETS_OF_AN_UNACCEPTABLE_REQUEST: usize = 8;
/// And so much of its texts.
const TEXT_OF_AN_UNACCEPTABLE_REQUEST: usize = 256;
/// Texts of ours have this room at most.
const ARGUMENTS_MAX_BYTES: usize = 4096;
const WORDS_MAX_BYTES: usize = 512;

/// What is asked for, and by whom: the same in every record of one action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action<'a> {
    pub(crate) caller: &'a Principal,
    /// "TerminateProcesses", as the last part of the method's path has it.
    pub(crate) method: &'static str,
    pub(crate) request_id: &'a str,
    pub(crate) reason: &'a str,
    /// How: "signal=TERM grace=10s". Nothing secret; strings from the system need not be escaped.
    pub(crate) arguments: &'a str,
    pub(crate) dry_run: bool,
}

/// A record in the making.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    event: AuditEvent,
    action: Action<'a>,
    /// The method's whole path.
    method: String,
    decision: AuditDecision,
    subjects: Vec<Subject<'a>>,
    /// Where no target has a rule or result of its own.
    rule: String,
    result: Option<String>,
    /// Targets there were, if not all are named.
    targets_total: usize,
}

/// A process, and what is said of it.
#[derive(Debug)]
struct Subject<'a> {
    target: AuditTarget<'a>,
    rule: String,
    result: Option<String>,
}

impl<'a> Record<'a> {
    /// It will be done to these, each allowed by a rule, or would be in a dry run.
    pub(crate) fn decision<T, R>(action: Action<'a>, permitted: impl IntoIterator<Item = (T, R)>) -> Self
    where
        T: Into<AuditTarget<'a>>,
        R: Into<String>,
    {
        let decision = if action.dry_run { AuditDecision::DryRun } else { AuditDecision::Allowed };
        let subjects = permitted.into_iter().map(|(target, rule)| Subject::new(target.into(), rule.into(), None));
        let mut record = Self::of(AuditEvent::Decision, action, decision, subjects.collect());
        if action.dry_run {
            // Nothing comes of it that would have to be found again, and it costs its caller nothing.
            record.subjects.truncate(TARGETS_PER_LINE);
        }
        record
    }

    /// What came of these: "exited code=0", "signalled", "nice 0 to 5".
    pub(crate) fn outcome<T, R>(action: Action<'a>, results: impl IntoIterator<Item = (T, R)>) -> Self
    where
        T: Into<AuditTarget<'a>>,
        R: Into<String>,
    {
        let decision = if action.dry_run { AuditDecision::DryRun } else { AuditDecision::Allowed };
        let subjects = results.into_iter().map(|(target, result)| {
            Subject::new(target.into(), String::new(), Some(cut(&result.into(), WORDS_MAX_BYTES).to_owned()))
        });
        Self::of(AuditEvent::Outcome, action, decision, subjects.collect())
    }

    /// It is not done to these, each for its own failure.
    pub(crate) fn refusal<T>(action: Action<'a>, refused: impl IntoIterator<Item = (T, &'a Failure)>) -> Self
    where
        T: Into<AuditTarget<'a>>,
    {
        let subjects = refused.into_iter().map(|(target, failure)| Subject::new(target.into(), rule(failure), None));
        Self::of(AuditEvent::Denial, action, AuditDecision::Denied, subjects.collect()).named_at_most(TARGETS_PER_LINE)
    }

    /// It is malformed, asks for what is not served, or comes at a wrong time: it did not get as far as its targets. The texts of `action`
    /// may be the caller's own, unchecked.
    pub(crate) fn unacceptable(action: Action<'a>, targets: &'a [ProcessRef], failure: &Failure) -> Self {
        let action = Action {
            request_id: cut(action.request_id, TEXT_OF_AN_UNACCEPTABLE_REQUEST),
            reason: cut(action.reason, TEXT_OF_AN_UNACCEPTABLE_REQUEST),
            ..action
        };
        let named = targets.iter().take(TARGETS_OF_AN_UNACCEPTABLE_REQUEST);
        let subjects = named.map(|target| Subject::new(target.into(), String::new(), None)).collect();
        let record = Self::of(AuditEvent::Denial, action, AuditDecision::Denied, subjects);
        Self { rule: rule(failure), targets_total: targets.len(), ..record }
    }

    fn of(event: AuditEvent, action: Action<'a>, decision: AuditDecision, mut subjects: Vec<Subject<'a>>) -> Self {
        let rule = shared(&subjects, |subject| Some(&subject.rule)).unwrap_or_default();
        let result = shared(&subjects, |subject| subject.result.as_ref());
        for subject in &mut subjects {
            if subject.rule == rule {
                subject.rule.clear();
            }
            if result.is_some() {
                subject.result = None;
            }
        }
        let targets_total = subjects.len();
        let method = format!("/procwire.v1.ControlService/{}", action.method);
        Self { event, action, method, decision, subjects, rule, result, targets_total }
    }

    fn named_at_most(mut self, most: usize) -> Self {
        self.subjects.truncate(most);
        if self.rule.is_empty() {
            // Denials are counted by their rules, so that one of several has to stand for all.
            self.rule = self.subjects.first().map(|subject| format!("several, {}", subject.rule)).unwrap_or_default();
        }
        self
    }

    /// On disk when this completes. Await a decision before its effect.
    ///
    /// # Errors
    /// AUDIT_UNAVAILABLE: do nothing, and let the caller have it.
    pub(crate) async fn write(&self, audit: &Audit) -> Result<(), Failure> {
        let targets: Vec<AuditTarget<'_>> = self.subjects.iter().map(Subject::borrowed).collect();
        let records = self.lines(&targets);
        audit.record_all(&records).await.map_err(|error| Failure::audit_unavailable(&error))
    }

    /// For what is past or was not done: nothing can be held back for want of the record.
    pub(crate) async fn write_or_log(&self, audit: &Audit) {
        if let Err(error) = self.write(audit).await {
            let Self { event, rule, result, method, action: Action { request_id, .. }, .. } = self;
            tracing::error!(%error, ?event, method, request_id, rule, ?result, "a control action is not on record");
        }
    }

    fn lines<'b>(&'b self, targets: &'b [AuditTarget<'b>]) -> Vec<AuditRecord<'b>> {
        let Self { event, action, method, decision, rule, result, targets_total, .. } = self;
        let Action { caller, method: _, request_id, reason, arguments, dry_run: _ } = *action;
        let whole = AuditRecord {
            request_id,
            reason,
            arguments: cut(arguments, ARGUMENTS_MAX_BYTES),
            rule,
            result: result.as_deref(),
            targets,
            targets_total: (*targets_total > targets.len()).then_some(*targets_total),
            ..AuditRecord::new(*event, caller, method, *decision)
        };
        if targets.len() <= TARGETS_PER_LINE {
            return vec![whole];
        }
        let of = targets.len().div_ceil(TARGETS_PER_LINE);
        let parts = targets.chunks(TARGETS_PER_LINE).enumerate().map(|(index, targets)| AuditRecord {
            targets,
            part: Some(Part { number: index.saturating_add(1), of }),
            ..whole
        });
        parts.collect()
    }
}

impl<'a> Subject<'a> {
    fn new(target: AuditTarget<'a>, rule: String, result: Option<String>) -> Self {
        Self { target, rule, result }
    }

    fn borrowed(&self) -> AuditTarget<'_> {
        let rule = (!self.rule.is_empty()).then_some(self.rule.as_str());
        AuditTarget { rule, result: self.result.as_deref(), ..self.target }
    }
}

impl<'a> From<&'a ProcessHandle> for AuditTarget<'a> {
    fn from(handle: &'a ProcessHandle) -> Self {
        Self { name: handle.name(), user_id: handle.effective_uid(), ..Self::from(handle.reference()) }
    }
}

impl<'a> From<&'a std::sync::Arc<ProcessHandle>> for AuditTarget<'a> {
    fn from(handle: &'a std::sync::Arc<ProcessHandle>) -> Self {
        Self::from(handle.as_ref())
    }
}

/// What all of them say, if they do.
fn shared<'b>(subjects: &'b [Subject<'_>], text: impl Fn(&'b Subject<'_>) -> Option<&'b String>) -> Option<String> {
    let first = text(subjects.first()?)?;
    subjects.iter().all(|subject| text(subject) == Some(first)).then(|| first.clone())
}

fn rule(failure: &Failure) -> String {
    let text = format!("{}: {failure}", failure.reason().as_code());
    cut(&text, WORDS_MAX_BYTES).to_owned()
}

fn cut(text: &str, most_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(most_bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
