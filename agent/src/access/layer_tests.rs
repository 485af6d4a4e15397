//! The permission table as a caller meets it: every method with every role.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::future::{Ready, ready};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::ServiceBuilder;

use super::*;
use crate::{
    access::{PERMISSIONS, Role, RoleSet},
    shutdown::{self, Ending, ShutdownTrigger},
};

/// Answers 200 with a header that only a call that was let through gets.
#[derive(Clone)]
struct Behind;

impl Service<Request<()>> for Behind {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("served", http::HeaderValue::from_static("yes"));
        ready(Ok(response))
    }
}

struct Door {
    counters: Arc<Counters>,
    trigger: ShutdownTrigger,
    access: Access<Behind>,
}

impl Door {
    fn new() -> Door {
        Door::with(Policy::built_in().unwrap())
    }

    fn with(policy: Policy) -> Door {
        let policy = PolicyHandle::new(policy);
        let counters = Arc::new(Counters::default());
        let (trigger, shutdown) = shutdown::channel();
        let layer = AccessLayer::new(HostName::new(b"h"), Audit::to_log(), Arc::clone(&counters), shutdown, policy);
        Door { counters, trigger, access: ServiceBuilder::new().layer(layer).service(Behind) }
    }

    async fn call(&mut self, roles: Option<&[Role]>, path: &str) -> Result<(), Status> {
        let mut request = Request::builder().uri(path).header("content-type", "application/grpc").body(()).unwrap();
        if let Some(roles) = roles {
            request
                .extensions_mut()
                .insert(Principal { roles: roles.iter().copied().collect(), ..Principal::nobody() });
        }
        let response = self.access.call(request).await.unwrap();
        if response.headers().contains_key("served") {
            return Ok(());
        }
        assert_eq!(response.headers().get("content-type").unwrap(), "application/grpc");
        Err(Status::from_header_map(response.headers()).unwrap())
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn every_method_is_let_through_exactly_for_its_roles() {
    let mut door = Door::new();
    for row in PERMISSIONS {
        for role in Role::ALL {
            let answer = door.call(Some(&[role]), row.method).await;
            match answer {
                Ok(()) => assert!(role >= row.role && row.served, "{} let {role} through", row.method),
                Err(status) if status.code() == Code::PermissionDenied => {
                    assert!(role < row.role, "{} denied {role}", row.method);
                    let info = status.get_details_error_info().unwrap();
                    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("ROLE_MISSING", "procwire"));
                    assert_eq!(info.metadata.get("method").unwrap(), row.method);
                    assert_eq!(info.metadata.get("needed").unwrap(), row.role.name());
                    assert_eq!(info.metadata.get("have").unwrap(), role.name());
                }
                Err(status) => {
                    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "NOT_SERVED"));
                    assert!(role >= row.role && !row.served, "{}", row.method);
                }
            }
        }
    }
}

#[tokio::test]
async fn no_role_may_do_nothing_at_all() {
    let mut door = Door::new();
    for row in PERMISSIONS {
        let status = door.call(Some(&[]), row.method).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{}", row.method);
    }
    assert_eq!(door.counters.calls_denied.get(), PERMISSIONS.len() as u64);
    assert!(!RoleSet::default().allows(Role::Reader));
}

#[tokio::test]
async fn without_an_identity_nothing_is_answered() {
    let mut door = Door::new();
    for path in ["/procwire.v1.AgentService/GetInfo", "/unknown.Service/Method"] {
        let status = door.call(None, path).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "NO_IDENTITY"));
    }
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_even_for_an_admin() {
    let mut door = Door::new();
    let long = format!("/{}", "x".repeat(5000));
    for path in ["/procwire.v1.ProcessService/Exec", "/procwire.v1.ProcessService/ListProcesses/x", "/", &long] {
        let status = door.call(Some(&[Role::Admin]), path).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "NOT_SERVED"));
        let shown = status.get_details_error_info().unwrap().metadata.remove("method").unwrap();
        assert!(path.starts_with(&shown) && shown.len() <= 128);
    }
}

