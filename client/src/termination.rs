//! Terminations under way.

mod many;
mod steps;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use procwire_proto::v1::{TerminatePlan, TerminateSummary};

pub use self::many::{TerminationOutcomes, Terminations};
pub(crate) use self::steps::Steps;
use crate::{Error, TerminateEvent, TerminateStep, TerminationOutcome};

/// A termination under way; made by [`ControlCalls::terminate`](crate::ControlCalls::terminate).
///
/// Read it step by step with [`next`](Self::next) (also as a [`Stream`]), or ask for its [`outcome`](Self::outcome). If the
/// connection breaks, it is [taken up again](crate::ControlCalls#a-connection-that-breaks) at the step that comes next.
/// Dropped: the agent carries on to the end, unless the request said otherwise.
#[derive(Debug)]
#[must_use = "the outcome is told by `outcome` or `next`"]
pub struct Termination(Steps);

impl Termination {
    pub(crate) fn new(steps: Steps) -> Self {
        Self(steps)
    }

    /// What the agent resolved, and the signal, grace period and escalation in force.
    pub fn plan(&self) -> &TerminatePlan {
        &self.0.plan
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.0.plan.request_id
    }

    /// The agent's count of how it came out; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&TerminateSummary> {
        self.0.summary.as_ref()
    }

    /// The next step; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](crate::ErrorKind::CutShort), [`ConnectionLost`](crate::ErrorKind::ConnectionLost) and
    /// [`Timeout`](crate::ErrorKind::Timeout) leave the outcome open: the agent carries on. After an error there is nothing
    /// more.
    ///
    /// ```no_run
    /// # async fn example(mut termination: procwire_client::Termination) -> Result<(), procwire_client::Error> {
    /// while let Some(event) = termination.next().await? {
    ///     println!("{:?} {:?}", event.elapsed, event.step);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Result<Option<TerminateEvent>, Error> {
        self.0.next().await
    }

    /// Waits for the end and tells how it came out.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next), and a refused target:
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PidReused`](crate::ErrorKind::PidReused) or
    /// [`HostRebooted`](crate::ErrorKind::HostRebooted) (all three: [`Error::is_gone`]),
    /// [`ProtectedProcess`](crate::ErrorKind::ProtectedProcess),
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
    pub async fn outcome(mut self) -> Result<TerminationOutcome, Error> {
        let mut told = Told::default();
        let mut outcome = None;
        while let Some(event) = self.next().await? {
            if let Some(result) = told.outcome(event) {
                outcome = Some(result?);
            }
        }
        match outcome {
            Some(outcome) => Ok(outcome),
            None if self.0.plan.dry_run => Ok(TerminationOutcome::DryRun(self.0.plan)),
            None => Err(self.0.without_outcome()),
        }
    }
}

impl Stream for Termination {
    type Item = Result<TerminateEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_event(context)
    }
}

/// What was told of one process so far.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    escalated: bool,
}

impl Told {
    /// The outcome, if this is the step that tells it.
    fn outcome(&mut self, event: TerminateEvent) -> Option<Result<TerminationOutcome, Error>> {
        let TerminateEvent { elapsed, step, .. } = event;
        let escalated = self.escalated;
        match step {
            TerminateStep::Signalled { .. } | TerminateStep::Joined(_) => None,
            TerminateStep::Escalated { .. } => {
                self.escalated = true;
                None
            }
            TerminateStep::Exited(status) => Some(Ok(TerminationOutcome::Exited { status, escalated, elapsed })),
            TerminateStep::StillRunning(state) => {
                Some(Ok(TerminationOutcome::StillRunning { state, escalated, elapsed }))
            }
            TerminateStep::Refused(error) => Some(Err(error)),
        }
    }
}
