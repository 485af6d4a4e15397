//! Watching a host: samples at an interval, over as many connections as it takes.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use procwire_proto::v1::{
    Goodbye, GoodbyeReason, SampleTime, StreamHeader, WatchSystemRequest, WatchSystemResponse, watch_system_response,
};
use tokio::time::{Instant, Sleep, sleep};
use tonic::{Request, Status, Streaming};

use crate::backoff::Backoff;
use crate::call::{Call, CallFuture, duration_from_wire};
use crate::{Client, Error, ErrorKind, Gap, Interruption, SystemEvent};

const OPERATION: &str = "watch system";

/// After so long without anything else an agent sends a heartbeat, unless it names another time.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// The end of that time, which begins only when somebody listens.
const LAST_CHANCE: Duration = Duration::from_secs(2);

/// A watch on a host; made by [`SystemCalls::watch`](crate::SystemCalls::watch).
///
/// When the connection breaks, nothing at all arrives for as long as two heartbeats take (30 s, unless the header says
/// otherwise), or the agent says goodbye for a while, the watch opens itself again: waits with full jitter between attempts
/// (bounds from 0.5 s up to 30 s), for ever. It reports
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

enum State {
    Reading(Box<Reading>),
    Resting(Pin<Box<Sleep>>),
    Opening(CallFuture<Opened>),
    Ended,
}

struct Reading {
    stream: Streaming<WatchSystemResponse>,
    /// Wakes when nothing has come for so long that the connection must be dead.
    watchdog: Pin<Box<Sleep>>,
    /// True once it woke: the reader may have blocked this thread for that long itself, and what came meanwhile may
    /// still be on its way up from the socket.
    last_chance: bool,
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
        let mut opening = Opening { client, request, timeout };
        // The first time somebody is waiting to hear whether it works at all: like any read.
        let call = Call::begin(&opening.client, OPERATION, timeout);
        let first = call.read(|| open_once(opening.client.clone(), opening.request.clone())).await?;
        let Opened { seq, header, stream } = opened(&call, first)?;
        opening.remember(&header.resume_token);
        Ok(Self {
            opening,
            reconnect,
            state: State::reading(stream, &header),
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

    /// The next event; `None` after a goodbye for good (where the client's certificate is in a file, the end of that certificate is none:
    /// the watch goes on with the one that lies there then), or after any end where
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
                State::Reading(reading) => match ready!(reading.poll_message(context, longest_silence(&self.header))) {
                    Ok(message) => self.take(message),
                    Err(ended) => return self.interrupted(self.opening.broken(ended)),
                },
                State::Resting(until) => {
                    ready!(until.as_mut().poll(context));
                    self.state = State::Opening(self.opening.begin(self.last_seq));
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
        if let Some(Event::Sample(_) | Event::Heartbeat(_) | Event::Loss(_)) = event {
            self.failures = 0;
        }
        match event {
            Some(Event::Sample(system)) => {
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
        let for_good = match goodbye.reason() {
            GoodbyeReason::Complete => true,
            // The certificate that the stream was opened with has ended or was taken back. Where it is in a file, the next one may lie
            // there already, as with SPIRE every hour: one attempt shows, and tells what is wrong if it does not.
            GoodbyeReason::AccessRevoked => {
                self.opening.client.abandon_connection();
                !self.opening.client.is_renewable() || self.failures > 0
            }
            _ => false,
        };
        self.state = if for_good || !self.reconnect {
            State::Ended
        } else {
            let asked = goodbye.retry_after.as_ref().and_then(duration_from_wire).unwrap_or_default();
            let jitter = match goodbye.reason() {
                GoodbyeReason::ConnectionAge if self.failures == 0 => Duration::ZERO,
                _ => Backoff::WATCHES.wait(self.failures.saturating_add(1)),
            };
            // Until the next stream delivers something, this one has failed: an agent that only says goodbye is not
            // asked again at once for ever.
            self.failures = self.failures.saturating_add(1);
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
        self.opening.remember(&header.resume_token);
        self.state = State::reading(stream, &header);
        self.header = header;
    }
}

// === impl State ===

impl State {
    fn reading(stream: Streaming<WatchSystemResponse>, header: &StreamHeader) -> Self {
        let watchdog = Box::pin(sleep(longest_silence(header)));
        Self::Reading(Box::new(Reading { stream, watchdog, last_chance: false }))
    }
}

// === impl Reading ===

/// How a stream ended other than by a goodbye.
enum Ended {
    Failed(Status),
    Closed,
    Silent,
}

impl Reading {
    fn poll_message(
        &mut self,
        context: &mut Context<'_>,
        silence: Duration,
    ) -> Poll<Result<WatchSystemResponse, Ended>> {
        loop {
            match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Ready(Some(Ok(message))) => {
                    self.watchdog.as_mut().reset(Instant::now() + silence);
                    self.last_chance = false;
                    return Poll::Ready(Ok(message));
                }
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Err(Ended::Failed(status))),
                Poll::Ready(None) => return Poll::Ready(Err(Ended::Closed)),
                Poll::Pending => ready!(self.watchdog.as_mut().poll(context)),
            }
            if self.last_chance {
                return Poll::Ready(Err(Ended::Silent));
            }
            self.last_chance = true;
            self.watchdog.as_mut().reset(Instant::now() + LAST_CHANCE);
        }
    }
}

// === impl Opening ===

impl Opening {
    /// One attempt, without the repetitions of a read: the watch has its own. With a token goes the last message that the
    /// agent need not send again.
    fn begin(&self, last_seq: Option<u64>) -> CallFuture<Opened> {
        let call = Call::begin(&self.client, OPERATION, self.timeout);
        let mut request = self.request.clone();
        if !request.resume_token.is_empty() {
            request.resume_after_seq = last_seq.unwrap_or_default();
        }
        let attempt = open_once(self.client.clone(), request);
        Box::pin(async move { opened(&call, call.once(attempt).await?) })
    }

    /// Keeps the token of an agent that has a history; this version's sends an empty one.
    fn remember(&mut self, resume_token: &[u8]) {
        self.request.resume_token = resume_token.to_vec();
    }

    fn broken(&self, ended: Ended) -> Error {
        let target = self.client.shared_target();
        let detail = match ended {
            Ended::Failed(status) => return Error::from_status(OPERATION, target, status),
            Ended::Closed => "the agent ended the stream without a goodbye",
            Ended::Silent => {
                self.client.abandon_connection();
                "nothing was heard of the agent for too long"
            }
        };
        Error::new(ErrorKind::ConnectionLost, OPERATION, target, detail)
    }
}

type FirstMessage = (Option<WatchSystemResponse>, Streaming<WatchSystemResponse>);

/// Opens the stream and waits for its first message. The agent is told of no deadline, since the stream has none.
async fn open_once(client: Client, request: WatchSystemRequest) -> Result<FirstMessage, Status> {
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

/// How long a stream may be silent before its last chance. An agent that does not name its heartbeat sends one at most
/// every 15 s, and perhaps none between two samples.
fn longest_silence(header: &StreamHeader) -> Duration {
    let silence = match header.heartbeat_interval.as_ref().and_then(duration_from_wire) {
        Some(heartbeat) => heartbeat * 2,
        None => HEARTBEAT_INTERVAL * 2 + header.interval.as_ref().and_then(duration_from_wire).unwrap_or_default(),
    };
    silence.saturating_sub(LAST_CHANCE)
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
