//! SystemService: the host at one moment, and at an interval.

mod admission;
mod cgroups;
mod disk_usage;
mod query;
mod sockets;
mod units;
mod watch;
mod windowed;

use std::{sync::Arc, time::Duration};

use procwire_host::{Host, SystemReader, add_rates_of, compared_fields};
use procwire_proto::{
    SystemFieldSet,
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
    query::{SnapshotQuery, WatchSpec},
    sockets::{SocketList, SocketsQuery},
    units::{UnitList, UnitsQuery},
    watch::Watch,
    windowed::FirstReading,
};
use super::{encoded::Decoded, idle::Idle, outgoing::Outgoing, request};
use crate::{
    context::Context,
    host_pool::HostPool,
    sampler::{Read, Sample, Samplers},
    shares::Shares,
    shutdown::Shutdown,
    status::Failure,
};

const LIST_UNITS: &str = "/procwire.v1.SystemService/ListUnits";

/// Answers SystemService.
pub(crate) struct SystemService {
    context: Context,
    pool: Arc<HostPool>,
    readers: Readers,
    samplers: Samplers<SystemFieldSet>,
    admission: Admission,
    windowed_snapshots: Shares,
    socket_lists: Shares,
    cgroup_lists: Shares,
    unit_lists: Shares,
}

/// Readers that are lent for one reading: how many there are is a matter of the threads that read, not of the callers.
#[derive(Clone)]
struct Readers {
    host: Arc<Host>,
    idle: Arc<Idle<Box<SystemReader>>>,
}

impl Readers {
    fn read(&self, fields: SystemFieldSet) -> System {
        let mut reader = self.idle.take(|| Box::new(SystemReader::new(Arc::clone(&self.host))));
        let system = reader.read(fields);
        self.idle.put_back(reader);
        system
    }
}

impl SystemService {
    pub(crate) fn new(context: Context, pool: Arc<HostPool>) -> Self {
        let limits = &context.config.limits;
        let samplers = Samplers::new(limits, Arc::clone(&pool), Arc::clone(&context.counters));
        let admission = Admission::new(limits, Arc::clone(&context.counters));
        let lists = || admission::lists(limits);
        Self {
            pool,
            readers: Readers { host: Arc::clone(&context.host), idle: Arc::default() },
            samplers,
            admission,
            windowed_snapshots: admission::windowed_snapshots(limits),
            socket_lists: lists(),
            cgroup_lists: lists(),
            unit_lists: lists(),
            context,
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
        let WatchSpec { fields, interval } = spec;
        let read = || self.sampler_of(fields);
        let subscription = self.samplers.subscribe(&caller.name, fields, interval, query::lane(fields), read)?;
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
        let caller = request::caller(request.extensions())?;
        let query = SocketsQuery::parse(request.into_inner())?;
        let opened = self.socket_lists.take(&caller.name)?;
        let list = SocketList::open(opened, Arc::clone(&self.context.host), Arc::clone(&self.pool), query);
        Ok(Outgoing::new(list, self.context.config.limits.stream_lag, self.context.host_name.clone()))
    }

    /// ListCgroups, as messages that are encoded already.
    pub(crate) fn cgroups(&self, request: Request<ListCgroupsRequest>) -> Result<Outgoing, Status> {
        self.begin_cgroups(request).map_err(|failure| failure.on(&self.context.host_name))
    }

    fn begin_cgroups(&self, request: Request<ListCgroupsRequest>) -> Result<Outgoing, Failure> {
        let caller = request::caller(request.extensions())?;
        let query = CgroupsQuery::parse(request.into_inner())?;
        let opened = self.cgroup_lists.take(&caller.name)?;
        let list = CgroupList::open(opened, Arc::clone(&self.context.host), Arc::clone(&self.pool), query);
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
        let sight = self.context.policy.sight(&caller, LIST_UNITS);
        let host = Arc::clone(&self.context.host);
        let opened = self.unit_lists.take(&caller.name)?;
        let list = UnitList::open(opened, host, query, limits.host_slow_timeout, sight);
        Ok(Outgoing::new(list, limits.stream_lag, self.context.host_name.clone()))
    }

    async fn get(&self, request: Request<GetSystemRequest>) -> Result<GetSystemResponse, Failure> {
        let caller = request::caller(request.extensions())?;
        let SnapshotQuery { fields, usage_window } = SnapshotQuery::parse(request.into_inner())?;
        let system = match usage_window {
            None => self.read(fields).await?,
            Some(window) => {
                let place = self.windowed_snapshots.take(&caller.name)?;
                let system = self.read_over(window, fields).await;
                drop(place);
                system?
            }
        };
        Ok(GetSystemResponse { system: Some(system), effective_mask: Some(fields.to_mask()) })
    }

    async fn read(&self, fields: SystemFieldSet) -> Result<System, Failure> {
        let readers = self.readers.clone();
        Ok(self.pool.run(query::lane(fields), move || readers.read(fields)).await?)
    }

    /// A reading with rates over this time. Meanwhile there is only the first reading, without a reader and its open files.
    async fn read_over(&self, window: Duration, fields: SystemFieldSet) -> Result<System, Failure> {
        let compared = compared_fields(fields);
        let readers = self.readers.clone();
        let first = self.pool.run(query::lane(compared), move || FirstReading::of(&readers.read(compared))).await?;
        tokio::time::sleep(window).await;
        let readers = self.readers.clone();
        let second = move || {
            let mut system = readers.read(fields);
            first.add_rates_to(fields, &mut system);
            system
        };
        Ok(self.pool.run(query::lane(fields), second).await?)
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
