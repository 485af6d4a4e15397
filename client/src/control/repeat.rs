//! An action whose connection breaks: asked for again by its id, where that can only bring the first answer.

use std::future::Future;
use std::time::{Duration, SystemTime};

use procwire_proto::v1::GetStatusRequest;
use tokio::time::Instant;
use tonic::Status;

use crate::call::{Call, duration_from_wire};
use crate::{Error, ErrorKind};

/// Agents remember what a request id did for 10 minutes; this is on the safe side of it.
const REPEATED_WITHIN: Duration = Duration::from_secs(9 * 60);

/// An action under way: the call, the name it goes by and since when.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) call: Call,
    request_id: String,
    began: Instant,
    /// The monotonic clock stands still while this machine sleeps; the agent does not.
    began_by_the_calendar: SystemTime,
}

impl Action {
    pub(crate) fn begin(call: Call, request_id: &str) -> Self {
        let request_id = request_id.to_owned();
        Self { call, request_id, began: Instant::now(), began_by_the_calendar: SystemTime::now() }
    }

    /// Sends it; and once more if the connection breaks before the answer and the agent knows what it did.
    pub(crate) async fn send<Answer, Trying>(&self, attempt: impl Fn() -> Trying) -> Result<Answer, Error>
    where
        Trying: Future<Output = Result<Answer, Status>>,
    {
        let lost = match self.call.once(attempt()).await {
            Err(error) if error.kind() == ErrorKind::ConnectionLost => error,
            done => return done,
        };
        if !self.may_be_repeated().await {
            return Err(self.with_outcome_open(lost));
        }
        self.call.once(attempt()).await.map_err(|error| self.with_outcome_open(error))
    }

    /// True if a repetition gets the first answer, or is the first to arrive: the agent has run since before it was asked first,
    /// and that is not too long ago for it to remember.
    pub(crate) async fn may_be_repeated(&self) -> bool {
        if self.request_id.is_empty() {
            return false;
        }
        let client = &self.call.client;
        let asked = self.call.once(client.agent_service().get_status(self.call.request(GetStatusRequest {}))).await;
        let Ok(status) = asked else { return false };
        let uptime = status.into_inner().uptime.as_ref().and_then(duration_from_wire).unwrap_or_default();
        let elapsed = self.elapsed();
        uptime > elapsed && elapsed < REPEATED_WITHIN
    }

    /// Says of a failure that leaves the outcome open how to learn it.
    pub(crate) fn with_outcome_open(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::CutShort | ErrorKind::ConnectionLost | ErrorKind::Timeout => error.with_advice(format!(
                "the outcome is not known here; wait for the process, or look for request {} in the agent's audit record",
                self.request_id
            )),
            _ => error,
        }
    }

    fn elapsed(&self) -> Duration {
        let by_the_calendar = self.began_by_the_calendar.elapsed().unwrap_or_default();
        self.began.elapsed().max(by_the_calendar)
    }
}

/// Names an action that has no name; where the system gives no random bytes the agent has to.
pub(crate) fn name_it(request_id: &mut String) {
    let mut random = [0; 16];
    if request_id.is_empty() && getrandom::fill(&mut random).is_ok() {
        *request_id = format!("{:032x}", u128::from_be_bytes(random));
    }
}
