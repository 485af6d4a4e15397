//! The generated servers, with what is encoded already in front: those methods go through a codec that passes bytes on, all others through
//! the generated code.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request as HttpRequest;
use http_body::Body as HttpBody;
use procwire_proto::v1::{
    GetProcessRequest, ListCgroupsRequest, ListProcessesRequest, ListSocketsRequest, ListUnitsRequest,
    WatchSystemRequest, process_service_server::ProcessServiceServer, system_service_server::SystemServiceServer,
};
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, ServerStreamingService, UnaryService},
};
use tower::{BoxError, Service};

use super::{
    encoded::{Encoded, EncodedCodec},
    outgoing::Outgoing,
    process::ProcessService,
    system::SystemService,
};

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// ProcessService; ListProcesses is encoded by whoever reads the rows.
#[derive(Clone)]
pub struct EncodedProcessServer {
    generated: ProcessServiceServer<ProcessService>,
    list: ListProcesses,
    get: GetProcess,
    request_bytes: usize,
}

/// SystemService; a sample of WatchSystem is encoded once for all who watch, lists by whoever reads the rows.
#[derive(Clone)]
pub struct EncodedSystemServer {
    generated: SystemServiceServer<SystemService>,
    watch: WatchSystem,
    sockets: ListSockets,
    cgroups: ListCgroups,
    units: ListUnits,
    request_bytes: usize,
}

impl EncodedProcessServer {
    pub(super) fn new(service: Arc<ProcessService>, request_bytes: usize) -> Self {
        let generated = ProcessServiceServer::from_arc(Arc::clone(&service)).max_decoding_message_size(request_bytes);
        let get = GetProcess(Arc::clone(&service));
        Self { generated, list: ListProcesses(service), get, request_bytes }
    }
}

impl EncodedSystemServer {
    pub(super) fn new(service: Arc<SystemService>, request_bytes: usize) -> Self {
        let generated = SystemServiceServer::from_arc(Arc::clone(&service)).max_decoding_message_size(request_bytes);
        let sockets = ListSockets(Arc::clone(&service));
        let (cgroups, units) = (ListCgroups(Arc::clone(&service)), ListUnits(Arc::clone(&service)));
        Self { generated, watch: WatchSystem(service), sockets, cgroups, units, request_bytes }
    }
}

impl<B> Service<HttpRequest<B>> for EncodedProcessServer
where
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Answer {
        match request.uri().path() {
            "/procwire.v1.ProcessService/ListProcesses" => {
                stream::<_, _, ListProcessesRequest>(self.list.clone(), request, self.request_bytes)
            }
            "/procwire.v1.ProcessService/GetProcess" => single(self.get.clone(), request, self.request_bytes),
            _ => self.generated.call(request),
        }
    }
}

impl<B> Service<HttpRequest<B>> for EncodedSystemServer
where
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Answer {
        match request.uri().path() {
            "/procwire.v1.SystemService/WatchSystem" => {
                stream::<_, _, WatchSystemRequest>(self.watch.clone(), request, self.request_bytes)
            }
            "/procwire.v1.SystemService/ListSockets" => {
                stream::<_, _, ListSocketsRequest>(self.sockets.clone(), request, self.request_bytes)
            }
            "/procwire.v1.SystemService/ListCgroups" => {
                stream::<_, _, ListCgroupsRequest>(self.cgroups.clone(), request, self.request_bytes)
            }
            "/procwire.v1.SystemService/ListUnits" => {
                stream::<_, _, ListUnitsRequest>(self.units.clone(), request, self.request_bytes)
            }
            _ => self.generated.call(request),
        }
    }
}

impl NamedService for EncodedProcessServer {
    const NAME: &'static str = procwire_proto::v1::process_service_server::SERVICE_NAME;
}

impl NamedService for EncodedSystemServer {
    const NAME: &'static str = procwire_proto::v1::system_service_server::SERVICE_NAME;
}

