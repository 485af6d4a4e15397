//! Waiting for the ends of several processes.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use procwire_proto::v1::{
    ExitStatus, ProcessRef, ProcessState, WaitProcessesRequest, WaitProcessesResponse, WaitResult, WaitSummary,
    wait_processes_response, wait_result,
};
use tokio::time::Sleep;
use tonic::Streaming;

use super::{LONGEST_WAIT, MARGIN, WaitOutcome};
use crate::call::{Call, CallFuture, wire_duration};
use crate::{Client, Error, ErrorKind};

/// Processes to be waited for; made by [`ControlCalls::wait_many`](crate::ControlCalls::wait_many).
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct WaitProcesses {
    client: Client,
    request: WaitProcessesRequest,
    time: Duration,
}

/// Processes that are being waited for; made by [`ControlCalls::wait_many`](crate::ControlCalls::wait_many).
///
/// Read it with [`next`](Self::next) (also as a [`Stream`]), one result per process in the order in which they end, or ask for
/// the [`outcome`](Self::outcome) of all. Dropped: the agent stops waiting.
#[must_use = "results are read by `next` or `outcome`"]
pub struct Waiting {
    call: Call,
    rest: Streaming<WaitProcessesResponse>,
    summary: Option<WaitSummary>,
    deadline: Pin<Box<Sleep>>,
    finished: bool,
}

/// What became of one process that was waited for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitEvent {
    /// The process.
    pub process: ProcessRef,
    /// Which one of those named, counted from 0.
    pub index: usize,
    /// How long the agent waited for it.
    pub waited: Duration,
    /// How it ended, or that it had not when the time was up; an error if it could not be waited for:
    /// [`is_gone`](Error::is_gone) if it had ended before.
    pub result: Result<WaitOutcome, Error>,
}

/// How waiting for several processes came out, as psutil's `wait_procs` has it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WaitOutcomes {
    /// Those that ended, in that order; also those that had ended before the call, whose exit status is lost.
    pub gone: Vec<(ProcessRef, ExitStatus)>,
    /// Those that live on, with the state they were last seen in.
    pub alive: Vec<(ProcessRef, ProcessState)>,
    /// Those that could not be waited for, and why.
    pub refused: Vec<(ProcessRef, Error)>,
}

impl WaitProcesses {
    pub(crate) fn new(client: Client, request: WaitProcessesRequest) -> Self {
        Self { client, request, time: LONGEST_WAIT }
    }

    /// How long to wait for all together, at most an hour; zero looks once. Default: an hour. When it is up those left are
    /// [`WaitOutcome::StillRunning`], no error; the deadline of the call is 10 s later.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl IntoFuture for WaitProcesses {
    type Output = Result<Waiting, Error>;
    type IntoFuture = CallFuture<Waiting>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, mut request, time } = self;
            request.timeout = Some(wire_duration(time));
            let call = Call::begin(&client, "wait for processes", client.time_for(None, MARGIN, time));
            let rest = call.once(client.control_service().wait_processes(call.request(request))).await?.into_inner();
            let deadline = call.alarm();
            Ok(Waiting { call, rest, summary: None, deadline, finished: false })
        })
    }
}

impl Waiting {
    /// The next result; `None` when every process has its own. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](ErrorKind::CutShort) if it ends before its summary, [`ConnectionLost`](ErrorKind::ConnectionLost),
    /// [`Timeout`](ErrorKind::Timeout). After an error there is nothing more; those without a result may be waited for again.
    ///
    /// ```no_run
    /// # async fn example(mut waiting: procwire_client::Waiting) -> Result<(), procwire_client::Error> {
    /// while let Some(event) = waiting.next().await? {
    ///     println!("{} {:?}", event.process, event.result); // wait_procs(..., callback=print)
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Result<Option<WaitEvent>, Error> {
        poll_fn(|context| self.poll_event(context)).await.transpose()
    }

    /// Waits for all and tells who is gone and who is alive.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn outcome(mut self) -> Result<WaitOutcomes, Error> {
        let mut outcomes = WaitOutcomes::default();
        while let Some(WaitEvent { process, result, .. }) = self.next().await? {
            match result {
                Ok(WaitOutcome::Exited(status)) => outcomes.gone.push((process, status)),
                Ok(WaitOutcome::StillRunning(state)) => outcomes.alive.push((process, state)),
                Err(error) if error.is_gone() => {
                    outcomes.gone.push((process, ExitStatus::unknown("it had ended before it was waited for")));
                }
                Err(error) => outcomes.refused.push((process, error)),
            }
        }
        Ok(outcomes)
    }

    /// The agent's count; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&WaitSummary> {
        self.summary.as_ref()
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<WaitEvent, Error>>> {
        if self.finished {
            return Poll::Ready(None);
        }
        let polled = self.poll_rest(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.finished = true;
        }
        polled
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<WaitEvent, Error>>> {
        use wait_processes_response::Event;

        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.call.timed_out())));
        }
        loop {
            match ready!(Pin::new(&mut self.rest).poll_next(context)) {
                Some(Ok(message)) => match message.event {
                    Some(Event::Result(result)) => return Poll::Ready(Some(self.event(result))),
                    Some(Event::Summary(summary)) => self.summary = Some(summary),
                    None => {}
                },
                Some(Err(status)) => return Poll::Ready(Some(Err(self.call.failed(status)))),
                None if self.summary.is_some() => return Poll::Ready(None),
                None => {
                    let problem = "the wait ended without its summary: results may be missing";
                    return Poll::Ready(Some(Err(self.call.error(ErrorKind::CutShort, problem))));
                }
            }
        }
    }

    fn event(&self, result: WaitResult) -> Result<WaitEvent, Error> {
        let WaitResult { r#ref, index, waited_ns, outcome } = result;
        let result = match outcome {
            Some(wait_result::Outcome::Exited(status)) => Ok(WaitOutcome::Exited(status)),
            Some(wait_result::Outcome::StillRunning(running)) => Ok(WaitOutcome::StillRunning(running.state())),
            Some(wait_result::Outcome::Refused(refusal)) => Err(self.call.refused(&refusal)),
            None => return Err(self.call.protocol_error("a result has no outcome")),
        };
        let waited = Duration::from_nanos(waited_ns);
        Ok(WaitEvent { process: r#ref.unwrap_or_default(), index: index as usize, waited, result })
    }
}

impl Stream for Waiting {
    type Item = Result<WaitEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Waiting")
            .field("target", &self.call.client.target())
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}
