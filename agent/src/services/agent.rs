//! AgentService: the agent about itself.

mod capabilities;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use procwire_host::{Host, HostError, OwnCost, ProcessPlan, ProcessReader, SystemReader};
use procwire_proto::{
    process_fields, system_fields,
    v1::{
        CallerInfo, GetCapabilitiesRequest, GetCapabilitiesResponse, GetInfoRequest, GetInfoResponse, GetStatusRequest,
        GetStatusResponse, HostIdentity, ProcessRef, agent_service_server,
    },
};
use prost_types::Timestamp;
use tonic::{Request, Response, Status};

use super::request::{self, wire_duration};
use crate::{
    access::Principal,
    context::Context,
    host_pool::{HostPool, Lane},
    status::Failure,
};

/// Answers AgentService.
pub struct AgentService {
    context: Context,
    pool: Arc<HostPool>,
    started: Instant,
    started_at: Timestamp,
}

impl AgentService {
    pub(crate) fn new(context: Context, pool: Arc<HostPool>) -> Self {
        Self { context, pool, started: Instant::now(), started_at: Timestamp::from(SystemTime::now()) }
    }

    async fn info(&self, caller: Principal) -> Result<GetInfoResponse, Failure> {
        let host = Arc::clone(&self.context.host);
        let facts = self.pool.run(Lane::Quick, move || HostFacts::read(&host)).await??;
        let HostFacts { identity, boot_time, agent, machine_id } = facts;
        let machine = self.context.host.machine();
        Ok(GetInfoResponse {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            api_packages: vec!["procwire.v1".to_owned()],
            hostname: identity.hostname,
            kernel_name: identity.kernel_name,
            kernel_release: identity.kernel_release,
            kernel_version: identity.kernel_version,
            machine: identity.machine,
            boot_id: machine.boot_id.to_vec(),
            boot_time: Some(boot_time),
            page_size_bytes: u32::try_from(machine.page_size_bytes).unwrap_or(u32::MAX),
            ticks_per_second: u32::try_from(machine.ticks_per_second).unwrap_or(u32::MAX),
            agent,
            agent_start_time: Some(self.started_at),
            caller: Some(CallerInfo {
                principal: caller.name,
                roles: caller.roles.iter().map(|role| role.name().to_owned()).collect(),
            }),
            machine_id,
            container_mode: !self.context.host.has_own_namespaces(),
        })
    }

    async fn status(&self) -> Result<GetStatusResponse, Failure> {
        let own = {
            let host = Arc::clone(&self.context.host);
            self.pool.run(Lane::Quick, move || OwnCost::read(host.machine())).await?
        };
        let Context { host, counters, certificates, .. } = &self.context;
        Ok(GetStatusResponse {
            sampled: Some(host.sample_time()),
            uptime: Some(wire_duration(self.started.elapsed())),
            cpu_time_ns: own.cpu_time_ns,
            resident_bytes: own.resident_bytes,
            fd_count: own.fd_count,
            thread_count: own.thread_count,
            connections: counters.connections.get(),
            connections_accepted: counters.connections_accepted.get(),
            connections_refused: counters.connections_refused.get(),
            calls_in_progress: counters.calls_in_progress.get(),
            calls: counters.calls.get(),
            calls_denied: counters.calls_denied.get(),
            streams: counters.streams.get(),
            samplers: counters.samplers.get(),
            messages_lost: counters.messages_lost.get(),
            host_reads_queued: counters.host_reads_queued.get(),
            host_read_timeouts: counters.host_read_timeouts.get(),
            control_actions: counters.control_actions.get(),
            certificate_expires: certificates.as_ref().map(|certificates| certificates.expires()),
            certificates: certificates.as_ref().map(|all| all.status(counters.connections_ended.get())),
            policy: Some(self.context.policy.status()),
            audit: Some(self.context.audit.status()),
            quota_refusals: counters.quota_refusals.get(),
        })
    }

    fn fail(&self) -> impl Fn(Failure) -> Status + '_ {
        |failure| failure.on(&self.context.host_name)
    }
}

#[tonic::async_trait]
impl agent_service_server::AgentService for AgentService {
    async fn get_info(&self, request: Request<GetInfoRequest>) -> Result<Response<GetInfoResponse>, Status> {
        let caller = request::caller(request.extensions()).map_err(self.fail())?;
        self.info(caller).await.map(Response::new).map_err(self.fail())
    }

    async fn get_capabilities(
        &self,
        request: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<GetCapabilitiesResponse>, Status> {
        let caller = request::caller(request.extensions()).map_err(self.fail())?;
        let host = Arc::clone(&self.context.host);
        let features = self.pool.run(Lane::Quick, move || host.features()).await;
        let features = features.map_err(|error| Failure::from(error).on(&self.context.host_name))?;
        Ok(Response::new(capabilities::describe(&caller, &self.context.policy.current(), features)))
    }

    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        request::caller(request.extensions()).map_err(self.fail())?;
        self.status().await.map(Response::new).map_err(self.fail())
    }
}

/// What GetInfo reads from the kernel's files.
struct HostFacts {
    identity: HostIdentity,
    boot_time: Timestamp,
    agent: Option<ProcessRef>,
    machine_id: Option<Vec<u8>>,
}

impl HostFacts {
    fn read(host: &Arc<Host>) -> Result<Self, HostError> {
        let identity = SystemReader::new(Arc::clone(host)).read(system_fields::bit::HOST).host.unwrap_or_default();
        let plan = ProcessPlan::new(process_fields::bit::REF);
        let own_row = match host.own_pid() {
            Some(pid) => ProcessReader::new(Arc::clone(host)).read(pid, &plan)?,
            None => None,
        };
        Ok(Self {
            identity,
            boot_time: host.boot_time()?,
            agent: own_row.and_then(|row| row.r#ref),
            machine_id: machine_id(host),
        })
    }
}

/// 32 hexadecimal digits and a newline: machine-id(5). Absent in many containers.
fn machine_id(host: &Host) -> Option<Vec<u8>> {
    let text = std::fs::read_to_string(host.roots().etc.join("machine-id")).ok()?;
    let number = u128::from_str_radix(text.trim_end(), 16).ok()?;
    (text.trim_end().len() == 32).then(|| number.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests;
