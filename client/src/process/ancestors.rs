//! Parents: who they are, then what they are like.

use std::time::Duration;

use procwire_proto::FieldMask;
use procwire_proto::escape;
use procwire_proto::v1::{
    FieldErrorReason, GetProcessRequest, ListProcessesRequest, Process, ProcessFilter, ProcessRef,
};

use super::{get::request_for, list};
use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT, field_mask};
use crate::{Client, Error, ErrorKind, ProcessSelect};

/// A process whose parent ends gets another at the same moment, so asking once more is enough but for a landslide.
const PARENT_ATTEMPTS: u32 = 3;

/// The parent of a process, to be asked for; made by [`ProcessCalls::parent`](crate::ProcessCalls::parent).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let parent = client.processes().parent(&reference).fields(["name", "uids"]).timeout(Duration::from_secs(2)).await?;
/// println!("{parent:?}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetParent(Lineage);

/// The ancestors of a process, to be asked for; made by [`ProcessCalls::ancestors`](crate::ProcessCalls::ancestors).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let chain = client.processes().ancestors(&reference).fields(["name"]).timeout(Duration::from_secs(2)).await?;
/// println!("{} generations", chain.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetAncestors(Lineage);

#[derive(Clone, Debug)]
struct Lineage {
    client: Client,
    of: ProcessRef,
    fields: Option<FieldMask>,
    timeout: Option<Duration>,
}

impl GetParent {
    pub(super) fn new(client: Client, of: ProcessRef) -> Self {
        Self(Lineage::new(client, of))
    }

    /// Fields of the parent to read, as in [`ListProcesses::fields`](crate::ListProcesses::fields). Without it: every
    /// field that is cheap.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.0.fields = Some(field_mask(paths));
        self
    }

    /// The deadline of both calls together. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.0.timeout = Some(time);
        self
    }
}

impl GetAncestors {
    pub(super) fn new(client: Client, of: ProcessRef) -> Self {
        Self(Lineage::new(client, of))
    }

    /// Fields of the ancestors to read, as in [`ListProcesses::fields`](crate::ListProcesses::fields). Without it: what
    /// the agent puts in a table.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.0.fields = Some(field_mask(paths));
        self
    }

    /// The deadline of both calls together. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.0.timeout = Some(time);
        self
    }
}

impl IntoFuture for GetParent {
    type Output = Result<Option<Process>, Error>;
    type IntoFuture = CallFuture<Option<Process>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let call = self.0.begin("get parent of process");
            for _ in 0..PARENT_ATTEMPTS {
                let Some(parent) = self.0.references(&call).await?.into_iter().next() else { return Ok(None) };
                let request = GetProcessRequest { read_mask: self.0.fields.clone(), ..request_for(parent.into()) };
                match get(&call, request).await {
                    Err(error) if error.is_gone() => {}
                    other => return other.map(Some),
                }
            }
            Ok(None)
        })
    }
}

impl IntoFuture for GetAncestors {
    type Output = Result<Vec<Process>, Error>;
    type IntoFuture = CallFuture<Vec<Process>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let call = self.0.begin("get ancestors of process");
            let chain = self.0.references(&call).await?;
            if chain.is_empty() {
                return Ok(Vec::new());
            }
            let generation = |process: &Process| chain.iter().position(|reference| reference.pid == process.pid);
            let these = ProcessSelect::new().refs(chain.iter().cloned());
            let filter = ProcessFilter { allow: vec![these.into()], deny: Vec::new() };
            let request = ListProcessesRequest {
                read_mask: self.0.fields.clone(),
                filter: Some(filter),
                ..ListProcessesRequest::default()
            };
            let mut ancestors = list::open(call, request).await?.collect().await?.processes;
            ancestors.sort_by_key(generation);
            Ok(ancestors)
        })
    }
}

impl Lineage {
    fn new(client: Client, of: ProcessRef) -> Self {
        Self { client, of, fields: None, timeout: None }
    }

    fn begin(&self, operation: &'static str) -> Call {
        Call::begin(&self.client, operation, self.client.time_for(self.timeout, DEFAULT_TIMEOUT, Duration::ZERO))
    }

    /// Who they are, nearest first.
    async fn references(&self, call: &Call) -> Result<Vec<ProcessRef>, Error> {
        let mask = Some(field_mask(["ancestors"]));
        let process = get(call, GetProcessRequest { read_mask: mask, ..request_for((&self.of).into()) }).await?;
        match process.error_of("ancestors") {
            Some(error) if process.ancestors.is_empty() => {
                let detail = format!("who they are could not be read: {}", escape::terminal(error.detail.as_bytes()));
                Err(call.error(kind_of(error.reason()), detail))
            }
            _ => Ok(process.ancestors),
        }
    }
}

async fn get(call: &Call, request: GetProcessRequest) -> Result<Process, Error> {
    let answer =
        call.read(|| async { call.client.process_service().get_process(call.request(request.clone())).await }).await?;
    answer.into_inner().process.ok_or_else(|| call.protocol_error("the answer has no process"))
}

fn kind_of(reason: FieldErrorReason) -> ErrorKind {
    match reason {
        FieldErrorReason::PermissionDenied | FieldErrorReason::Redacted => ErrorKind::PermissionDenied,
        FieldErrorReason::ProcessGone | FieldErrorReason::Zombie => ErrorKind::NotFound,
        FieldErrorReason::Unsupported => ErrorKind::NotServed,
        FieldErrorReason::Timeout => ErrorKind::Timeout,
        FieldErrorReason::Unspecified
        | FieldErrorReason::Truncated
        | FieldErrorReason::InvalidData
        | FieldErrorReason::ReadFailed => ErrorKind::AgentFailed,
    }
}
