//! ProcessService: the process table and single processes.

mod chunk;
mod collect;
mod filter;
mod groundwork;
mod kept;
mod kin;
mod order;
mod piece;
mod query;
mod reading;
mod scan;
mod single;
mod stuck;
mod walk;

use std::sync::Arc;

use bytes::Bytes;
use procwire_host::{Host, ProcessReader, ReaderPair};
use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{
        GetProcessRequest, GetProcessResponse, ListProcessesRequest, ListProcessesResponse, WatchProcessEventsRequest,
        WatchProcessEventsResponse, WatchProcessesRequest, WatchProcessesResponse, process_service_server,
    },
};
use tonic::{Request, Response, Status};

use self::{
    query::{GetQuery, ListQuery, Target},
    reading::{Reading, Selection},
    scan::Scan,
    stuck::StuckProcesses,
};
use super::{
    encoded::{Decoded, Encoded, Unserved},
    idle::Idle,
    outgoing::Outgoing,
    request,
};
use crate::{
    access::Principal,
    context::Context,
    host_pool::HostPool,
    policy::{Disclosure, Sight},
    status::Failure,
};

const LIST: &str = "/procwire.v1.ProcessService/ListProcesses";
const GET: &str = "/procwire.v1.ProcessService/GetProcess";

/// What reads of processes need.
pub(crate) struct Source {
    host: Arc<Host>,
    pool: Arc<HostPool>,
    readers: Idle<ProcessReader>,
    pairs: Idle<ReaderPair>,
    stuck: Arc<StuckProcesses>,
}

impl Source {
    /// Lets `work` use a pair of readers that nobody else uses now. One that panics takes it with it.
    fn with_pair<T>(&self, work: impl FnOnce(&mut ReaderPair) -> T) -> T {
        let mut readers = self.pairs.take(|| ReaderPair::new(&self.host));
        let made = work(&mut readers);
        self.pairs.put_back(readers);
        made
    }
}

/// Answers ProcessService.
pub(crate) struct ProcessService {
    context: Context,
    source: Arc<Source>,
}

impl ProcessService {
    pub(crate) fn new(context: Context, pool: Arc<HostPool>) -> Self {
        let host = Arc::clone(&context.host);
        let source = Source { host, pool, readers: Idle::default(), pairs: Idle::default(), stuck: Arc::default() };
        Self { context, source: Arc::new(source) }
    }

    /// ListProcesses, as messages that are encoded already.
    pub(crate) fn list(&self, request: Request<ListProcessesRequest>) -> Result<Outgoing, Status> {
        self.begin_list(request).map_err(|failure| failure.on(&self.context.host_name))
    }

    fn begin_list(&self, request: Request<ListProcessesRequest>) -> Result<Outgoing, Failure> {
        let caller = request::caller(request.extensions())?;
        let boot_id = &self.source.host.machine().boot_id;
        let sight = self.context.policy.sight(&caller, LIST);
        let query = ListQuery::parse(request.into_inner(), boot_id, &sight)?;
        self.note_access(&caller, query.fields, &sight, LIST);
        let scan = Scan::new(Arc::clone(&self.source), query, sight);
        let stall_limit = self.context.config.limits.stream_lag;
        Ok(Outgoing::new(scan, stall_limit, self.context.host_name.clone()))
    }

    /// GetProcess, as a message that is encoded already.
    pub(crate) async fn get(&self, request: Request<GetProcessRequest>) -> Result<Encoded, Status> {
        self.read_one(request).await.map(Encoded::whole).map_err(|failure| failure.on(&self.context.host_name))
    }

    async fn read_one(&self, request: Request<GetProcessRequest>) -> Result<Bytes, Failure> {
        let caller = request::caller(request.extensions())?;
        let sight = self.context.policy.sight(&caller, GET);
        let GetQuery { target, fields, usage_window } = GetQuery::parse(request.into_inner())?;
        self.note_access(&caller, fields, &sight, GET);
        if let Target::Reference(reference) = &target
            && reference.boot_id != self.source.host.machine().boot_id
        {
            return Err(Failure::host_rebooted(reference.pid));
        }
        let baseline = match usage_window.filter(|_| fields.contains(bit::CPU_USAGE_RATIO)) {
            Some(window) => {
                let baseline = groundwork::baseline(&self.source, Some(Arc::from([target.pid()]))).await?;
                tokio::time::sleep(window).await;
                Some(Arc::new(baseline))
            }
            None => None,
        };
        let reading = Reading::new(fields, &sight, Selection { baseline, ..Selection::default() });
        single::read(&self.source, &target, reading).await
    }

    /// Secrets are in environments: who gets more of them than names is on record, once a call.
    fn note_access(&self, caller: &Principal, fields: ProcessFieldSet, sight: &Sight, method: &str) {
        let what = match (sight.has(Disclosure::EnvironValues), sight.has(Disclosure::EnvironSecrets)) {
            (false, _) => return,
            (true, false) => "environ, values without secrets",
            (true, true) => "environ, values with secrets",
        };
        if fields.contains(bit::ENVIRON) {
            self.context.audit.note_access(caller, method, what);
        }
    }

    fn not_served<T>(&self, method: &str, instead: &str) -> Result<T, Status> {
        Err(Failure::not_served(method, instead).on(&self.context.host_name))
    }
}

#[tonic::async_trait]
impl process_service_server::ProcessService for ProcessService {
    type ListProcessesStream = Decoded<Outgoing, ListProcessesResponse>;

    /// The server passes the encoded stream on (see `EncodedProcessServer`); this is the same for callers in the process.
    async fn list_processes(
        &self,
        request: Request<ListProcessesRequest>,
    ) -> Result<Response<Self::ListProcessesStream>, Status> {
        self.list(request).map(Decoded::new).map(Response::new)
    }

    /// As for lists: the server passes the encoded answer on.
    async fn get_process(&self, request: Request<GetProcessRequest>) -> Result<Response<GetProcessResponse>, Status> {
        let answer = self.get(request).await?.decode();
        answer.map(Response::new).map_err(|error| Status::internal(error.to_string()))
    }

    type WatchProcessesStream = Unserved<WatchProcessesResponse>;

    async fn watch_processes(
        &self,
        _: Request<WatchProcessesRequest>,
    ) -> Result<Response<Self::WatchProcessesStream>, Status> {
        self.not_served("WatchProcesses", "call ListProcesses at an interval")
    }

    type WatchProcessEventsStream = Unserved<WatchProcessEventsResponse>;

    async fn watch_process_events(
        &self,
        _: Request<WatchProcessEventsRequest>,
    ) -> Result<Response<Self::WatchProcessEventsStream>, Status> {
        self.not_served(
            "WatchProcessEvents",
            "call ListProcesses at an interval, or WaitProcess for the end of one process",
        )
    }
}

#[cfg(test)]
mod tests;
