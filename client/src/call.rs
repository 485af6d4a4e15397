//! What all calls have in common: a name, a deadline, and for reads a second and third try.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use procwire_proto::FieldMask;
use procwire_proto::v1::TargetError;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};
use tonic::{Request, Status};

use crate::backoff::Backoff;
use crate::{Client, Error, ErrorKind};

/// What the builders turn into when they are awaited.
pub(crate) type CallFuture<Answer> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

/// The time for calls that read little, and for opening a watch.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time for a list: a busy host with ten thousand processes and costly fields, or a walk over every descriptor, takes seconds.
pub(crate) const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Stands for "for ever", which the clock cannot express.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The agent is told of a deadline that much earlier, so that its own answer, which knows more, comes before ours.
const HEAD_START: Duration = Duration::from_millis(100);

/// One call under way.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) client: Client,
    pub(crate) operation: &'static str,
    timeout: Duration,
    deadline: Instant,
}

impl Call {
    pub(crate) fn begin(client: &Client, operation: &'static str, timeout: Duration) -> Self {
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + LONGEST_TIMEOUT);
        Self { client: client.clone(), operation, timeout, deadline }
    }

    /// A read, or the opening of a stream of readings: tried again when the agent could not be reached or was unavailable.
    pub(crate) async fn read<Answer, Trying>(&self, attempt: impl Fn() -> Trying) -> Result<Answer, Error>
    where
        Trying: Future<Output = Result<Answer, Status>>,
    {
        let mut failures = 0;
        loop {
            let error = match self.once(attempt()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            if failures >= self.client.read_attempts() || !is_worth_repeating(error.kind()) {
                return Err(error);
            }
            // What the agent asks for is a minimum; the jitter on top keeps its clients from coming back all at once.
            let wait = error.retry_after().unwrap_or_default() + Backoff::READS.wait(failures);
            if Instant::now() + wait >= self.deadline {
                return Err(error);
            }
            sleep(wait).await;
        }
    }

    /// Once and never again: for what acts on the host.
    pub(crate) async fn once<Answer>(
        &self,
        attempt: impl Future<Output = Result<Answer, Status>>,
    ) -> Result<Answer, Error> {
        match timeout_at(self.deadline, attempt).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(self.failed(status)),
            Err(_elapsed) => Err(self.timed_out()),
        }
    }

    /// The request with the time that is left for it.
    pub(crate) fn request<Message>(&self, message: Message) -> Request<Message> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut request = Request::new(message);
        request.set_timeout(left.saturating_sub(HEAD_START.min(left / 10)));
        request
    }

    /// Wakes at the deadline.
    pub(crate) fn alarm(&self) -> Pin<Box<Sleep>> {
        Box::pin(sleep_until(self.deadline))
    }

    pub(crate) fn failed(&self, status: Status) -> Error {
        let error = Error::from_status(self.operation, self.client.shared_target(), status);
        // The agent's timer runs a little ahead of ours; whichever is first, the caller hears the same.
        let at_the_deadline = self.deadline.saturating_duration_since(Instant::now()) <= HEAD_START;
        if error.kind() == ErrorKind::Timeout && error.reason().is_none() && at_the_deadline {
            return self.timed_out().caused_by(error);
        }
        error
    }

    pub(crate) fn timed_out(&self) -> Error {
        Error::timeout(self.operation, self.client.shared_target(), self.timeout)
    }

    /// A target to which nothing was done.
    pub(crate) fn refused(&self, refusal: &TargetError) -> Error {
        Error::from_refusal(self.operation, self.client.shared_target(), refusal)
    }

    pub(crate) fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, self.operation, self.client.shared_target(), detail)
    }

    pub(crate) fn protocol_error(&self, detail: &'static str) -> Error {
        Error::protocol(self.operation, self.client.shared_target(), detail)
    }
}

/// gRPC's UNAVAILABLE: the agent says so, or it could not be reached, or the connection to it broke.
fn is_worth_repeating(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unavailable | ErrorKind::ConnectionRefused | ErrorKind::Unreachable | ErrorKind::ConnectionLost
    )
}

/// A duration as the wire has it. One of more than 292 billion years becomes that many.
pub(crate) fn wire_duration(duration: Duration) -> procwire_proto::Duration {
    procwire_proto::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A duration of the wire; `None` for negative ones.
pub(crate) fn duration_from_wire(duration: &procwire_proto::Duration) -> Option<Duration> {
    Some(Duration::new(u64::try_from(duration.seconds).ok()?, u32::try_from(duration.nanos).ok()?))
}

/// What a call is told to take: its window, or none.
pub(crate) fn window_of(window: Option<&procwire_proto::Duration>) -> Duration {
    window.and_then(duration_from_wire).unwrap_or_default()
}

/// A read mask from paths.
pub(crate) fn field_mask<Path: Into<String>>(paths: impl IntoIterator<Item = Path>) -> FieldMask {
    FieldMask { paths: paths.into_iter().map(Into::into).collect() }
}
