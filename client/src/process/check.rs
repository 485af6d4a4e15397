//! Whether a process is there.

use std::time::Duration;

use procwire_proto::v1::{GetProcessRequest, ProcessRef};

use super::get::request_for;
use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT, field_mask};
use crate::{Client, ErrorKind, ProcessTarget};

/// A question whether a process is there; made by [`ProcessCalls::is_running`](crate::ProcessCalls::is_running) and
/// [`ProcessCalls::exists`](crate::ProcessCalls::exists).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let there = client.processes().exists(4242).timeout(Duration::from_secs(2)).await?;
/// println!("{there}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct CheckProcess {
    client: Client,
    target: ProcessTarget,
    timeout: Option<Duration>,
}

impl CheckProcess {
    pub(super) fn new(client: Client, target: ProcessTarget) -> Self {
        Self { client, target, timeout: None }
    }

    /// The deadline. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for CheckProcess {
    type Output = Result<bool, crate::Error>;
    type IntoFuture = CallFuture<bool>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, target, timeout } = self;
            if is_never_given_out(&target) {
                return Ok(false);
            }
            // The smallest reading there is: stat, which every process has.
            let request = GetProcessRequest { read_mask: Some(field_mask(["ref"])), ..request_for(target) };
            let timeout = client.time_for(timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let call = Call::begin(&client, "look for process", timeout);
            let answer =
                call.read(|| async { client.process_service().get_process(call.request(request.clone())).await }).await;
            match answer {
                Ok(_) => Ok(true),
                Err(error) if error.is_gone() || error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        })
    }
}

/// Numbers that Linux gives to no process; agents refuse to look for them.
fn is_never_given_out(target: &ProcessTarget) -> bool {
    matches!(target, ProcessTarget::Pid(pid) if *pid == 0 || *pid > ProcessRef::MAX_PID)
}
