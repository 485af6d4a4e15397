//! TerminateProcesses.

use std::{fmt, time::Duration};

use procwire_proto::v1::{DisconnectAction, Escalation, ProcessRef, Signal, TerminateProcessesRequest};

use super::Scope;
use crate::{services::request, status::Failure};

const DEFAULT_GRACE: Duration = Duration::from_secs(10);
const LONGEST_GRACE: Duration = Duration::from_secs(3600);
/// SIGKILL is not to be reacted to: what lives on after this time is in state D and may stay there.
pub(crate) const KILL_WAIT: Duration = Duration::from_secs(5);

/// Processes to be ended, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Termination {
    /// Given by the caller, or made.
    pub(crate) request_id: String,
    pub(crate) reason: String,
    pub(crate) dry_run: bool,
    /// Each once.
    pub(crate) targets: Vec<ProcessRef>,
    pub(crate) scope: Scope,
    /// The most processes that may belong to the targets.
    pub(crate) at_most: usize,
    /// A number the kernel knows: the enum of the wire has no names for real-time signals.
    pub(crate) signal: i32,
    pub(crate) grace: Duration,
    /// Send SIGKILL after the grace period.
    pub(crate) escalate: bool,
    /// Take no further step when the caller hangs up.
    pub(crate) stop_on_disconnect: bool,
}

impl Termination {
    pub(crate) fn parse(request: &TerminateProcessesRequest) -> Result<Self, Failure> {
        let TerminateProcessesRequest {
            request_id,
            reason,
            dry_run,
            targets,
            signal,
            grace,
            then,
            scope,
            on_disconnect,
            confirm_count,
            confirm_at_most,
        } = request;
        let targets = super::targets(targets)?;
        let signal = parse_signal(*signal)?;
        let escalate = parse_escalation(*then)?;
        let grace = parse_grace(grace.as_ref(), signal, escalate)?;
        let scope = super::scope(*scope)?;
        let stop_on_disconnect = parse_disconnect(*on_disconnect)?;
        let request_id = super::request_id(request_id)?;
        let reason = super::reason(reason)?;
        super::confirm_count(*confirm_count, &targets, *dry_run)?;
        let at_most = super::confirm_at_most(*confirm_at_most, scope, &targets)?;
        let dry_run = *dry_run;
        Ok(Self { request_id, reason, dry_run, targets, scope, at_most, signal, grace, escalate, stop_on_disconnect })
    }

    /// The signal as a message has it.
    pub(crate) fn signal_name(&self) -> String {
        super::signal_name(self.signal)
    }
}

/// As the audit record has it.
impl fmt::Display for Termination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "signal={} grace={:?} then={} scope={} on_disconnect={}",
            self.signal_name(),
            self.grace,
            if self.escalate { "kill" } else { "give_up" },
            self.scope.name(),
            if self.stop_on_disconnect { "stop" } else { "continue" },
        )?;
        match self.scope {
            Scope::Process => Ok(()),
            Scope::Tree | Scope::Cgroup => write!(formatter, " confirm_at_most={}", self.at_most),
        }
    }
}

fn parse_signal(number: i32) -> Result<i32, Failure> {
    match number {
        0 => Ok(Signal::Term as i32),
        // The only one that can neither end a process nor be caught by it.
        19 => Err(Failure::invalid("signal", "is STOP, which does not end a process")),
        other => super::signal(other),
    }
}

fn parse_escalation(then: i32) -> Result<bool, Failure> {
    match Escalation::try_from(then) {
        Ok(Escalation::Unspecified | Escalation::Kill) => Ok(true),
        Ok(Escalation::GiveUp) => Ok(false),
        Err(_) => Err(super::unknown_number("then", then)),
    }
}

fn parse_grace(grace: Option<&prost_types::Duration>, signal: i32, escalate: bool) -> Result<Duration, Failure> {
    let Some(grace) = grace else {
        return Ok(if signal == Signal::Kill as i32 { KILL_WAIT } else { DEFAULT_GRACE });
    };
    let shortest = if escalate { Duration::ZERO } else { Duration::from_nanos(1) };
    request::duration("grace", grace, shortest..=LONGEST_GRACE)
}

fn parse_disconnect(on_disconnect: i32) -> Result<bool, Failure> {
    match DisconnectAction::try_from(on_disconnect) {
        Ok(DisconnectAction::Unspecified | DisconnectAction::Continue) => Ok(false),
        Ok(DisconnectAction::Stop) => Ok(true),
        Err(_) => Err(super::unknown_number("on_disconnect", on_disconnect)),
    }
}

#[cfg(test)]
mod tests;
