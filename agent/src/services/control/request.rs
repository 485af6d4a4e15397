//! Requests of ControlService, parsed once into what is meant. Nothing past this door checks a field again.

use std::{fmt, time::Duration};

use procwire_proto::v1::{
    ControlScope, DisconnectAction, ErrorReason, Escalation, ProcessRef, Signal, TerminateProcessesRequest,
    WaitProcessRequest,
};

use crate::{services::request, status::Failure};

const DEFAULT_GRACE: Duration = Duration::from_secs(10);
const LONGEST_GRACE: Duration = Duration::from_secs(3600);
/// SIGKILL is not to be reacted to: what lives on after this time is in state D and may stay there.
pub(crate) const KILL_WAIT: Duration = Duration::from_secs(5);
const TARGETS_MAX: usize = 1024;
const REASON_MAX_BYTES: usize = 1024;
const REQUEST_ID_MAX_BYTES: usize = 128;

/// One process to be ended, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Termination {
    /// Given by the caller, or made.
    pub(crate) request_id: String,
    pub(crate) reason: String,
    pub(crate) dry_run: bool,
    pub(crate) target: ProcessRef,
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
            // Bounds trees and control groups, which are not served yet.
            confirm_at_most: _,
        } = request;
        let target = parse_targets(targets)?;
        let signal = parse_signal(*signal)?;
        let escalate = parse_escalation(*then)?;
        let grace = parse_grace(grace.as_ref(), signal, escalate)?;
        parse_scope(*scope)?;
        let stop_on_disconnect = parse_disconnect(*on_disconnect)?;
        let request_id = parse_request_id(request_id)?;
        demand_at_most("reason", reason, REASON_MAX_BYTES)?;
        if let Some(count @ (0 | 2..)) = confirm_count {
            let problem = format!("confirm_count is {count} and the request resolves to 1 process; nothing was done");
            return Err(
                Failure::new(ErrorReason::ConfirmCountMismatch, problem).with_field("confirm_count", "is not 1")
            );
        }
        let (reason, dry_run) = (reason.clone(), *dry_run);
        Ok(Self { request_id, reason, dry_run, target, signal, grace, escalate, stop_on_disconnect })
    }

    /// The signal as a message has it.
    pub(crate) fn signal_name(&self) -> String {
        signal_name(self.signal)
    }
}

/// As the audit record has it.
impl fmt::Display for Termination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "signal={} grace={:?} then={} scope=process on_disconnect={}",
            self.signal_name(),
            self.grace,
            if self.escalate { "kill" } else { "give_up" },
            if self.stop_on_disconnect { "stop" } else { "continue" },
        )
    }
}

/// "TERM", or "RT 40".
pub(crate) fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("RT {number}"), |signal| signal.as_code().to_owned())
}

fn parse_targets(targets: &[ProcessRef]) -> Result<ProcessRef, Failure> {
    for (index, target) in targets.iter().take(TARGETS_MAX).enumerate() {
        request::reference(&format!("targets[{index}]"), target)?;
    }
    match targets {
        [only] => Ok(only.clone()),
        [] => Err(Failure::invalid("targets", "is empty: name the process to end by its whole ref")),
        many if many.len() > TARGETS_MAX => {
            Err(Failure::invalid("targets", format!("has {} entries; at most {TARGETS_MAX} are taken", many.len())))
        }
        _ => Err(Failure::field_not_served("targets", "this version takes one target a call: call once for each")),
    }
}

fn parse_signal(signal: i32) -> Result<i32, Failure> {
    match signal {
        0 => Ok(Signal::Term as i32),
        // The only one that can neither end a process nor be caught by it.
        19 => Err(Failure::invalid("signal", "is STOP, which does not end a process")),
        1..=31 | 34..=64 => Ok(signal),
        // 32 and 33 are the C library's own (signal(7)).
        other => Err(Failure::invalid("signal", format!("is {other}; signals are 1 to 31 and 34 to 64"))),
    }
}

fn parse_escalation(then: i32) -> Result<bool, Failure> {
    match Escalation::try_from(then) {
        Ok(Escalation::Unspecified | Escalation::Kill) => Ok(true),
        Ok(Escalation::GiveUp) => Ok(false),
        Err(_) => Err(unknown_number("then", then)),
    }
}

fn parse_grace(grace: Option<&prost_types::Duration>, signal: i32, escalate: bool) -> Result<Duration, Failure> {
    let Some(grace) = grace else {
        return Ok(if signal == Signal::Kill as i32 { KILL_WAIT } else { DEFAULT_GRACE });
    };
    let shortest = if escalate { Duration::ZERO } else { Duration::from_nanos(1) };
    request::duration("grace", grace, shortest..=LONGEST_GRACE)
}

fn parse_scope(scope: i32) -> Result<(), Failure> {
    match ControlScope::try_from(scope) {
        Ok(ControlScope::Unspecified | ControlScope::Process) => Ok(()),
        Ok(ControlScope::Tree | ControlScope::Cgroup) => {
            Err(Failure::field_not_served("scope", "this version ends the process alone: call once for each"))
        }
        Err(_) => Err(unknown_number("scope", scope)),
    }
}

fn parse_disconnect(on_disconnect: i32) -> Result<bool, Failure> {
    match DisconnectAction::try_from(on_disconnect) {
        Ok(DisconnectAction::Unspecified | DisconnectAction::Continue) => Ok(false),
        Ok(DisconnectAction::Stop) => Ok(true),
        Err(_) => Err(unknown_number("on_disconnect", on_disconnect)),
    }
}

fn parse_request_id(given: &str) -> Result<String, Failure> {
    demand_at_most("request_id", given, REQUEST_ID_MAX_BYTES)?;
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::internal(&format!("the kernel gave no random bytes for a request id: {error}")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

fn demand_at_most(path: &str, text: &str, most_bytes: usize) -> Result<(), Failure> {
    if text.len() <= most_bytes {
        return Ok(());
    }
    Err(Failure::invalid(path, format!("has {} bytes; at most {most_bytes} are taken", text.len())))
}

fn unknown_number(path: &str, number: i32) -> Failure {
    Failure::invalid(path, format!("is {number}, which this version of the agent does not know"))
}

/// A process to be waited for, and how long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WaitSpec {
    pub(crate) target: ProcessRef,
    pub(crate) timeout: Duration,
}

impl WaitSpec {
    pub(crate) fn parse(request: WaitProcessRequest, longest: Duration) -> Result<Self, Failure> {
        let WaitProcessRequest { r#ref, timeout } = request;
        let target = r#ref.ok_or_else(|| Failure::invalid("ref", "is missing: name the process by its whole ref"))?;
        request::reference("ref", &target)?;
        let timeout = timeout.map(|timeout| request::duration("timeout", &timeout, Duration::ZERO..=longest));
        Ok(Self { target, timeout: timeout.transpose()?.unwrap_or(longest) })
    }
}

#[cfg(test)]
mod tests;
