//! A termination under way.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use procwire_proto::v1::{
    TerminatePlan, TerminateProcessesResponse, TerminateProgress, TerminateSignalled, TerminateSummary,
    terminate_processes_response, terminate_progress,
};
use tokio::time::Sleep;
use tonic::Streaming;

use crate::call::Call;
use crate::{Error, ErrorKind, TerminateEvent, TerminateStep, TerminationOutcome};

/// A termination under way; made by [`ControlCalls::terminate`](crate::ControlCalls::terminate).
///
/// Read it step by step with [`next`](Self::next) (also as a [`Stream`]), or ask for its [`outcome`](Self::outcome).
/// Dropped: the agent carries on to the end, unless the request said otherwise.
#[must_use = "the outcome is told by `outcome` or `next`"]
pub struct Termination {
    call: Call,
    plan: TerminatePlan,
    summary: Option<TerminateSummary>,
    rest: Streaming<TerminateProcessesResponse>,
    deadline: Pin<Box<Sleep>>,
    finished: bool,
}

impl Termination {
    /// Takes up a termination at its first message, the plan.
    pub(crate) fn begin(
        call: Call,
        first: Option<TerminateProcessesResponse>,
        rest: Streaming<TerminateProcessesResponse>,
    ) -> Result<Self, Error> {
        match first.and_then(|message| message.event) {
            Some(terminate_processes_response::Event::Plan(plan)) => {
                let deadline = call.alarm();
                Ok(Self { call, plan, summary: None, rest, deadline, finished: false })
            }
            _ => Err(call.protocol_error("the termination does not begin with its plan")),
        }
    }

    /// What the agent resolved, and the signal, grace period and escalation in force.
    pub fn plan(&self) -> &TerminatePlan {
        &self.plan
    }

    /// The request's id, or the one that the agent made.
    pub fn request_id(&self) -> &str {
        &self.plan.request_id
    }

    /// The agent's count of how it came out; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&TerminateSummary> {
        self.summary.as_ref()
    }

    /// The next step; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](ErrorKind::CutShort), [`ConnectionLost`](ErrorKind::ConnectionLost) and
    /// [`Timeout`](ErrorKind::Timeout) leave the outcome open: the agent carries on. After an error there is nothing more.
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
        poll_fn(|context| self.poll_event(context)).await.transpose()
    }

    /// Waits for the end and tells how it came out.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next), and a refused target:
    /// [`NotFound`](ErrorKind::NotFound), [`PidReused`](ErrorKind::PidReused) or
    /// [`HostRebooted`](ErrorKind::HostRebooted) (all three: [`Error::is_gone`]),
    /// [`ProtectedProcess`](ErrorKind::ProtectedProcess), [`PermissionDenied`](ErrorKind::PermissionDenied).
    pub async fn outcome(mut self) -> Result<TerminationOutcome, Error> {
        let mut escalated = false;
        let mut outcome = None;
        while let Some(TerminateEvent { elapsed, step, .. }) = self.next().await? {
            match step {
                TerminateStep::Signalled { .. } => {}
                TerminateStep::Escalated { .. } => escalated = true,
                TerminateStep::Exited(status) => {
                    outcome = Some(TerminationOutcome::Exited { status, escalated, elapsed });
                }
                TerminateStep::StillRunning(state) => {
                    outcome = Some(TerminationOutcome::StillRunning { state, escalated, elapsed });
                }
                TerminateStep::Refused(error) => return Err(error),
            }
        }
        match outcome {
            Some(outcome) => Ok(outcome),
            None if self.plan.dry_run => Ok(TerminationOutcome::DryRun(self.plan)),
            None => Err(self.call.protocol_error("the termination ended without telling what became of its target")),
        }
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<TerminateEvent, Error>>> {
        if self.finished {
            return Poll::Ready(None);
        }
        let polled = self.poll_rest(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.finished = true;
        }
        polled.map(|event| event.map(|result| result.map_err(|error| self.with_outcome_open(error))))
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<TerminateEvent, Error>>> {
        use terminate_processes_response::Event;

        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.call.timed_out())));
        }
        loop {
            match ready!(Pin::new(&mut self.rest).poll_next(context)) {
                Some(Ok(message)) => match message.event {
                    Some(Event::Progress(progress)) => {
                        if let Some(event) = self.event(progress) {
                            return Poll::Ready(Some(Ok(event)));
                        }
                    }
                    Some(Event::Summary(summary)) => self.summary = Some(summary),
                    // A second plan is never sent, and a single process has none that join it; what this version does not know is
                    // passed over.
                    Some(Event::Plan(_) | Event::Joined(_)) | None => {}
                },
                Some(Err(status)) => return Poll::Ready(Some(Err(self.call.failed(status)))),
                None if self.summary.is_some() => return Poll::Ready(None),
                None => {
                    let error = self.call.error(ErrorKind::CutShort, "the termination ended without its summary");
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn event(&self, progress: TerminateProgress) -> Option<TerminateEvent> {
        use terminate_progress::Step;

        let TerminateProgress { r#ref, elapsed_ns, step } = progress;
        let sent = |signalled: &TerminateSignalled| (signalled.signal(), signalled.mechanism());
        let step = match step? {
            Step::Signalled(signalled) => {
                let (signal, mechanism) = sent(&signalled);
                TerminateStep::Signalled { signal, mechanism }
            }
            Step::Escalated(signalled) => {
                let (signal, mechanism) = sent(&signalled);
                TerminateStep::Escalated { signal, mechanism }
            }
            Step::Exited(status) => TerminateStep::Exited(status),
            Step::StillRunning(running) => TerminateStep::StillRunning(running.state()),
            Step::Refused(refusal) => TerminateStep::Refused(self.call.refused(&refusal)),
        };
        Some(TerminateEvent { process: r#ref.unwrap_or_default(), elapsed: Duration::from_nanos(elapsed_ns), step })
    }

    /// Says of a failure that leaves the outcome open how to learn it.
    fn with_outcome_open(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::CutShort | ErrorKind::ConnectionLost | ErrorKind::Timeout => error.with_advice(format!(
                "the outcome is not known here; wait for the process, or look for request {} in the agent's audit record",
                self.plan.request_id
            )),
            _ => error,
        }
    }
}

impl Stream for Termination {
    type Item = Result<TerminateEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl fmt::Debug for Termination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Termination")
            .field("target", &self.call.client.target())
            .field("plan", &self.plan)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}
