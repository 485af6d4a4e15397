//! The steps and the outcome of a termination.

use std::time::Duration;

use procwire_proto::v1::{
    ControlMechanism, ControlTarget, ExitStatus, ProcessRef, ProcessState, Signal, TerminatePlan,
};

use crate::Error;

/// One step of a termination.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TerminateEvent {
    /// The process.
    pub process: ProcessRef,
    /// Since the agent accepted the request, by its monotonic clock; of a process that joined, the time of the step before.
    pub elapsed: Duration,
    /// What happened.
    pub step: TerminateStep,
}

/// What happened to a process that is being terminated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TerminateStep {
    /// The first signal was sent.
    Signalled {
        /// Which.
        signal: Signal,
        /// How.
        mechanism: ControlMechanism,
    },
    /// The grace period passed and a harder signal was sent.
    Escalated {
        /// Which: SIGKILL.
        signal: Signal,
        /// How.
        mechanism: ControlMechanism,
    },
    /// It ended; final.
    Exited(ExitStatus),
    /// It lives on: the request gave up, or it does not react even to SIGKILL; final.
    StillRunning(ProcessState),
    /// It came to be after the plan was made, as a descendant or in the control group, and is ended too.
    Joined(Box<ControlTarget>),
    /// Nothing was done to it, and why; final.
    Refused(Error),
}

/// How a termination came out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TerminationOutcome {
    /// The process ended.
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// True if it took SIGKILL after the grace period.
        escalated: bool,
        /// Since the agent accepted the request.
        elapsed: Duration,
    },
    /// The process lives on.
    StillRunning {
        /// The state it was last seen in.
        state: ProcessState,
        /// True if SIGKILL was sent after the grace period.
        escalated: bool,
        /// Since the agent accepted the request.
        elapsed: Duration,
    },
    /// Nothing was done, because only a dry run was asked for; this is what would have been.
    DryRun(TerminatePlan),
}