#[tokio::test]
async fn when_the_agent_stops_calls_are_told_to_come_back() {
    let mut door = Door::new();
    door.trigger.fire(Ending::Agent);
    let status = door.call(Some(&[Role::Reader]), "/procwire.v1.AgentService/GetInfo").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test]
async fn what_is_not_grpc_is_told_so() {
    let mut door = Door::new();
    for content_type in [None, Some("text/html"), Some("application/grpcx"), Some("application/json")] {
        let mut request = Request::builder().uri("/procwire.v1.AgentService/GetInfo");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.extension(Principal::local()).body(()).unwrap();
        let response = door.access.call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
    }
}

/// An answer that never says anything.
struct Silent;

impl http_body::Body for Silent {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Status>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_stream_ends_when_another_policy_does_not_allow_it() {
    use http_body::Body as _;
    let allow = "[[rule]]\nname = \"all\"\neffect = \"allow\"\nwhen = \"role_allows\"\n";
    let deny = "[[rule]]\nname = \"maintenance\"\neffect = \"deny\"\nwhen = 'method == \"WatchSystem\"'\n";
    let door = Door::new();
    let shared = Arc::clone(&door.access.shared);
    let reader = Principal { roles: [Role::Reader].into_iter().collect(), ..Principal::nobody() };
    let Renewal { changes, judge } = shared.renewal(reader, "/procwire.v1.SystemService/WatchSystem".to_owned());
    let mut body = Renewed::new(Body::new(Silent), changes, judge);
    let mut reading = tokio::spawn(async move {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
        let after = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        (frame.into_trailers().unwrap(), after.is_none())
    });
    shared.policy.replace(Policy::parse(allow, None).unwrap());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!reading.is_finished(), "a policy that allows it changes nothing");
    shared.policy.replace(Policy::parse(&format!("{allow}{deny}"), None).unwrap());
    let (trailers, has_ended) = (&mut reading).await.unwrap();
    let status = Status::from_header_map(&trailers).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "POLICY_DENIED"));
    assert_eq!(status.get_details_error_info().unwrap().metadata.get("rule").unwrap(), "maintenance");
    assert!(has_ended);
}

#[tokio::test]
async fn a_policy_that_changes_while_a_stream_is_admitted_is_not_missed() {
    use http_body::Body as _;
    let deny = "[[rule]]\nname = \"closed\"\neffect = \"deny\"\nwhen = 'method == \"WatchSystem\"'\n";
    let door = Door::new();
    let shared = &door.access.shared;
    let reader = Principal { roles: [Role::Reader].into_iter().collect(), ..Principal::nobody() };
    let replaced_meanwhile = || {
        let before = shared.policy.current();
        shared.policy.replace(Policy::parse(deny, None).unwrap());
        before
    };
    let admitted = shared.admit(Some(&reader), "/procwire.v1.SystemService/WatchSystem", replaced_meanwhile);
    let Renewal { changes, judge } = admitted.unwrap().unwrap();
    let mut body = Renewed::new(Body::new(Silent), changes, judge);
    let first = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
    let Poll::Ready(Some(Ok(frame))) = first else { panic!("the stream goes on: {first:?}") };
    let status = Status::from_header_map(&frame.into_trailers().unwrap()).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "POLICY_DENIED"));
}

#[tokio::test]
async fn the_rule_that_denies_is_in_the_answer() {
    let text = "[[rule]]\nname = \"all\"\neffect = \"allow\"\nwhen = \"role_allows\"\n\
        [[rule]]\nname = \"no disks\"\neffect = \"deny\"\nwhen = 'method == \"GetDiskUsage\"'\n";
    let mut door = Door::with(Policy::parse(text, None).unwrap());
    door.call(Some(&[Role::Reader]), "/procwire.v1.SystemService/GetSystem").await.unwrap();
    let status = door.call(Some(&[Role::Admin]), "/procwire.v1.SystemService/GetDiskUsage").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "POLICY_DENIED"));
    assert_eq!(status.get_details_error_info().unwrap().metadata.get("rule").unwrap(), "no disks");
    assert_eq!(door.counters.calls_denied.get(), 1);
}