/// What the generated code does for a method, with our codec.
fn stream<M, B, Message>(method: M, request: HttpRequest<B>, request_bytes: usize) -> Answer
where
    M: ServerStreamingService<Message, Response = Encoded> + Send + 'static,
    M::Future: Send,
    M::ResponseStream: Send + 'static,
    Message: prost::Message + Default + 'static,
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError> + Send + 'static,
{
    Box::pin(async move {
        let mut grpc = Grpc::new(EncodedCodec::<Message>::default()).max_decoding_message_size(request_bytes);
        Ok(grpc.server_streaming(method, request).await)
    })
}

/// The same for a method with one answer.
fn single<B>(method: GetProcess, request: HttpRequest<B>, request_bytes: usize) -> Answer
where
    B: HttpBody + Send + 'static,
    B::Error: Into<BoxError> + Send + 'static,
{
    Box::pin(async move {
        let codec = EncodedCodec::<GetProcessRequest>::default();
        let mut grpc = Grpc::new(codec).max_decoding_message_size(request_bytes);
        Ok(grpc.unary(method, request).await)
    })
}

#[derive(Clone)]
struct GetProcess(Arc<ProcessService>);

impl UnaryService<GetProcessRequest> for GetProcess {
    type Response = Encoded;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Encoded>, Status>> + Send>>;

    fn call(&mut self, request: Request<GetProcessRequest>) -> Self::Future {
        let service = Arc::clone(&self.0);
        Box::pin(async move { service.get(request).await.map(Response::new) })
    }
}

#[derive(Clone)]
struct ListProcesses(Arc<ProcessService>);

impl ServerStreamingService<ListProcessesRequest> for ListProcesses {
    type Response = Encoded;
    type ResponseStream = Outgoing;
    type Future = std::future::Ready<Result<Response<Outgoing>, Status>>;

    fn call(&mut self, request: Request<ListProcessesRequest>) -> Self::Future {
        std::future::ready(self.0.list(request).map(Response::new))
    }
}

#[derive(Clone)]
struct WatchSystem(Arc<SystemService>);

impl ServerStreamingService<WatchSystemRequest> for WatchSystem {
    type Response = Encoded;
    type ResponseStream = Outgoing;
    type Future = std::future::Ready<Result<Response<Outgoing>, Status>>;

    fn call(&mut self, request: Request<WatchSystemRequest>) -> Self::Future {
        std::future::ready(self.0.watch(request).map(Response::new))
    }
}

#[derive(Clone)]
struct ListSockets(Arc<SystemService>);

impl ServerStreamingService<ListSocketsRequest> for ListSockets {
    type Response = Encoded;
    type ResponseStream = Outgoing;
    type Future = std::future::Ready<Result<Response<Outgoing>, Status>>;

    fn call(&mut self, request: Request<ListSocketsRequest>) -> Self::Future {
        std::future::ready(self.0.sockets(request).map(Response::new))
    }
}

#[derive(Clone)]
struct ListCgroups(Arc<SystemService>);

impl ServerStreamingService<ListCgroupsRequest> for ListCgroups {
    type Response = Encoded;
    type ResponseStream = Outgoing;
    type Future = std::future::Ready<Result<Response<Outgoing>, Status>>;

    fn call(&mut self, request: Request<ListCgroupsRequest>) -> Self::Future {
        std::future::ready(self.0.cgroups(request).map(Response::new))
    }
}

#[derive(Clone)]
struct ListUnits(Arc<SystemService>);

impl ServerStreamingService<ListUnitsRequest> for ListUnits {
    type Response = Encoded;
    type ResponseStream = Outgoing;
    type Future = std::future::Ready<Result<Response<Outgoing>, Status>>;

    fn call(&mut self, request: Request<ListUnitsRequest>) -> Self::Future {
        std::future::ready(self.0.units(request).map(Response::new))
    }
}

#[cfg(test)]
mod tests;
