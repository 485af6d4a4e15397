//! Reading processes.

use std::time::Duration;

use procwire_proto::v1::{
    GetProcessRequest, GetProcessResponse, ListProcessesRequest, OrderBy, ProcessFilter, ProcessRef,
    get_process_request,
};

use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT, field_mask, wire_duration};
use crate::{Client, Error, ProcessList, ProcessStream};

/// The deadline of a list: a busy host with ten thousand processes and costly fields takes seconds.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads processes; made by [`Client::processes`].
#[derive(Clone, Debug)]
pub struct ProcessCalls {
    client: Client,
}

impl ProcessCalls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Lists processes, ascending by pid unless ordered otherwise. Awaited, it answers with the whole
    /// [`ProcessList`]; [`stream`](ListProcesses::stream) hands out the rows as they come.
    ///
    /// Deadline: 30 s, plus the [`usage_window`](ListProcesses::usage_window). Dropped: the agent stops reading after the
    /// process it is at.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field,
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ended before its summary, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let list = client.processes().list().fields(["pid", "name", "cpu_times"]).await?;
    /// for process in &list.processes {
    ///     println!("{} {}", process.pid, process.display_name());
    /// }
    /// println!("{} vanished meanwhile", list.summary.vanished);
    /// # Ok(())
    /// # }
    /// ```
    pub fn list(&self) -> ListProcesses {
        ListProcesses { client: self.client.clone(), request: ListProcessesRequest::default(), timeout: None }
    }

    /// Reads one process: whatever has this pid now (`u32`), or this process and no other ([`ProcessRef`]).
    ///
    /// Deadline: 10 s, plus the [`usage_window`](GetProcess::usage_window). Dropped: the agent finishes the reading it is
    /// at and throws it away.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PidReused`](crate::ErrorKind::PidReused) and
    /// [`HostRebooted`](crate::ErrorKind::HostRebooted) (all three: [`Error::is_gone`]),
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let first = client.processes().get(4242).fields(["name", "ref"]).await?;
    /// if let Some(reference) = first.process.and_then(|process| process.r#ref) {
    ///     let again = client.processes().get(&reference).fields(["memory"]).await?;
    ///     println!("{:?}", again.process);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, target: impl Into<ProcessTarget>) -> GetProcess {
        let target = match target.into() {
            ProcessTarget::Pid(pid) => get_process_request::Target::Pid(pid),
            ProcessTarget::Ref(reference) => get_process_request::Target::Ref(reference),
        };
        let request = GetProcessRequest { target: Some(target), ..Default::default() };
        GetProcess { client: self.client.clone(), request, timeout: None }
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

/// A list of processes to be asked for; made by [`ProcessCalls::list`].
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::v1::{OrderBy, ProcessFilter, ProcessPredicate};
///
/// let of_root = ProcessPredicate { uids: vec![0], ..Default::default() };
/// let busiest = client
///     .processes()
///     .list()
///     .fields(["pid", "name", "cpu_usage_ratio"])
///     .filter(ProcessFilter { allow: vec![of_root], deny: vec![] })
///     .order_by([OrderBy { paths: vec!["cpu_usage_ratio".into()], descending: true }])
///     .limit(10)
///     .usage_window(Duration::from_secs(1))
///     .timeout(Duration::from_secs(20))
///     .await?;
/// println!("{:?}", busiest.processes);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListProcesses {
    client: Client,
    request: ListProcessesRequest,
    timeout: Option<Duration>,
}

impl ListProcesses {
    /// Fields of [`Process`](crate::v1::Process) to read: `"pid"`, `"memory"`, `"memory.resident_bytes"`, or `"*"` for
    /// every one. Without it: what the agent puts in a table. Each call replaces the one before.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.request.read_mask = Some(field_mask(paths));
        self
    }

    /// Only processes that pass this filter.
    pub fn filter(mut self, filter: ProcessFilter) -> Self {
        self.request.filter = Some(filter);
        self
    }

    /// Order of the rows, first key first.
    pub fn order_by(mut self, keys: impl IntoIterator<Item = OrderBy>) -> Self {
        self.request.order_by = keys.into_iter().collect();
        self
    }

    /// At most this many rows, after filter and order.
    pub fn limit(mut self, rows: u32) -> Self {
        self.request.limit = rows;
        self
    }

    /// Measure `cpu_usage_ratio` over this window; the call takes that much longer.
    pub fn usage_window(mut self, window: Duration) -> Self {
        self.request.usage_window = Some(wire_duration(window));
        self
    }

    /// The deadline for the whole list. Default: 30 s, plus the usage window.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// The rows as they come, in chunks, so that memory does not grow with the table. The deadline covers the whole
    /// reading, the reader's own pauses included.
    ///
    /// Dropped, before or after it is opened: the agent stops reading after the process it is at.
    ///
    /// # Errors
    ///
    /// Those of [`ProcessCalls::list`]; the stream itself ends with them too.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let mut stream = client.processes().list().fields(["pid"]).stream().await?;
    /// println!("{:?}", stream.header().effective_mask);
    /// while let Some(rows) = stream.next().await? {
    ///     println!("{} rows", rows.len());
    /// }
    /// println!("{:?}", stream.summary());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stream(self) -> Result<ProcessStream, Error> {
        let Self { client, request, timeout } = self;
        let timeout = timeout.unwrap_or_else(|| LIST_TIMEOUT + window(request.usage_window.as_ref()));
        let call = Call::begin(&client, "list processes", timeout);
        let (rest, first) = call
            .read(|| async {
                let message = call.request(request.clone());
                let mut rest = client.process_service().list_processes(message).await?.into_inner();
                let first = rest.message().await?;
                Ok((rest, first))
            })
            .await?;
        ProcessStream::begin(call, first, rest)
    }
}

impl IntoFuture for ListProcesses {
    type Output = Result<ProcessList, Error>;
    type IntoFuture = CallFuture<ProcessList>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.stream().await?.collect().await })
    }
}

/// One process to be asked for; made by [`ProcessCalls::get`].
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
    /// Fields of [`Process`](crate::v1::Process) to read, as in [`ListProcesses::fields`]. Without it: every field that
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
            let timeout = timeout.unwrap_or_else(|| DEFAULT_TIMEOUT + window(request.usage_window.as_ref()));
            let call = Call::begin(&client, "get process", timeout);
            let response = call
                .read(|| async { client.process_service().get_process(call.request(request.clone())).await })
                .await?;
            Ok(response.into_inner())
        })
    }
}

fn window(window: Option<&procwire_proto::Duration>) -> Duration {
    window.and_then(crate::call::duration_from_wire).unwrap_or_default()
}
