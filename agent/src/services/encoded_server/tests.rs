#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::{
    Duration as WireDuration, FieldMask,
    v1::{
        GetProcessRequest, GetSystemRequest, get_process_request::Target, process_service_client::ProcessServiceClient,
        system_service_client::SystemServiceClient, watch_system_response::Event,
    },
};
use tonic::Code;
use tower::service_fn;

use super::*;
use crate::{
    access::Role,
    services::{
        Services,
        testing::{context, principal},
    },
    shutdown::ShutdownTrigger,
};

const REQUEST_BYTES: usize = 1024;

fn services() -> (Services, ShutdownTrigger) {
    let (context, trigger) = context();
    (Services::new(&context, REQUEST_BYTES), trigger)
}

/// The server as a client in the same process reaches it, a reader's principal added as the access layer would.
macro_rules! reached {
    ($server:expr) => {{
        let server = $server;
        service_fn(move |mut request: HttpRequest<Body>| {
            request.extensions_mut().insert(principal(Role::Reader));
            server.clone().call(request)
        })
    }};
}

#[tokio::test]
async fn a_list_and_what_goes_through_the_generated_code() {
    let (services, _trigger) = services();
    let mut client = ProcessServiceClient::new(reached!(services.process));
    let request = ListProcessesRequest { limit: 2, ..Default::default() };
    let mut stream = client.list_processes(request).await.unwrap().into_inner();
    let mut rows = 0;
    let mut summary = None;
    while let Some(message) = stream.message().await.unwrap() {
        rows += message.processes.len();
        summary = message.summary;
    }
    assert_eq!((rows, summary.unwrap().returned), (2, 2));
    let request = GetProcessRequest { target: Some(Target::Pid(std::process::id())), ..Default::default() };
    let process = client.get_process(request).await.unwrap().into_inner().process.unwrap();
    assert_eq!(process.pid, std::process::id());
}

#[tokio::test]
async fn a_watch_and_what_goes_through_the_generated_code() {
    let (services, _trigger) = services();
    let mut client = SystemServiceClient::new(reached!(services.system));
    let interval = Some(WireDuration { seconds: 0, nanos: 100_000_000 });
    let request = WatchSystemRequest { interval, ..Default::default() };
    let mut stream = client.watch_system(request).await.unwrap().into_inner();
    let mut kinds = Vec::new();
    for seq in 1..=3 {
        let message = stream.message().await.unwrap().unwrap();
        assert_eq!(message.seq, seq);
        kinds.push(matches!(message.event.unwrap(), Event::Sample(_)));
    }
    assert_eq!(kinds, [false, true, true]);
    client.get_system(GetSystemRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_refused_by_either_codec() {
    let (services, _trigger) = services();
    let long_mask = Some(FieldMask { paths: vec!["pid".to_owned(); REQUEST_BYTES] });
    let mut client = ProcessServiceClient::new(reached!(services.process));
    let list = ListProcessesRequest { read_mask: long_mask.clone(), ..Default::default() };
    assert_eq!(client.list_processes(list).await.unwrap_err().code(), Code::OutOfRange);
    let get = GetProcessRequest { read_mask: long_mask, ..Default::default() };
    assert_eq!(client.get_process(get).await.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn nobody_is_answered_without_a_principal() {
    let (services, _trigger) = services();
    let mut client = ProcessServiceClient::new(services.process);
    let status = client.list_processes(ListProcessesRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
