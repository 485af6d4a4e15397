//! Watching a host: samples at an interval, over as many connections as it takes.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use procwire_proto::v1::{
    Goodbye, GoodbyeReason, Heartbeat, Loss, SampleTime, StreamHeader, System, WatchSystemRequest, WatchSystemResponse,
    watch_system_response,
};
use tokio::time::{Instant, Sleep, sleep};
use tonic::{Request, Streaming};

use crate::backoff::Backoff;
use crate::call::{Call, CallFuture, duration_from_wire};
use crate::{Client, Error, ErrorKind};

const OPERATION: &str = "watch system";

/// An agent sends a heartbeat after at most 15 s without anything else; two may be missed.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// A watch on a host; made by [`SystemCalls::watch`](crate::SystemCalls::watch).
///
/// When the connection breaks, nothing at all arrives for 30 s + the interval, or the agent says goodbye for a while, the
/// watch opens itself again: waits with full jitter between attempts (bounds from 0.5 s up to 30 s), for ever. It reports
/// [`SystemEvent::Interrupted`] at each failure and [`SystemEvent::Gap`] once it is back. Errors that will not pass (the
/// certificate, the role, the request) end it.
///
/// Also a [`Stream`] of `Result<SystemEvent, Error>`. Dropped: the agent ends the stream, and its sampler with the last reader.
#[must_use = "events are read by `next`"]
pub struct SystemWatch {
    opening: Opening,
    reconnect: bool,
    state: State,
    /// Events that are due before anything else is done.
    due: VecDeque<SystemEvent>,
    header: StreamHeader,
    last_seq: Option<u64>,
    last_sample: Option<SampleTime>,
    /// Since when there has been no stream, and how many attempts to open one failed.
    down: Option<(Instant, u32)>,
    /// Failures in a row, over several gaps: a stream that breaks before its first sample is no recovery.
    failures: u32,
}

/// What a watch reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SystemEvent {
    /// A stream began: what the agent granted. First event, and again after each gap.
    Header(StreamHeader),
    /// A sample. The first of a stream has no rates unless the agent's sampler was already running.
    Sample {
        /// Strictly increasing within one stream; a new stream counts anew.
        seq: u64,
        /// The sample.
        system: Box<System>,
    },
    /// The agent is alive and had nothing to send.
    Heartbeat(Heartbeat),
    /// The agent had samples for this reader that it could not deliver: the reader was too slow.
    Loss(Loss),
    /// The agent ends the stream. Unless it was for good, the watch opens itself again.
    Goodbye(Goodbye),
    /// The connection broke, or could not be made again; the watch goes on trying.
    Interrupted(Interruption),
    /// The watch is back after an interruption or a goodbye; a header follows.
    Gap(Gap),
}

/// An interruption of a watch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Interruption {
    /// What happened.
    pub error: Error,
    /// The next attempt comes after this time.
    pub retry_in: Duration,
    /// Failures in a row, this one included.
    pub failures: u32,
}

/// What a watch may have missed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gap {
    /// `seq` of the last message of the stream before.
    pub last_seq: Option<u64>,
    /// When the last sample before the gap was taken, by the host's clocks.
    pub last_sample: Option<SampleTime>,
    /// How long there was no stream, by this side's clock.
    pub down_for: Duration,
    /// Attempts that failed meanwhile.
    pub failed_attempts: u32,
    /// True if the agent continues where the watch broke off, so that nothing is missing. False if the stream is a new
    /// one: samples between `last_sample` and the next one are lost for good. Agents of this version keep no history and
    /// give out no resume tokens, so with them it is always false.
    pub resumed: bool,
}

enum State {
    Reading { stream: Streaming<WatchSystemResponse>, watchdog: Pin<Box<Sleep>> },
    Resting(Pin<Box<Sleep>>),
    Opening(CallFuture<Opened>),
    Ended,
}

/// How to open the stream, again and again.
struct Opening {
    client: Client,
    request: WatchSystemRequest,
    timeout: Duration,
}

struct Opened {
    seq: u64,
    header: StreamHeader,
    stream: Streaming<WatchSystemResponse>,
}

