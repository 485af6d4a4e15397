//! Reading the host.

mod cgroups;
mod disk_usage;
mod sockets;
mod units;

use std::ffi::OsStr;
use std::time::Duration;

use procwire_proto::v1::{GetSystemRequest, GetSystemResponse, WatchSystemRequest};

pub use cgroups::ListCgroups;
pub use disk_usage::GetDiskUsage;
pub use sockets::ListSockets;
pub use units::ListUnits;

use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT, field_mask, window_of, wire_duration};
use crate::{Client, Error, SystemWatch};

/// Reads the host; made by [`Client::system`].
#[derive(Clone, Debug)]
pub struct SystemCalls {
    client: Client,
}

impl SystemCalls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// One snapshot of the host: processors, memory, disks, network and so on.
    ///
    /// Deadline: 10 s, plus the [`usage_window`](GetSystem::usage_window). Dropped: the agent finishes the reading it is
    /// at and throws it away.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field, and those of every call. What could not
    /// be read is no error of the call: `system.errors` names it.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let response = client.system().get().fields(["memory.available_bytes", "load"]).await?;
    /// println!("{:?}", response.system.and_then(|system| system.memory));
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self) -> GetSystem {
        GetSystem { client: self.client.clone(), request: GetSystemRequest::default(), timeout: None }
    }

    /// The same at an interval, with rates.
    ///
    /// The watch takes itself up again when its connection breaks, until it is dropped or the agent refuses for good; see
    /// [`SystemWatch`]. Deadline of the opening: 10 s; after that there is none. Dropped: the agent ends the stream, and
    /// its sampler with the last reader.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field or an interval out of range,
    /// [`LimitReached`](crate::ErrorKind::LimitReached) for a stream too many, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use std::time::Duration;
    /// use procwire_client::SystemEvent;
    ///
    /// let mut watch = client.system().watch().fields(["cpu"]).interval(Duration::from_secs(5)).await?;
    /// while let Some(event) = watch.next().await? {
    ///     match event {
    ///         SystemEvent::Sample { seq, system } => println!("{seq}: {:?}", system.cpu.and_then(|cpu| cpu.usage)),
    ///         SystemEvent::Gap(gap) => println!("nothing for {:?}", gap.down_for),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self) -> WatchSystem {
        WatchSystem {
            client: self.client.clone(),
            request: WatchSystemRequest::default(),
            timeout: None,
            reconnect: true,
        }
    }

    /// Sockets of the host: its connections, listeners and unix sockets. Awaited, it answers with the whole
    /// [`SocketList`](crate::SocketList); [`stream`](ListSockets::stream) hands out the rows as they come.
    ///
    /// Deadline: 30 s. Dropped: the agent stops sending.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the role inspector,
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a condition that cannot be,
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ended before its summary, and those of every call. Parts that
    /// could not be read, such as a network namespace, are no error of the call: `summary.errors` names them.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use procwire_client::SocketSelect;
    ///
    /// let https = SocketSelect::new().tcp().local_port(443);
    /// let list = client.system().sockets().matching(https).await?;
    /// println!("{} connections and listeners", list.sockets.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sockets(&self) -> ListSockets {
        ListSockets::new(self.client.clone())
    }

    /// Room and inodes of the filesystem that holds a path of the host.
    ///
    /// Deadline: 10 s. Dropped: a filesystem that does not answer keeps one thread of the agent until it does, no longer
    /// than it would have anyway.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a path that is not absolute,
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`PermissionDenied`](crate::ErrorKind::PermissionDenied) where the
    /// agent cannot get at it, [`Timeout`](crate::ErrorKind::Timeout) if the filesystem hangs, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// // psutil.disk_usage("/home").free
    /// let usage = client.system().disk_usage("/home").await?.usage.unwrap_or_default();
    /// println!("{} of {} bytes are available", usage.available_bytes, usage.total_bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disk_usage(&self, path: impl AsRef<OsStr>) -> GetDiskUsage {
        GetDiskUsage::new(self.client.clone(), path.as_ref())
    }

    /// Control groups of the host with their limits and what of them is used. Awaited, it answers with the whole
    /// [`CgroupList`](crate::CgroupList); [`stream`](ListCgroups::stream) hands out the rows as they come.
    ///
    /// Deadline: 30 s, plus the [`usage_window`](ListCgroups::usage_window). Dropped: the agent stops reading after the
    /// group it is at.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field or a path that is none,
    /// [`NotServed`](crate::ErrorKind::NotServed) on a host without control groups,
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ended before its summary, and those of every call. Paths that
    /// do not exist and groups that went meanwhile are no error of the call: `summary.errors` names them.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let list = client.system().cgroups().path("/system.slice").descendants().await?;
    /// for group in &list.cgroups {
    ///     println!("{} {:?}", String::from_utf8_lossy(group.path()), group.memory);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn cgroups(&self) -> ListCgroups {
        ListCgroups::new(self.client.clone())
    }

    /// Units of systemd. Awaited, it answers with the whole [`UnitList`](crate::UnitList);
    /// [`stream`](ListUnits::stream) hands out the rows as they come.
    ///
    /// Deadline: 30 s. Dropped: the agent asks systemd for nothing more.
    ///
    /// # Errors
    ///
    /// [`NotServed`](crate::ErrorKind::NotServed) on a host without systemd, or whose bus the agent cannot reach,
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ended before its summary, and those of every call. Units that
    /// could not be asked for everything are no error of the call: `summary.errors` names them.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let failed = client.system().units().active_state("failed").await?;
    /// println!("{} units have failed", failed.units.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn units(&self) -> ListUnits {
        ListUnits::new(self.client.clone())
    }
}

