//! SignalProcesses.

use std::fmt;

use procwire_proto::v1::{ProcessRef, SignalProcessesRequest};

use super::Scope;
use crate::status::Failure;

/// Processes to be signalled, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signalling {
    /// Given by the caller, or made.
    pub(crate) request_id: String,
    pub(crate) reason: String,
    pub(crate) dry_run: bool,
    pub(crate) targets: Vec<ProcessRef>,
    /// A number the kernel knows: the enum of the wire has no names for real-time signals.
    pub(crate) signal: i32,
    pub(crate) scope: Scope,
    /// No more processes than these are hit.
    pub(crate) at_most: usize,
}

impl Signalling {
    pub(crate) fn parse(request: &SignalProcessesRequest) -> Result<Self, Failure> {
        let SignalProcessesRequest {
            request_id,
            reason,
            dry_run,
            targets,
            signal,
            confirm_count,
            scope,
            confirm_at_most,
        } = request;
        let targets = super::targets(targets)?;
        let signal = super::signal(*signal)?;
        let scope = super::scope(*scope)?;
        let request_id = super::request_id(request_id)?;
        let reason = super::reason(reason)?;
        let at_most = super::confirm_at_most(*confirm_at_most, scope, &targets)?;
        super::confirm_count(*confirm_count, &targets, *dry_run)?;
        Ok(Self { request_id, reason, dry_run: *dry_run, targets, signal, scope, at_most })
    }
}

/// As the audit record has it.
impl fmt::Display for Signalling {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signal, scope, targets, .. } = self;
        write!(formatter, "signal={} scope={} targets={}", super::signal_name(*signal), scope.name(), targets.len())
    }
}

#[cfg(test)]
mod tests;
