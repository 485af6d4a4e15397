//! Waiting for the end of a process.

mod many;

use std::time::Duration;

use procwire_proto::v1::{ExitStatus, ProcessState, WaitProcessRequest, WaitProcessResponse, wait_process_response};

pub use self::many::{WaitEvent, WaitOutcomes, WaitProcesses, Waiting};
use crate::call::{Call, CallFuture, wire_duration};
use crate::{Client, Error};

/// The longest that an agent waits.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// What the way there and back may take on top.
const MARGIN: Duration = Duration::from_secs(10);

/// How waiting came out.
#[derive(Clone, Debug, PartialEq)]
pub enum WaitOutcome {
    /// It ended, like this.
    Exited(ExitStatus),
    /// The time was up first; the state it was last seen in. A zombie has ended, but its parent has not asked how.
    StillRunning(ProcessState),
}

/// A process to be waited for; made by [`ControlCalls::wait`](crate::ControlCalls::wait).
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct WaitProcess {
    client: Client,
    request: WaitProcessRequest,
    time: Duration,
}

impl WaitProcess {
    pub(crate) fn new(client: Client, request: WaitProcessRequest) -> Self {
        Self { client, request, time: LONGEST_WAIT }
    }

    /// How long to wait, at most an hour; zero looks once. Default: an hour. When it is up the answer is
    /// [`WaitOutcome::StillRunning`], no error; the deadline of the call is 10 s later.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl IntoFuture for WaitProcess {
    type Output = Result<WaitOutcome, Error>;
    type IntoFuture = CallFuture<WaitOutcome>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, mut request, time } = self;
            request.timeout = Some(wire_duration(time));
            let call = Call::begin(&client, "wait for process", client.time_for(None, MARGIN, time));
            let response = call.once(client.control_service().wait_process(call.request(request))).await?;
            outcome(&call, response.into_inner())
        })
    }
}

fn outcome(call: &Call, response: WaitProcessResponse) -> Result<WaitOutcome, Error> {
    match response.outcome {
        Some(wait_process_response::Outcome::Exited(status)) => Ok(WaitOutcome::Exited(status)),
        Some(wait_process_response::Outcome::StillRunning(running)) => Ok(WaitOutcome::StillRunning(running.state())),
        None => Err(call.protocol_error("the answer has no outcome")),
    }
}
