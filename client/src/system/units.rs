//! A list of systemd units, as it is asked for.

use std::time::Duration;

use procwire_proto::v1::ListUnitsRequest;

use crate::call::{Call, CallFuture, LIST_TIMEOUT};
use crate::{Client, Error, UnitList, UnitStream};

/// A list of systemd units to be asked for; made by [`SystemCalls::units`](crate::SystemCalls::units).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let list = client
///     .system()
///     .units()
///     .pattern("*.service")
///     .active_state("failed")
///     .timeout(Duration::from_secs(5))
///     .await?;
/// for unit in &list.units {
///     println!("{} has failed after {:?} restarts", unit.name, unit.restarts);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListUnits {
    client: Client,
    request: ListUnitsRequest,
    timeout: Option<Duration>,
}

impl ListUnits {
    pub(super) fn new(client: Client) -> Self {
        Self { client, request: ListUnitsRequest::default(), timeout: None }
    }

    /// Only units whose name matches this shell pattern: `"ssh.service"`, `"*.timer"`. Called again: those that match any
    /// of them.
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.request.patterns.push(pattern.into());
        self
    }

    /// Only units whose names match one of these, in addition to those given before; see [`pattern`](Self::pattern).
    pub fn patterns<Pattern: Into<String>>(self, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        patterns.into_iter().fold(self, Self::pattern)
    }

    /// Only units in this state: `"active"`, `"inactive"`, `"failed"`, `"activating"`, `"deactivating"`, `"reloading"`.
    /// Called again: those in any of them.
    pub fn active_state(mut self, state: impl Into<String>) -> Self {
        self.request.active_states.push(state.into());
        self
    }

    /// Only units in one of these states, in addition to those given before; see [`active_state`](Self::active_state).
    pub fn active_states<State: Into<String>>(self, states: impl IntoIterator<Item = State>) -> Self {
        states.into_iter().fold(self, Self::active_state)
    }

    /// The deadline for the whole list. Default: 30 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// The rows as they come, in chunks. The deadline covers the whole reading, the reader's own pauses included.
    ///
    /// Dropped, before or after it is opened: the agent asks systemd for nothing more.
    ///
    /// # Errors
    ///
    /// Those of [`SystemCalls::units`](crate::SystemCalls::units); the stream itself ends with them too.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let mut stream = client.system().units().stream().await?;
    /// while let Some(rows) = stream.next().await? {
    ///     println!("{} rows", rows.len());
    /// }
    /// println!("{:?}", stream.summary());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stream(self) -> Result<UnitStream, Error> {
        let Self { client, request, timeout } = self;
        let timeout = client.time_for(timeout, LIST_TIMEOUT, Duration::ZERO);
        let call = Call::begin(&client, "list units", timeout);
        let (first, rest) = call
            .read(|| async {
                let message = call.request(request.clone());
                let mut rest = client.system_service().list_units(message).await?.into_inner();
                Ok((rest.message().await?, rest))
            })
            .await?;
        UnitStream::begin(call, first, rest)
    }
}

impl IntoFuture for ListUnits {
    type Output = Result<UnitList, Error>;
    type IntoFuture = CallFuture<UnitList>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.stream().await?.collect().await })
    }
}
