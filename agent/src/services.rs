//! The services: requests are parsed once at the door, blocking work goes through the host pool, errors become statuses in `status`.

mod agent;
mod control;
mod encoded;
mod encoded_server;
mod idle;
mod list_message;
mod outgoing;
mod process;
mod request;
mod stop_on_drop;
mod system;
#[cfg(test)]
mod testing;

use std::{sync::Arc, time::Duration};

use procwire_proto::v1::{agent_service_server::AgentServiceServer, control_service_server::ControlServiceServer};

pub use self::encoded_server::{EncodedProcessServer, EncodedSystemServer};
use self::{agent::AgentService, control::ControlService, process::ProcessService, system::SystemService};
use crate::{
    config::ServiceLimits,
    context::Context,
    host_pool::{HostPool, HostPoolLimits, LaneLimits},
};

/// Signalling takes microseconds; a target whose files hang must not take the lane with it.
const CONTROL_LANE: LaneLimits = LaneLimits { threads: 4, queue: 1024, deadline: Duration::from_secs(5) };

/// Each hangs with the driver that it reads from.
const DEVICE_THREADS: usize = 4;

/// The gRPC servers of the four services, sharing one host pool. Each bounds the size of a request.
#[derive(Clone)]
pub struct Services {
    /// ProcessService.
    pub process: EncodedProcessServer,
    /// SystemService.
    pub system: EncodedSystemServer,
    /// ControlService.
    pub control: ControlServiceServer<ControlService>,
    /// AgentService.
    pub agent: AgentServiceServer<AgentService>,
}

impl Services {
    /// Builds them. Nothing runs until there is a call.
    pub fn new(context: &Context, request_bytes: usize) -> Self {
        let pool = Arc::new(HostPool::new(pool_limits(&context.config.limits), Arc::clone(&context.counters)));
        let process = Arc::new(ProcessService::new(context.clone(), Arc::clone(&pool)));
        let system = Arc::new(SystemService::new(context.clone(), Arc::clone(&pool)));
        let control = ControlService::new(context.clone(), Arc::clone(&pool));
        let agent = AgentService::new(context.clone(), pool);
        Self {
            process: EncodedProcessServer::new(process, request_bytes),
            system: EncodedSystemServer::new(system, request_bytes),
            control: ControlServiceServer::new(control).max_decoding_message_size(request_bytes),
            agent: AgentServiceServer::new(agent).max_decoding_message_size(request_bytes),
        }
    }
}

fn pool_limits(limits: &ServiceLimits) -> HostPoolLimits {
    let lane = |threads, deadline| LaneLimits { threads, queue: limits.host_queue, deadline };
    HostPoolLimits {
        quick: lane(limits.host_quick_threads, limits.host_quick_timeout),
        slow: lane(limits.host_slow_threads, limits.host_slow_timeout),
        heavy: lane(limits.host_heavy_threads, limits.host_heavy_timeout),
        device: lane(DEVICE_THREADS, limits.host_slow_timeout),
        control: CONTROL_LANE,
    }
}
