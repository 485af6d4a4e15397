//! A list of processes, as it is asked for.

use std::time::Duration;

use procwire_proto::v1::{ListProcessesRequest, OrderBy, ProcessFilter};

use crate::call::{Call, CallFuture, LIST_TIMEOUT, field_mask, window_of, wire_duration};
use crate::{Client, Error, Order, ProcessList, ProcessSelect, ProcessStream};

/// A list of processes to be asked for; made by [`ProcessCalls::list`](crate::ProcessCalls::list).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::{Order, ProcessSelect};
///
/// let busiest = client
///     .processes()
///     .list()
///     .fields(["pid", "name", "cpu_usage_ratio"])
///     .matching(ProcessSelect::new().uid(0))
///     .except(ProcessSelect::new().kernel_threads(true))
///     .order_by(Order::descending("cpu_usage_ratio"))
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
    pub(super) fn new(client: Client) -> Self {
        Self { client, request: ListProcessesRequest::default(), timeout: None }
    }

    /// Fields of [`Process`](crate::v1::Process) to read: `"pid"`, `"memory"`, `"memory.resident_bytes"`, or `"*"` for
    /// every one. Without it: what the agent puts in a table. Each call replaces the one before.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.request.read_mask = Some(field_mask(paths));
        self
    }

    /// Only processes that match this; called again: those that match any of them.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use procwire_client::ProcessSelect;
    ///
    /// let workers = ProcessSelect::new().name("nginx").user("www-data");
    /// let list = client.processes().list().matching(workers).await?;
    /// println!("{} workers", list.processes.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn matching(mut self, select: ProcessSelect) -> Self {
        self.request.filter.get_or_insert_default().allow.push(select.into());
        self
    }

    /// Without processes that match this; called again: without those that match any of them.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use procwire_client::ProcessSelect;
    ///
    /// let user_programs = client.processes().list().except(ProcessSelect::new().kernel_threads(true)).await?;
    /// println!("{} programs run", user_programs.processes.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn except(mut self, select: ProcessSelect) -> Self {
        self.request.filter.get_or_insert_default().deny.push(select.into());
        self
    }

    /// Only processes that pass this filter, as the wire has it. Replaces what [`matching`](Self::matching) and
    /// [`except`](Self::except) have set.
    pub fn filter(mut self, filter: ProcessFilter) -> Self {
        self.request.filter = Some(filter);
        self
    }

    /// Order of the rows, first key first: an [`Order`], several, or [`OrderBy`] as the wire has it. The agent sorts; the
    /// fields need not be among those that are read. Each call replaces the one before.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use procwire_client::Order;
    ///
    /// let by_user_and_size = [Order::ascending("username"), Order::descending("memory.resident_bytes")];
    /// let list = client.processes().list().order_by(by_user_and_size).await?;
    /// println!("{:?}", list.processes.first());
    /// # Ok(())
    /// # }
    /// ```
    pub fn order_by<Key: Into<OrderBy>>(mut self, keys: impl IntoIterator<Item = Key>) -> Self {
        self.request.order_by = keys.into_iter().map(Into::into).collect();
        self
    }

    /// The so many rows that have most of this field, greatest first: [`order_by`](Self::order_by) with
    /// [`limit`](Self::limit).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let largest = client.processes().list().top(10, "memory.resident_bytes").await?;
    /// println!("{:?}", largest.processes.first());
    /// # Ok(())
    /// # }
    /// ```
    pub fn top(self, rows: u32, field: impl Into<String>) -> Self {
        self.order_by(Order::descending(field)).limit(rows)
    }

    /// At most this many rows, after filter and order; 0 is no limit.
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
    /// Those of [`ProcessCalls::list`](crate::ProcessCalls::list); the stream itself ends with them too.
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
        let timeout = client.time_for(timeout, LIST_TIMEOUT, window_of(request.usage_window.as_ref()));
        open(Call::begin(&client, "list processes", timeout), request).await
    }
}

/// Opens the list for a call under way.
pub(super) async fn open(call: Call, request: ListProcessesRequest) -> Result<ProcessStream, Error> {
    let (first, rest) = call
        .read(|| async {
            let message = call.request(request.clone());
            let mut rest = call.client.process_service().list_processes(message).await?.into_inner();
            Ok((rest.message().await?, rest))
        })
        .await?;
    ProcessStream::begin(call, first, rest)
}

impl IntoFuture for ListProcesses {
    type Output = Result<ProcessList, Error>;
    type IntoFuture = CallFuture<ProcessList>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.stream().await?.collect().await })
    }
}