/// A snapshot to be asked for; made by [`SystemCalls::get`].
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let response = client
///     .system()
///     .get()
///     .fields(["cpu", "disks"])
///     .usage_window(Duration::from_secs(2))
///     .timeout(Duration::from_secs(5))
///     .await?;
/// println!("{:?}", response.system.and_then(|system| system.cpu).and_then(|cpu| cpu.usage));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetSystem {
    client: Client,
    request: GetSystemRequest,
    timeout: Option<Duration>,
}

impl GetSystem {
    /// Fields of [`System`](crate::v1::System) to read: sections (`"memory"`), parts of them
    /// (`"memory.available_bytes"`), or `"*"` for every one. Without it: the sections that are cheap.
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.request.read_mask = Some(field_mask(paths));
        self
    }

    /// Measure rates and usage ratios over this window, at most a minute; the call takes that much longer. Without it:
    /// counters only.
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

impl IntoFuture for GetSystem {
    type Output = Result<GetSystemResponse, Error>;
    type IntoFuture = CallFuture<GetSystemResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            let timeout = client.time_for(timeout, DEFAULT_TIMEOUT, window_of(request.usage_window.as_ref()));
            let call = Call::begin(&client, "get system", timeout);
            let response =
                call.read(|| async { client.system_service().get_system(call.request(request.clone())).await }).await?;
            Ok(response.into_inner())
        })
    }
}

/// A watch to be opened; made by [`SystemCalls::watch`].
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let watch = client
///     .system()
///     .watch()
///     .fields(["memory"])
///     .interval(Duration::from_millis(500))
///     .reconnect(false)
///     .timeout(Duration::from_secs(3))
///     .await?;
/// println!("stream {}", watch.header().stream_id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct WatchSystem {
    client: Client,
    request: WatchSystemRequest,
    timeout: Option<Duration>,
    reconnect: bool,
}

impl WatchSystem {
    /// Fields of [`System`](crate::v1::System) to read, as in [`GetSystem::fields`].
    pub fn fields<Path: Into<String>>(mut self, paths: impl IntoIterator<Item = Path>) -> Self {
        self.request.read_mask = Some(field_mask(paths));
        self
    }

    /// Time between samples, 100 ms to 1 hour. Default: 1 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.request.interval = Some(wire_duration(interval));
        self
    }

    /// Whether to take the watch up again when its connection breaks or the agent says goodbye. Default: yes.
    pub fn reconnect(mut self, yes: bool) -> Self {
        self.reconnect = yes;
        self
    }

    /// The deadline of the opening, and of each later attempt to take the watch up again. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for WatchSystem {
    type Output = Result<SystemWatch, Error>;
    type IntoFuture = CallFuture<SystemWatch>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, request, timeout, reconnect } = self;
        let timeout = client.time_for(timeout, DEFAULT_TIMEOUT, Duration::ZERO);
        Box::pin(SystemWatch::open(client, request, timeout, reconnect))
    }
}