impl SystemWatch {
    pub(crate) async fn open(
        client: Client,
        request: WatchSystemRequest,
        timeout: Duration,
        reconnect: bool,
    ) -> Result<Self, Error> {
        let opening = Opening { client, request, timeout };
        // The first time somebody is waiting to hear whether it works at all: like any read.
        let call = Call::begin(&opening.client, OPERATION, timeout);
        let first = call.read(|| open_once(opening.client.clone(), opening.request.clone())).await?;
        let Opened { seq, header, stream } = opened(&call, first)?;
        let watchdog = Box::pin(sleep(longest_silence(&header)));
        Ok(Self {
            opening,
            reconnect,
            state: State::Reading { stream, watchdog },
            due: VecDeque::from([SystemEvent::Header(header.clone())]),
            header,
            last_seq: Some(seq),
            last_sample: None,
            down: None,
            failures: 0,
        })
    }

    /// What the agent granted to the stream that is open now, or was last.
    pub fn header(&self) -> &StreamHeader {
        &self.header
    }

    /// The next event; `None` after a goodbye for good, or after any end where
    /// [`reconnect(false)`](crate::WatchSystem::reconnect) was asked for. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// What will not pass by itself (or, with `reconnect(false)`, whatever ended the stream). After an error there is
    /// nothing more.
    pub async fn next(&mut self) -> Result<Option<SystemEvent>, Error> {
        poll_fn(|context| self.poll_event(context)).await.transpose()
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<SystemEvent, Error>>> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            match &mut self.state {
                State::Reading { stream, watchdog } => {
                    let outcome = match Pin::new(stream).poll_next(context) {
                        Poll::Ready(outcome) => outcome,
                        Poll::Pending => {
                            ready!(watchdog.as_mut().poll(context));
                            let error = self.opening.error("nothing was heard of the agent for too long");
                            return self.interrupted(error);
                        }
                    };
                    match outcome {
                        Some(Ok(message)) => {
                            watchdog.as_mut().reset(Instant::now() + longest_silence(&self.header));
                            self.take(message);
                        }
                        Some(Err(status)) => {
                            let error = Error::from_status(OPERATION, self.opening.client.shared_target(), status);
                            return self.interrupted(error);
                        }
                        None => {
                            let error = self.opening.error("the agent ended the stream without a goodbye");
                            return self.interrupted(error);
                        }
                    }
                }
                State::Resting(until) => {
                    ready!(until.as_mut().poll(context));
                    self.state = State::Opening(self.opening.begin());
                }
                State::Opening(opening) => match ready!(opening.as_mut().poll(context)) {
                    Ok(opened) => self.back(opened),
                    Err(error) => return self.interrupted(error),
                },
                State::Ended => return Poll::Ready(None),
            }
        }
    }

    /// Turns a message into an event and remembers what a gap will need.
    fn take(&mut self, message: WatchSystemResponse) {
        use watch_system_response::Event;

        let WatchSystemResponse { seq, event } = message;
        self.last_seq = Some(seq);
        match event {
            Some(Event::Sample(system)) => {
                self.failures = 0;
                self.last_sample.clone_from(&system.sampled);
                self.due.push_back(SystemEvent::Sample { seq, system: Box::new(system) });
            }
            Some(Event::Heartbeat(heartbeat)) => {
                self.opening.remember(&heartbeat.resume_token);
                self.due.push_back(SystemEvent::Heartbeat(heartbeat));
            }
            Some(Event::Loss(loss)) => self.due.push_back(SystemEvent::Loss(loss)),
            Some(Event::Goodbye(goodbye)) => self.take_leave(goodbye),
            // A second header is never sent; what this version does not know is passed over.
            Some(Event::Header(_)) | None => {}
        }
    }

    fn take_leave(&mut self, goodbye: Goodbye) {
        self.opening.remember(&goodbye.resume_token);
        let for_good = matches!(goodbye.reason(), GoodbyeReason::Complete | GoodbyeReason::AccessRevoked);
        self.state = if for_good || !self.reconnect {
            State::Ended
        } else {
            let at_once = goodbye.reason() == GoodbyeReason::ConnectionAge;
            let asked = goodbye.retry_after.as_ref().and_then(duration_from_wire).unwrap_or_default();
            let jitter = if at_once { Duration::ZERO } else { Backoff::WATCHES.wait(1) };
            self.down = Some((Instant::now(), 0));
            State::Resting(Box::pin(sleep(asked + jitter)))
        };
        self.due.push_back(SystemEvent::Goodbye(goodbye));
    }

    /// The stream broke, or could not be opened again.
    fn interrupted(&mut self, error: Error) -> Poll<Option<Result<SystemEvent, Error>>> {
        if !self.reconnect || !error.is_transient() {
            self.state = State::Ended;
            return Poll::Ready(Some(Err(error)));
        }
        self.failures = self.failures.saturating_add(1);
        match &mut self.down {
            Some((_since, attempts)) => *attempts = attempts.saturating_add(1),
            None => self.down = Some((Instant::now(), 0)),
        }
        let retry_in = error.retry_after().unwrap_or_default() + Backoff::WATCHES.wait(self.failures);
        self.state = State::Resting(Box::pin(sleep(retry_in)));
        let interruption = Interruption { error, retry_in, failures: self.failures };
        Poll::Ready(Some(Ok(SystemEvent::Interrupted(interruption))))
    }

    /// The stream is open again.
    fn back(&mut self, opened: Opened) {
        let Opened { seq, header, stream } = opened;
        let (since, failed_attempts) = self.down.take().unwrap_or((Instant::now(), 0));
        self.due.push_back(SystemEvent::Gap(Gap {
            last_seq: self.last_seq,
            last_sample: self.last_sample.clone(),
            down_for: since.elapsed(),
            failed_attempts,
            resumed: header.resumed,
        }));
        self.due.push_back(SystemEvent::Header(header.clone()));
        self.last_seq = Some(seq);
        let watchdog = Box::pin(sleep(longest_silence(&header)));
        self.header = header;
        self.state = State::Reading { stream, watchdog };
    }
}

