#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::v1::agent_service_server::AgentService as _;

use super::*;
use crate::{
    access::Role,
    services::testing::{context, pool, reference, request_of},
};

#[tokio::test]
async fn the_agent_says_who_it_is_who_asks_and_where() {
    let (context, _trigger) = context();
    let service = AgentService::new(context.clone(), pool(&context));
    let info = service.get_info(request_of(Role::Inspector, GetInfoRequest {})).await.unwrap().into_inner();
    assert_eq!(info.agent, Some(reference(&context, std::process::id())));
    assert_eq!(info.caller.unwrap(), CallerInfo { principal: "alice".to_owned(), roles: vec!["inspector".to_owned()] });
    assert_eq!((info.kernel_name.as_slice(), info.boot_id.len()), (b"Linux".as_slice(), 16));
    assert!(!info.hostname.is_empty() && info.boot_time.is_some() && info.page_size_bytes >= 4096);
}

#[tokio::test]
async fn the_agent_says_how_it_fares() {
    let (context, _trigger) = context();
    let service = AgentService::new(context.clone(), pool(&context));
    let stream = context.counters.streams.raise();
    context.counters.messages_lost.add(3);
    let status = service.get_status(request_of(Role::Reader, GetStatusRequest {})).await.unwrap().into_inner();
    assert_eq!((status.streams, status.messages_lost, status.samplers), (1, 3, 0));
    assert!(status.resident_bytes > 100_000 && status.fd_count > 0 && status.thread_count > 0);
    assert!(status.sampled.is_some() && status.uptime.is_some());
    drop(stream);
}

#[tokio::test]
async fn capabilities_name_features_and_why_not() {
    let (context, _trigger) = context();
    let service = AgentService::new(context.clone(), pool(&context));
    let request = request_of(Role::Reader, GetCapabilitiesRequest {});
    let capabilities = service.get_capabilities(request).await.unwrap().into_inner();
    assert!(capabilities.features.iter().any(|feature| feature.name == "pidfd"));
    assert!(capabilities.features.iter().all(|feature| feature.available || !feature.detail.is_empty()));
    assert!(capabilities.methods.iter().all(|method| method.served || !method.detail.is_empty()));
    assert!(!capabilities.system_fields.is_empty());
}
