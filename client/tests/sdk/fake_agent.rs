//! A scripted agent and the lines to it, which can be cut.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use procwire_client::Client;
use procwire_proto::v1::agent_service_server::AgentServiceServer;
use procwire_proto::v1::control_service_server::ControlServiceServer;
use procwire_proto::v1::process_service_server::ProcessServiceServer;
use procwire_proto::v1::system_service_server::SystemServiceServer;
use procwire_proto::v1::{
    GetDiskUsageRequest, GetDiskUsageResponse, GetInfoRequest, GetInfoResponse, GetProcessRequest, GetProcessResponse,
    GetStatusRequest, GetStatusResponse, GetSystemRequest, GetSystemResponse, ListCgroupsRequest, ListCgroupsResponse,
    ListProcessesRequest, ListProcessesResponse, ListSocketsRequest, ListSocketsResponse, ListUnitsRequest,
    ListUnitsResponse, SignalProcessesRequest, SignalProcessesResponse, TerminateProcessesRequest,
    TerminateProcessesResponse, UpdateProcessRequest, UpdateProcessResponse, WaitProcessRequest, WaitProcessResponse,
    WaitProcessesRequest, WaitProcessesResponse, WatchSystemRequest, WatchSystemResponse,
};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;
use tonic::transport::Server;

use crate::script::Script;

/// The scripts of the methods, and the lines. Clones are the same agent.
#[derive(Clone, Default)]
pub(crate) struct FakeAgent {
    pub(crate) list: Arc<Script<ListProcessesRequest, ListProcessesResponse>>,
    pub(crate) get_process: Arc<Script<GetProcessRequest, GetProcessResponse>>,
    pub(crate) get_system: Arc<Script<GetSystemRequest, GetSystemResponse>>,
    pub(crate) sockets: Arc<Script<ListSocketsRequest, ListSocketsResponse>>,
    pub(crate) disk_usage: Arc<Script<GetDiskUsageRequest, GetDiskUsageResponse>>,
    pub(crate) units: Arc<Script<ListUnitsRequest, ListUnitsResponse>>,
    pub(crate) cgroups: Arc<Script<ListCgroupsRequest, ListCgroupsResponse>>,
    pub(crate) watch: Arc<Script<WatchSystemRequest, WatchSystemResponse>>,
    pub(crate) terminate: Arc<Script<TerminateProcessesRequest, TerminateProcessesResponse>>,
    pub(crate) wait: Arc<Script<WaitProcessRequest, WaitProcessResponse>>,
    pub(crate) signal: Arc<Script<SignalProcessesRequest, SignalProcessesResponse>>,
    pub(crate) wait_many: Arc<Script<WaitProcessesRequest, WaitProcessesResponse>>,
    pub(crate) update: Arc<Script<UpdateProcessRequest, UpdateProcessResponse>>,
    pub(crate) status: Arc<Script<GetStatusRequest, GetStatusResponse>>,
    pub(crate) info: Arc<Script<GetInfoRequest, GetInfoResponse>>,
    pub(crate) lines: Lines,
}

/// The connections to an agent.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<LinesState>);

#[derive(Default)]
struct LinesState {
    made: AtomicUsize,
    refused: AtomicBool,
    cutters: Mutex<Vec<AbortHandle>>,
}

impl FakeAgent {
    /// A client over memory. The agent serves until the client is gone.
    pub(crate) fn client(&self) -> Client {
        let switchboard = self.serve();
        let lines = self.lines.clone();
        Client::from_connector("fake agent", move || {
            let line = lines.open(&switchboard);
            async move { line }
        })
    }

    /// Starts to serve what is plugged into the switchboard.
    pub(crate) fn serve(&self) -> Switchboard {
        let (plug, incoming) = mpsc::unbounded_channel();
        let services = Services {
            processes: ProcessServiceServer::new(self.clone()),
            system: SystemServiceServer::new(self.clone()),
            control: ControlServiceServer::new(self.clone()),
            agent: AgentServiceServer::new(self.clone()),
        };
        tokio::spawn(Server::builder().serve_with_incoming(services, UnboundedReceiverStream::new(incoming)));
        Switchboard(plug)
    }
}

/// Where byte streams to the agent are plugged in.
#[derive(Clone)]
pub(crate) struct Switchboard(mpsc::UnboundedSender<io::Result<DuplexStream>>);

impl Switchboard {
    /// A byte stream to the agent.
    pub(crate) fn plug(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 << 10);
        self.0.send(Ok(far)).expect("the agent has stopped");
        near
    }
}

impl Lines {
    /// How many connections were made.
    pub(crate) fn made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }

    /// Refuses new connections, or stops to.
    pub(crate) fn refuse(&self, yes: bool) {
        self.0.refused.store(yes, Ordering::SeqCst);
    }

    /// Cuts every connection there is.
    pub(crate) fn cut(&self) {
        for cutter in self.0.cutters.lock().unwrap().drain(..) {
            cutter.abort();
        }
    }

    fn open(&self, switchboard: &Switchboard) -> io::Result<DuplexStream> {
        self.0.made.fetch_add(1, Ordering::SeqCst);
        if self.0.refused.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the line is busy"));
        }
        let mut agent = switchboard.plug();
        let (near, mut far) = tokio::io::duplex(64 << 10);
        // Between the two, so that both ends see the line cut when this task ends.
        let line = tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut far, &mut agent).await;
        });
        self.0.cutters.lock().unwrap().push(line.abort_handle());
        Ok(near)
    }
}

/// The services behind one door.
#[derive(Clone)]
struct Services {
    processes: ProcessServiceServer<FakeAgent>,
    system: SystemServiceServer<FakeAgent>,
    control: ControlServiceServer<FakeAgent>,
    agent: AgentServiceServer<FakeAgent>,
}

impl Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match request.uri().path().split('/').nth(1) {
            Some(ProcessServiceServer::<FakeAgent>::NAME) => self.processes.call(request),
            Some(SystemServiceServer::<FakeAgent>::NAME) => self.system.call(request),
            Some(ControlServiceServer::<FakeAgent>::NAME) => self.control.call(request),
            Some(AgentServiceServer::<FakeAgent>::NAME) => self.agent.call(request),
            _ => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}
