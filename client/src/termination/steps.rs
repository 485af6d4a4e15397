//! The steps of a termination as they come in; taken up again where the connection breaks.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream as _;
use procwire_proto::v1::{
    TerminatePlan, TerminateProcessesRequest, TerminateProcessesResponse, TerminateProgress, TerminateSignalled,
    TerminateSummary, terminate_processes_response, terminate_progress,
};
use tokio::time::Sleep;
use tonic::Streaming;

use crate::call::CallFuture;
use crate::control::{Action, open_termination};
use crate::{Error, ErrorKind, TerminateEvent, TerminateStep};

/// How often a broken connection is taken up again; one that breaks this often is not worth more.
const TAKEN_UP_AT_MOST: u32 = 3;

/// A termination as it comes in.
pub(crate) struct Steps {
    action: Action,
    request: TerminateProcessesRequest,
    pub(crate) plan: TerminatePlan,
    pub(crate) summary: Option<TerminateSummary>,
    rest: Streaming<TerminateProcessesResponse>,
    /// Under way after a break; then `rest` is what broke.
    taking_up: Option<CallFuture<Streaming<TerminateProcessesResponse>>>,
    /// Messages taken in, without the plan.
    seen: usize,
    /// Messages taken in before the break, with which a repetition begins anew.
    skip: usize,
    taken_up: u32,
    elapsed: Duration,
    deadline: Pin<Box<Sleep>>,
    finished: bool,
}

type PolledEvent = Poll<Option<Result<TerminateEvent, Error>>>;

impl Steps {
    /// Takes up a termination at its first message, the plan.
    pub(crate) fn begin(
        action: Action,
        request: TerminateProcessesRequest,
        first: Option<TerminateProcessesResponse>,
        rest: Streaming<TerminateProcessesResponse>,
    ) -> Result<Self, Error> {
        let plan = plan_of(&action, first)?;
        let deadline = action.call.alarm();
        Ok(Self {
            action,
            request,
            plan,
            summary: None,
            rest,
            taking_up: None,
            seen: 0,
            skip: 0,
            taken_up: 0,
            elapsed: Duration::ZERO,
            deadline,
            finished: false,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<TerminateEvent>, Error> {
        poll_fn(|context| self.poll_event(context)).await.transpose()
    }

    pub(crate) fn without_outcome(&self) -> Error {
        self.action.call.protocol_error("the termination ended without telling what became of each target")
    }

    pub(crate) fn poll_event(&mut self, context: &mut Context<'_>) -> PolledEvent {
        if self.finished {
            return Poll::Ready(None);
        }
        let polled = self.poll_source(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.finished = true;
        }
        polled.map(|event| event.map(|result| result.map_err(|error| self.action.with_outcome_open(error))))
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> PolledEvent {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.action.call.timed_out())));
        }
        loop {
            if let Some(opening) = &mut self.taking_up {
                match ready!(opening.as_mut().poll(context)) {
                    Ok(rest) => (self.rest, self.skip, self.taking_up) = (rest, self.seen, None),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            match ready!(Pin::new(&mut self.rest).poll_next(context)) {
                Some(Ok(_)) if self.skip > 0 => self.skip -= 1,
                Some(Ok(message)) => {
                    self.seen += 1;
                    if let Some(event) = self.take_in(message) {
                        return Poll::Ready(Some(Ok(event)));
                    }
                }
                Some(Err(status)) => {
                    let error = self.action.call.failed(status);
                    let is_lost = error.kind() == ErrorKind::ConnectionLost;
                    if !is_lost || self.plan.dry_run || self.taken_up >= TAKEN_UP_AT_MOST {
                        return Poll::Ready(Some(Err(error)));
                    }
                    self.taken_up += 1;
                    self.taking_up = Some(Box::pin(take_up(self.action.clone(), self.request.clone(), error)));
                }
                None if self.summary.is_some() => return Poll::Ready(None),
                None => {
                    let problem = "the termination ended without its summary";
                    return Poll::Ready(Some(Err(self.action.call.error(ErrorKind::CutShort, problem))));
                }
            }
        }
    }

    fn take_in(&mut self, message: TerminateProcessesResponse) -> Option<TerminateEvent> {
        use terminate_processes_response::Event;

        match message.event? {
            Event::Progress(progress) => self.event(progress),
            Event::Joined(target) => {
                let process = target.r#ref.clone().unwrap_or_default();
                Some(TerminateEvent { process, elapsed: self.elapsed, step: TerminateStep::Joined(Box::new(target)) })
            }
            Event::Summary(summary) => {
                self.summary = Some(summary);
                None
            }
            // A second one is never sent.
            Event::Plan(_) => None,
        }
    }

    fn event(&mut self, progress: TerminateProgress) -> Option<TerminateEvent> {
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
            Step::Refused(refusal) => TerminateStep::Refused(self.action.call.refused(&refusal)),
        };
        self.elapsed = Duration::from_nanos(elapsed_ns);
        Some(TerminateEvent { process: r#ref.unwrap_or_default(), elapsed: self.elapsed, step })
    }
}

/// Asks for the same again: an agent that remembers it tells it from its beginning.
async fn take_up(
    action: Action,
    request: TerminateProcessesRequest,
    lost: Error,
) -> Result<Streaming<TerminateProcessesResponse>, Error> {
    if !action.may_be_repeated().await {
        return Err(lost);
    }
    let (first, rest) = action.call.once(open_termination(&action.call, &request)).await?;
    plan_of(&action, first)?;
    Ok(rest)
}

fn plan_of(action: &Action, first: Option<TerminateProcessesResponse>) -> Result<TerminatePlan, Error> {
    match first.and_then(|message| message.event) {
        Some(terminate_processes_response::Event::Plan(plan)) => Ok(plan),
        _ => Err(action.call.protocol_error("the termination does not begin with its plan")),
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Steps")
            .field("target", &self.action.call.client.target())
            .field("plan", &self.plan)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}
