//! A list of control groups, as it is asked for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use procwire_proto::v1::ListCgroupsRequest;

use crate::call::{Call, CallFuture, LIST_TIMEOUT, field_mask, window_of, wire_duration};
use crate::{CgroupList, CgroupStream, Client, Error};

/// A list of control groups to be asked for; made by [`SystemCalls::cgroups`](crate::SystemCalls::cgroups).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let list = client
///     .system()
///     .cgroups()
///     .path("/system.slice")
///     .descendants()
///     .fields(["path", "cpu.used_cpus", "memory.usage_bytes", "memory.limit_bytes"])
///     .usage_window(Duration::from_secs(1))
///     .limit(1000)
///     .timeout(Duration::from_secs(20))
///     .await?;
/// for group in &list.cgroups {
///     let memory = group.memory.as_ref().and_then(|memory| memory.usage_bytes);
///     println!("{} {memory:?}", String::from_utf8_lossy(group.path()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListCgroups {
    client: Client,
    request: ListCgroupsRequest,
    timeout: Option<Duration>,
}

impl ListCgroups {
    pub(super) fn new(client: Client) -> Self {
        Self { client, request: ListCgroupsRequest::default(), timeout: None }
    }

    /// The group with this path below the root of the tree, as [`Cgroup::path`](crate::v1::Cgroup) has it:
    /// `"/system.slice/ssh.service"`. Called again: that one too. Without it: the root.
    pub fn path(mut self, path: impl AsRef<OsStr>) -> Self {
        self.request.paths.push(path.as_ref().as_bytes().to_vec());
        self
    }

    /// The groups with these paths, in addition to those named before; see [`path`](Self::path).
    pub fn paths<Path: AsRef<OsStr>>(self, paths: impl IntoIterator<Item = Path>) -> Self {
        paths.into_iter().fold(self, Self::path)
    }

    /// Those below them too, each after its parent.
    pub fn descendants(mut self) -> Self {
        self.request.descendants = true;
        self
    }

    /// Fields of [`Cgroup`](crate::v1::Cgroup) to read: `"memory"`, `"cpu.usage_ns"`, or `"*"` for every one. Without it:
    /// all but `memory.statistics`. Each call replaces the one before.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.request.read_mask = Some(field_mask(paths));
        self
    }

    /// Measure `cpu.used_cpus` over this window, at most a minute; the call takes that much longer. Without it: counters
    /// only.
    pub fn usage_window(mut self, window: Duration) -> Self {
        self.request.usage_window = Some(wire_duration(window));
        self
    }

    /// At most this many rows; 0 is no limit.
    pub fn limit(mut self, rows: u32) -> Self {
        self.request.limit = rows;
        self
    }

    /// The deadline for the whole list. Default: 30 s, plus the usage window.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// The rows as they come, in chunks, so that memory does not grow with the tree. The deadline covers the whole
    /// reading, the reader's own pauses included.
    ///
    /// Dropped, before or after it is opened: the agent stops reading after the group it is at.
    ///
    /// # Errors
    ///
    /// Those of [`SystemCalls::cgroups`](crate::SystemCalls::cgroups); the stream itself ends with them too.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let mut stream = client.system().cgroups().descendants().stream().await?;
    /// while let Some(rows) = stream.next().await? {
    ///     println!("{} rows", rows.len());
    /// }
    /// println!("{:?}", stream.summary());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stream(self) -> Result<CgroupStream, Error> {
        let Self { client, request, timeout } = self;
        let timeout = client.time_for(timeout, LIST_TIMEOUT, window_of(request.usage_window.as_ref()));
        let call = Call::begin(&client, "list control groups", timeout);
        let (first, rest) = call
            .read(|| async {
                let message = call.request(request.clone());
                let mut rest = client.system_service().list_cgroups(message).await?.into_inner();
                Ok((rest.message().await?, rest))
            })
            .await?;
        CgroupStream::begin(call, first, rest)
    }
}

impl IntoFuture for ListCgroups {
    type Output = Result<CgroupList, Error>;
    type IntoFuture = CallFuture<CgroupList>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.stream().await?.collect().await })
    }
}
