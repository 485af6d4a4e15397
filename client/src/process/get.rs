//! One process, as it is asked for.

use std::time::Duration;

use procwire_proto::v1::{GetProcessRequest, GetProcessResponse, ProcessRef, get_process_request};

use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT, field_mask, window_of, wire_duration};
use crate::{Client, Error};

/// One process to be asked for; made by [`ProcessCalls::get`](crate::ProcessCalls::get).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let response = client
///     .processes()
///     .get(4242)
///     .fields(["*"])
///     .usage_window(Duration::from_millis(500))
///     .timeout(Duration::from_secs(5))
///     .await?;
/// println!("{:?}", response.process.and_then(|process| process.cpu_usage_ratio));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetProcess {
    client: Client,
    request: GetProcessRequest,
    timeout: Option<Duration>,
}

impl GetProcess {
    pub(super) fn new(client: Client, target: ProcessTarget) -> Self {
        Self { client, request: request_for(target), timeout: None }
    }

    /// Fields of [`Process`](crate::v1::Process) to read, as in [`ListProcesses::fields`](crate::ListProcesses::fields). Without it: every field that
    /// is cheap.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.request.read_mask = Some(field_mask(paths));
        self
    }

    /// Measure `cpu_usage_ratio` over this window; the call takes that much longer.
    pub fn usage_window(mut self, window: Duration) -> Self {
        self.request.usage_window = Some(wire_duration(window));
        self
    }

    /// The deadline. Default: 10 s, plus the usage window.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for GetProcess {
    type Output = Result<GetProcessResponse, Error>;
    type IntoFuture = CallFuture<GetProcessResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            let timeout = client.time_for(timeout, DEFAULT_TIMEOUT, window_of(request.usage_window.as_ref()));
            let call = Call::begin(&client, "get process", timeout);
            let response = call
                .read(|| async { client.process_service().get_process(call.request(request.clone())).await })
                .await?;
            Ok(response.into_inner())
        })
    }
}

/// Which process to read.
#[derive(Clone, Debug)]
pub enum ProcessTarget {
    /// Whatever process has this pid now.
    Pid(u32),
    /// This process and no other.
    Ref(ProcessRef),
}

impl From<u32> for ProcessTarget {
    fn from(pid: u32) -> Self {
        Self::Pid(pid)
    }
}

impl From<ProcessRef> for ProcessTarget {
    fn from(reference: ProcessRef) -> Self {
        Self::Ref(reference)
    }
}

impl From<&ProcessRef> for ProcessTarget {
    fn from(reference: &ProcessRef) -> Self {
        Self::Ref(reference.clone())
    }
}

/// A request for a process without any fields named.
pub(super) fn request_for(target: ProcessTarget) -> GetProcessRequest {
    let target = match target {
        ProcessTarget::Pid(pid) => get_process_request::Target::Pid(pid),
        ProcessTarget::Ref(reference) => get_process_request::Target::Ref(reference),
    };
    GetProcessRequest { target: Some(target), ..Default::default() }
}
