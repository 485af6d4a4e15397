//! A list of sockets, as it is asked for.

use std::time::Duration;

use procwire_proto::v1::ListSocketsRequest;

use crate::call::{Call, CallFuture, LIST_TIMEOUT};
use crate::{Client, Error, SocketList, SocketSelect, SocketStream};

/// A list of sockets to be asked for; made by [`SystemCalls::sockets`](crate::SystemCalls::sockets).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::SocketSelect;
///
/// let list = client
///     .system()
///     .sockets()
///     .matching(SocketSelect::new().tcp().listening())
///     .with_holders()
///     .all_network_namespaces()
///     .limit(1000)
///     .timeout(Duration::from_secs(20))
///     .await?;
/// for socket in &list.sockets {
///     let address = socket.local.as_ref().map(ToString::to_string).unwrap_or_default();
///     let pids: Vec<_> = socket.holders.iter().filter_map(|holder| Some(holder.r#ref.as_ref()?.pid)).collect();
///     println!("{address} is served by {pids:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListSockets {
    client: Client,
    request: ListSocketsRequest,
    timeout: Option<Duration>,
}

impl ListSockets {
    pub(super) fn new(client: Client) -> Self {
        Self { client, request: ListSocketsRequest::default(), timeout: None }
    }

    /// Only sockets that match this; called again: those that match any of them.
    pub fn matching(mut self, select: SocketSelect) -> Self {
        self.request.allow.push(select.into());
        self
    }

    /// Find the processes that hold each socket, and those that hold its other end on this host. Costs a walk over the
    /// descriptors of all processes; the summary says of how many they could not be read.
    pub fn with_holders(mut self) -> Self {
        self.request.with_holders = true;
        self
    }

    /// Look into every network namespace that the agent can reach, not only its own.
    pub fn all_network_namespaces(mut self) -> Self {
        self.request.all_network_namespaces = true;
        self
    }

    /// At most this many rows; 0 is no limit.
    pub fn limit(mut self, rows: u32) -> Self {
        self.request.limit = rows;
        self
    }

    /// The deadline for the whole list. Default: 30 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// The rows as they come, in chunks, so that memory does not grow with the table. The deadline covers the whole
    /// reading, the reader's own pauses included.
    ///
    /// Dropped, before or after it is opened: the agent stops sending.
    ///
    /// # Errors
    ///
    /// Those of [`SystemCalls::sockets`](crate::SystemCalls::sockets); the stream itself ends with them too.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let mut stream = client.system().sockets().stream().await?;
    /// while let Some(rows) = stream.next().await? {
    ///     println!("{} rows", rows.len());
    /// }
    /// println!("{:?}", stream.summary());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stream(self) -> Result<SocketStream, Error> {
        let Self { client, request, timeout } = self;
        let timeout = client.time_for(timeout, LIST_TIMEOUT, Duration::ZERO);
        let call = Call::begin(&client, "list sockets", timeout);
        let (first, rest) = call
            .read(|| async {
                let message = call.request(request.clone());
                let mut rest = client.system_service().list_sockets(message).await?.into_inner();
                Ok((rest.message().await?, rest))
            })
            .await?;
        SocketStream::begin(call, first, rest)
    }
}

impl IntoFuture for ListSockets {
    type Output = Result<SocketList, Error>;
    type IntoFuture = CallFuture<SocketList>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.stream().await?.collect().await })
    }
}
