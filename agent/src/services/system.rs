//! SystemService: the host at one moment, and at an interval.

mod admission;
mod cgroups;
mod disk_usage;
mod open_lists;
mod query;
mod sockets;
mod units;
mod watch;

use std::sync::Arc;

use procwire_host::{SystemReader, system::add_rates_of};
use procwire_proto::{
    DataClass, SystemFieldSet,
    v1::{
        GetDiskUsageRequest, GetDiskUsageResponse, GetSystemRequest, GetSystemResponse, ListCgroupsRequest,
        ListCgroupsResponse, ListSocketsRequest, ListSocketsResponse, ListUnitsRequest, ListUnitsResponse, System,
        WatchSystemRequest, WatchSystemResponse, system_service_server, watch_system_response::Event,
    },
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use self::{
    admission::Admission,
    cgroups::{CgroupList, CgroupsQuery},
    open_lists::OpenLists,
    query::{SnapshotQuery, WatchSpec},
    sockets::{SocketList, SocketsQuery},
    units::{UnitList, UnitsQuery},
    watch::Watch,
};
use super::{encoded::Decoded, idle::Idle, outgoing::Outgoing, process::unmasked_role, request};
use crate::{
    context::Context,
    host_pool::HostPool,
    sampler::{Read, Sample, Samplers},
    shutdown::Shutdown,
    status::Failure,
};

/// Answers SystemService.
pub(crate) struct SystemService {
    context: Context,
    pool: Arc<HostPool>,
    readers: Arc<Idle<Box<SystemReader>>>,
    samplers: Samplers<SystemFieldSet>,
    admission: Admission,
    socket_lists: OpenLists,
    cgroup_lists: OpenLists,
    unit_lists: OpenLists,
}

impl SystemService {
    pub(crate) fn new(context: Context, pool: Arc<HostPool>) -> Self {
        let samplers = Samplers::new(Arc::clone(&pool), Arc::clone(&context.counters));
        let admission = Admission::new(&context.config.limits, Arc::clone(&context.counters));
        Self {
            context,
            pool,
            readers: Arc::default(),
            samplers,
            admission,
            socket_lists: OpenLists::new("socket lists at a time"),
            cgroup_lists: OpenLists::new("control group lists at a time"),
            unit_lists: OpenLists::new("unit lists at a time"),
        }
    }

    /// WatchSystem, as messages that are encoded already.
    pub(crate) fn watch(&self, request: Request<WatchSystemRequest>) -> Result<Outgoing, Status> {
        self.begin_watch(request).map_err(|failure| failure.on(&self.context.host_name))
    }

    fn begin_watch(&self, request: Request<WatchSystemRequest>) -> Result<Outgoing, Failure> {
        let caller = request::caller(request.extensions())?;
        // The end of this connection, if the server told; else of the agent.
        let shutdown = request.extensions().get::<Shutdown>().unwrap_or(&self.context.shutdown).clone();
        let limits = &self.context.config.limits;
        let intervals = limits.stream_interval_min..=limits.stream_interval_max;
        let spec = WatchSpec::parse(request.into_inner(), intervals)?;
        let admitted = self.admission.admit(&caller.name)?;
        let subscription = self
            .samplers
            .subscribe(spec.fields, spec.interval, query::lane(spec.fields), || self.sampler_of(spec.fields))?;
        let watch = Watch::new(&self.context, spec, subscription, admitted, shutdown);
        Ok(Outgoing::new(watch, limits.stream_lag, self.context.host_name.clone()))
    }

    fn sampler_of(&self, fields: SystemFieldSet) -> Read {
        let mut reader = SystemReader::new(Arc::clone(&self.context.host));
        let mut previous: Option<System> = None;
        Box::new(move || {
            let mut current = reader.read(fields);
            if let Some(previous) = &previous {
                add_rates_of(fields, previous, &mut current);
            }
            let has_rates = previous.is_some();
            let message = WatchSystemResponse { seq: 0, event: Some(Event::Sample(current)) };
            let encoded = message.encode_to_vec().into();
            if let Some(Event::Sample(current)) = message.event {
                previous = Some(current);
            }
            Sample { fields: encoded, has_rates }
        })
    }

    /// ListSockets, as messages that are encoded already.
    pub(crate) fn sockets(&self, request: Request<ListSocketsRequest>) -> Result<Outgoing, Status> {
        self.begin_sockets(request).map_err(|failure| failure.on(&self.context.host_name))
    }

    fn begin_sockets(&self, request: Request<ListSocketsRequest>) -> Result<Outgoing, Failure> {
        request::caller(request.extensions())?;
        let query = SocketsQuery::parse(request.into_inner())?;
        let list = SocketList::open(&self.socket_lists, Arc::clone(&self.context.host), Arc::clone(&self.pool), query)?;
        Ok(Outgoing::new(list, self.context.config.limits.stream_lag, self.context.host_name.clone()))
    }

    /// ListCgroups, as messages that are encoded already.
    pub(crate) fn cgroups(&self, request: Request<ListCgroupsRequest>) -> Result<Outgoing, Status> {
        self.begin_cgroups(request).map_err(|failure| failure.on(&self.context.host_name))
    }

    fn begin_cgroups(&self, request: Request<ListCgroupsRequest>) -> Result<Outgoing, Failure> {
        request::caller(request.extensions())?;
        let query = CgroupsQuery::parse(request.into_inner())?;
        let list = CgroupList::open(&self.cgroup_lists, Arc::clone(&self.context.host), Arc::clone(&self.pool), query)?;
        Ok(Outgoing::new(list, self.context.config.limits.stream_lag, self.context.host_name.clone()))
    }

    /// ListUnits, as messages that are encoded already.
    pub(crate) fn units(&self, request: Request<ListUnitsRequest>) -> Result<Outgoing, Status> {
        self.begin_units(request).map_err(|failure| failure.on(&self.context.host_name))
    }

    fn begin_units(&self, request: Request<ListUnitsRequest>) -> Result<Outgoing, Failure> {
        let caller = request::caller(request.extensions())?;
        let query = UnitsQuery::parse(request.into_inner())?;
        let limits = &self.context.config.limits;
        let sees_secrets = caller.roles.allows(unmasked_role(DataClass::CommandLine));
        let host = Arc::clone(&self.context.host);
        let list = UnitList::open(&self.unit_lists, host, query, limits.host_slow_timeout, sees_secrets)?;
        Ok(Outgoing::new(list, limits.stream_lag, self.context.host_name.clone()))
    }

    async fn get(&self, request: Request<GetSystemRequest>) -> Result<GetSystemResponse, Failure> {
        request::caller(request.extensions())?;
        let SnapshotQuery { fields, usage_window } = SnapshotQuery::parse(request.into_inner())?;
        let lane = query::lane(fields);
        let (mut reader, first) = {
            let (readers, host) = (Arc::clone(&self.readers), Arc::clone(&self.context.host));
            let read = move || {
                let mut reader = readers.take(|| Box::new(SystemReader::new(host)));
                let system = reader.read(fields);
                (reader, system)
            };
            self.pool.run(lane, read).await?
        };
        let system = match usage_window {
            None => first,
            Some(window) => {
                tokio::time::sleep(window).await;
                let read = move || {
                    let mut second = reader.read(fields);
                    add_rates_of(fields, &first, &mut second);
                    (reader, second)
                };
                let second;
                (reader, second) = self.pool.run(lane, read).await?;
                second
            }
        };
        self.readers.put_back(reader);
        Ok(GetSystemResponse { system: Some(system), effective_mask: Some(fields.to_mask()) })
    }
}

#[tonic::async_trait]
impl system_service_server::SystemService for SystemService {
    async fn get_system(&self, request: Request<GetSystemRequest>) -> Result<Response<GetSystemResponse>, Status> {
        self.get(request).await.map(Response::new).map_err(|failure| failure.on(&self.context.host_name))
    }

    type WatchSystemStream = Decoded<Outgoing, WatchSystemResponse>;

    /// The server passes the encoded stream on (see `EncodedSystemServer`); this is the same for callers in the process.
    async fn watch_system(
        &self,
        request: Request<WatchSystemRequest>,
    ) -> Result<Response<Self::WatchSystemStream>, Status> {
        self.watch(request).map(Decoded::new).map(Response::new)
    }

    type ListSocketsStream = Decoded<Outgoing, ListSocketsResponse>;

    /// As `watch_system`: for callers in the process.
    async fn list_sockets(
        &self,
        request: Request<ListSocketsRequest>,
    ) -> Result<Response<Self::ListSocketsStream>, Status> {
        self.sockets(request).map(Decoded::new).map(Response::new)
    }

    async fn get_disk_usage(
        &self,
        request: Request<GetDiskUsageRequest>,
    ) -> Result<Response<GetDiskUsageResponse>, Status> {
        self.room(request).await.map(Response::new).map_err(|failure| failure.on(&self.context.host_name))
    }

    type ListUnitsStream = Decoded<Outgoing, ListUnitsResponse>;

    /// As `watch_system`: for callers in the process.
    async fn list_units(&self, request: Request<ListUnitsRequest>) -> Result<Response<Self::ListUnitsStream>, Status> {
        self.units(request).map(Decoded::new).map(Response::new)
    }

    type ListCgroupsStream = Decoded<Outgoing, ListCgroupsResponse>;

    /// As `watch_system`: for callers in the process.
    async fn list_cgroups(
        &self,
        request: Request<ListCgroupsRequest>,
    ) -> Result<Response<Self::ListCgroupsStream>, Status> {
        self.cgroups(request).map(Decoded::new).map(Response::new)
    }
}

#[cfg(test)]
mod tests;
