//! A process of a run, and what became of it.

use std::sync::Arc;

use procwire_host::{Member, ProcessHandle};
use procwire_proto::v1::{ControlTarget, ExitStatus, ProcessRef, ProcessState};

use crate::{
    services::control::{ending::in_words, target},
    status::Failure,
};

/// A process of a run.
pub(super) struct Subject {
    pub(super) handle: Arc<ProcessHandle>,
    /// A target as it was named, in all that is said of it, so that whoever named it knows it again.
    pub(super) reference: ProcessRef,
    cgroup: Option<Vec<u8>>,
    /// Which target it belongs to.
    pub(super) target: usize,
    /// The rule that lets it be ended.
    pub(super) rule: String,
    pub(super) fate: Fate,
    /// SIGKILL was sent after the grace period.
    pub(super) escalated: bool,
}

/// What became of a process.
pub(super) enum Fate {
    /// Nobody knows yet.
    Open,
    /// Refused with its target: nothing is said of it alone.
    Outside,
    Exited(ExitStatus),
    StillRunning(ProcessState),
    /// The kernel, or a rule against one that joined.
    Refused(Failure),
    /// The caller hung up, and had asked to stop in that case.
    CallerLeft(ProcessState),
    AgentEnds(ProcessState),
}

impl Subject {
    pub(super) fn new(member: &Member, target: usize, decision: Result<String, Fate>) -> Self {
        let reference = member.handle.reference().clone();
        let (rule, fate) = match decision {
            Ok(rule) => (rule, Fate::Open),
            Err(fate) => (String::new(), fate),
        };
        let (handle, cgroup) = (Arc::clone(&member.handle), member.cgroup.clone());
        Self { handle, reference, cgroup, target, rule, fate, escalated: false }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.fate, Fate::Open)
    }

    /// As messages have it.
    pub(super) fn told(&self) -> ControlTarget {
        ControlTarget {
            r#ref: Some(self.reference.clone()),
            cgroup: self.cgroup.clone(),
            ..target::held(&self.handle, self.target)
        }
    }

    /// For the audit record; `None` of one that was not part of it.
    pub(super) fn outcome_in_words(&self) -> Option<String> {
        let words = match &self.fate {
            Fate::Outside => return None,
            Fate::Open => "unknown".to_owned(),
            Fate::Exited(status) => format!("exited {}", in_words(status)),
            Fate::StillRunning(state) => format!("still running, {}", state.as_words()),
            Fate::Refused(failure) => format!("refused, {}: {failure}", failure.reason().as_code()),
            Fate::CallerLeft(state) => {
                format!("stopped because the caller hung up; still running, {}", state.as_words())
            }
            Fate::AgentEnds(state) => format!("stopped because the agent ends; still running, {}", state.as_words()),
        };
        Some(if self.escalated { format!("escalated, {words}") } else { words })
    }
}
