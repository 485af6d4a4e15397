//! The agent itself.

use std::time::Duration;

use procwire_proto::v1::{
    GetCapabilitiesRequest, GetCapabilitiesResponse, GetInfoRequest, GetInfoResponse, GetStatusRequest,
    GetStatusResponse,
};

use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT};
use crate::{CheckHealth, Client, Error};

/// Asks the agent about itself; made by [`Client::agent`].
#[derive(Clone, Debug)]
pub struct AgentCalls {
    client: Client,
}

impl AgentCalls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Who answers: versions, host, kernel, and the caller as the agent sees it.
    ///
    /// Deadline: 10 s. Dropped: nothing on the host changes. Errors: those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let info = client.agent().info().await?;
    /// println!("agent {}, we are {:?}", info.agent_version, info.caller);
    /// # Ok(())
    /// # }
    /// ```
    pub fn info(&self) -> GetInfo {
        GetInfo { client: self.client.clone(), timeout: None }
    }

    /// What this agent, its kernel and its privileges can answer, and why not the rest.
    ///
    /// Deadline: 10 s. Dropped: nothing on the host changes. Errors: those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let capabilities = client.agent().capabilities().await?;
    /// for method in capabilities.methods.iter().filter(|method| !method.allowed) {
    ///     println!("{} needs the role {}", method.method, method.role);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn capabilities(&self) -> GetCapabilities {
        GetCapabilities { client: self.client.clone(), timeout: None }
    }

    /// What the agent costs its host and how it fares.
    ///
    /// Deadline: 10 s. Dropped: nothing on the host changes. Errors: those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let status = client.agent().status().await?;
    /// println!("{} bytes resident, {} connections", status.resident_bytes, status.connections);
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&self) -> GetStatus {
        GetStatus { client: self.client.clone(), timeout: None }
    }

    /// Whether the agent takes calls: the standard health service, as load balancers and orchestrators ask it.
    ///
    /// Deadline: 10 s. Dropped: nothing on the host changes. Errors: those of every call; an agent that cannot be reached is an
    /// error, not a state.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let is_ready = client.agent().health().await? == procwire_client::Health::Serving;
    /// # Ok(())
    /// # }
    /// ```
    pub fn health(&self) -> CheckHealth {
        CheckHealth::new(self.client.clone())
    }
}

/// The agent's description, to be asked for; made by [`AgentCalls::info`].
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetInfo {
    client: Client,
    timeout: Option<Duration>,
}

/// The agent's capabilities, to be asked for; made by [`AgentCalls::capabilities`].
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetCapabilities {
    client: Client,
    timeout: Option<Duration>,
}

/// The agent's state, to be asked for; made by [`AgentCalls::status`].
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetStatus {
    client: Client,
    timeout: Option<Duration>,
}

// === impl GetInfo ===

impl GetInfo {
    /// The deadline. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for GetInfo {
    type Output = Result<GetInfoResponse, Error>;
    type IntoFuture = CallFuture<GetInfoResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let timeout = self.client.time_for(self.timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let call = Call::begin(&self.client, "get agent info", timeout);
            let response = call
                .read(|| async { self.client.agent_service().get_info(call.request(GetInfoRequest {})).await })
                .await?;
            Ok(response.into_inner())
        })
    }
}

// === impl GetCapabilities ===

impl GetCapabilities {
    /// The deadline. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for GetCapabilities {
    type Output = Result<GetCapabilitiesResponse, Error>;
    type IntoFuture = CallFuture<GetCapabilitiesResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let timeout = self.client.time_for(self.timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let call = Call::begin(&self.client, "get agent capabilities", timeout);
            let response = call
                .read(|| async {
                    self.client.agent_service().get_capabilities(call.request(GetCapabilitiesRequest {})).await
                })
                .await?;
            Ok(response.into_inner())
        })
    }
}

// === impl GetStatus ===

impl GetStatus {
    /// The deadline. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for GetStatus {
    type Output = Result<GetStatusResponse, Error>;
    type IntoFuture = CallFuture<GetStatusResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let timeout = self.client.time_for(self.timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let call = Call::begin(&self.client, "get agent status", timeout);
            let response = call
                .read(|| async { self.client.agent_service().get_status(call.request(GetStatusRequest {})).await })
                .await?;
            Ok(response.into_inner())
        })
    }
}
