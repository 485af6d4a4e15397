//! The generated server traits, answered from scripts.

use procwire_proto::v1::agent_service_server::AgentService;
use procwire_proto::v1::control_service_server::ControlService;
use procwire_proto::v1::process_service_server::ProcessService;
use procwire_proto::v1::system_service_server::SystemService;
use procwire_proto::v1::{
    GetCapabilitiesRequest, GetCapabilitiesResponse, GetDiskUsageRequest, GetDiskUsageResponse, GetInfoRequest,
    GetInfoResponse, GetProcessRequest, GetProcessResponse, GetStatusRequest, GetStatusResponse, GetSystemRequest,
    GetSystemResponse, ListCgroupsRequest, ListCgroupsResponse, ListProcessesRequest, ListProcessesResponse,
    ListSocketsRequest, ListSocketsResponse, ListUnitsRequest, ListUnitsResponse, SignalProcessesRequest,
    SignalProcessesResponse, TerminateProcessesRequest, TerminateProcessesResponse, UpdateProcessRequest,
    UpdateProcessResponse, WaitProcessRequest, WaitProcessResponse, WaitProcessesRequest, WaitProcessesResponse,
    WatchProcessEventsRequest, WatchProcessEventsResponse, WatchProcessesRequest, WatchProcessesResponse,
    WatchSystemRequest, WatchSystemResponse,
};
use tonic::{Request, Response, Status, async_trait};

use crate::fake_agent::FakeAgent;
use crate::script::Answers;

type Answer<Message> = Result<Response<Message>, Status>;

fn not_served<Message>() -> Answer<Message> {
    Err(Status::unimplemented("the fake agent does not do this"))
}

#[async_trait]
impl ProcessService for FakeAgent {
    type ListProcessesStream = Answers<ListProcessesResponse>;
    type WatchProcessesStream = Answers<WatchProcessesResponse>;
    type WatchProcessEventsStream = Answers<WatchProcessEventsResponse>;

    async fn list_processes(&self, request: Request<ListProcessesRequest>) -> Answer<Self::ListProcessesStream> {
        self.list.stream(&self.lines, request)
    }

    async fn get_process(&self, request: Request<GetProcessRequest>) -> Answer<GetProcessResponse> {
        self.get_process.unary(&self.lines, request).await
    }

    async fn watch_processes(&self, _: Request<WatchProcessesRequest>) -> Answer<Self::WatchProcessesStream> {
        not_served()
    }

    async fn watch_process_events(
        &self,
        _: Request<WatchProcessEventsRequest>,
    ) -> Answer<Self::WatchProcessEventsStream> {
        not_served()
    }
}

#[async_trait]
impl SystemService for FakeAgent {
    type WatchSystemStream = Answers<WatchSystemResponse>;
    type ListSocketsStream = Answers<ListSocketsResponse>;
    type ListUnitsStream = Answers<ListUnitsResponse>;
    type ListCgroupsStream = Answers<ListCgroupsResponse>;

    async fn get_system(&self, request: Request<GetSystemRequest>) -> Answer<GetSystemResponse> {
        self.get_system.unary(&self.lines, request).await
    }

    async fn watch_system(&self, request: Request<WatchSystemRequest>) -> Answer<Self::WatchSystemStream> {
        self.watch.stream(&self.lines, request)
    }

    async fn list_sockets(&self, request: Request<ListSocketsRequest>) -> Answer<Self::ListSocketsStream> {
        self.sockets.stream(&self.lines, request)
    }

    async fn get_disk_usage(&self, request: Request<GetDiskUsageRequest>) -> Answer<GetDiskUsageResponse> {
        self.disk_usage.unary(&self.lines, request).await
    }

    async fn list_units(&self, request: Request<ListUnitsRequest>) -> Answer<Self::ListUnitsStream> {
        self.units.stream(&self.lines, request)
    }

    async fn list_cgroups(&self, request: Request<ListCgroupsRequest>) -> Answer<Self::ListCgroupsStream> {
        self.cgroups.stream(&self.lines, request)
    }
}

#[async_trait]
impl ControlService for FakeAgent {
    type TerminateProcessesStream = Answers<TerminateProcessesResponse>;

    async fn signal_processes(&self, request: Request<SignalProcessesRequest>) -> Answer<SignalProcessesResponse> {
        self.signal.unary(&self.lines, request).await
    }

    async fn terminate_processes(
        &self,
        request: Request<TerminateProcessesRequest>,
    ) -> Answer<Self::TerminateProcessesStream> {
        self.terminate.stream(&self.lines, request)
    }

    async fn wait_process(&self, request: Request<WaitProcessRequest>) -> Answer<WaitProcessResponse> {
        self.wait.unary(&self.lines, request).await
    }

    type WaitProcessesStream = Answers<WaitProcessesResponse>;

    async fn wait_processes(&self, request: Request<WaitProcessesRequest>) -> Answer<Self::WaitProcessesStream> {
        self.wait_many.stream(&self.lines, request)
    }

    async fn update_process(&self, request: Request<UpdateProcessRequest>) -> Answer<UpdateProcessResponse> {
        self.update.unary(&self.lines, request).await
    }
}

#[async_trait]
impl AgentService for FakeAgent {
    async fn get_info(&self, request: Request<GetInfoRequest>) -> Answer<GetInfoResponse> {
        self.info.unary(&self.lines, request).await
    }

    async fn get_capabilities(&self, _: Request<GetCapabilitiesRequest>) -> Answer<GetCapabilitiesResponse> {
        not_served()
    }

    async fn get_status(&self, request: Request<GetStatusRequest>) -> Answer<GetStatusResponse> {
        self.status.unary(&self.lines, request).await
    }
}