// === impl Opening ===

impl Opening {
    /// One attempt, without the repetitions of a read: the watch has its own.
    fn begin(&self) -> CallFuture<Opened> {
        let call = Call::begin(&self.client, OPERATION, self.timeout);
        let attempt = open_once(self.client.clone(), self.request.clone());
        Box::pin(async move { opened(&call, call.once(attempt).await?) })
    }

    /// Keeps the token of an agent that has a history; this version's sends an empty one.
    fn remember(&mut self, resume_token: &[u8]) {
        self.request.resume_token = resume_token.to_vec().into();
    }

    fn error(&self, detail: &str) -> Error {
        Error::new(ErrorKind::ConnectionLost, OPERATION, self.client.shared_target(), detail)
    }
}

type FirstMessage = (Option<WatchSystemResponse>, Streaming<WatchSystemResponse>);

/// Opens the stream and waits for its first message. The agent is told of no deadline, since the stream has none.
async fn open_once(client: Client, request: WatchSystemRequest) -> Result<FirstMessage, tonic::Status> {
    let mut stream = client.system_service().watch_system(Request::new(request)).await?.into_inner();
    let first = stream.message().await?;
    Ok((first, stream))
}

fn opened(call: &Call, (first, stream): FirstMessage) -> Result<Opened, Error> {
    match first {
        Some(WatchSystemResponse { seq, event: Some(watch_system_response::Event::Header(header)) }) => {
            Ok(Opened { seq, header, stream })
        }
        _ => Err(call.protocol_error("the stream does not begin with its header")),
    }
}

fn longest_silence(header: &StreamHeader) -> Duration {
    LONGEST_SILENCE + header.interval.as_ref().and_then(duration_from_wire).unwrap_or_default()
}

impl Stream for SystemWatch {
    type Item = Result<SystemEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl fmt::Debug for SystemWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SystemWatch")
            .field("target", &self.opening.client.target())
            .field("header", &self.header)
            .field("last_seq", &self.last_seq)
            .finish_non_exhaustive()
    }
}
