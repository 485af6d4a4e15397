//! Whether the agent takes calls, by the standard health service.

use std::time::Duration;

use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT};
use crate::{Client, Error};

/// What an agent says of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It takes calls.
    Serving,
    /// It is stopping, and takes no new calls.
    NotServing,
}

/// The agent's health, to be asked for; made by [`AgentCalls::health`](crate::AgentCalls::health).
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct CheckHealth {
    client: Client,
    timeout: Option<Duration>,
}

impl CheckHealth {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, timeout: None }
    }

    /// The deadline. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for CheckHealth {
    type Output = Result<Health, Error>;
    type IntoFuture = CallFuture<Health>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let timeout = self.client.time_for(self.timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let call = Call::begin(&self.client, "check health", timeout);
            let response = call
                .read(|| async {
                    self.client.health_service().check(call.request(HealthCheckRequest::default())).await
                })
                .await?;
            // What is neither is no state that an agent of ours has.
            Ok(match response.into_inner().status() {
                ServingStatus::Serving => Health::Serving,
                _ => Health::NotServing,
            })
        })
    }
}
