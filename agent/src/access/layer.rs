//! Applies the permission table and the policy to every call before a byte of its body is read.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request, Response, StatusCode, header};
use procwire_proto::v1::ErrorReason;
use tokio_stream::wrappers::WatchStream;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{
    Permission, Principal, permission,
    renewed::{Judge, Renewed},
};
use crate::{
    audit::{Audit, AuditDecision, AuditEvent, AuditRecord},
    counters::Counters,
    policy::{Decision, Policy, PolicyHandle, short_name},
    shutdown::Shutdown,
    status::{Failure, HostName},
};

/// A client comes back after this when the agent stops: about as long as a restart takes.
const RETRY_AFTER_SHUTDOWN: std::time::Duration = std::time::Duration::from_secs(1);

const METHOD_SHOWN_BYTES: usize = 128;

/// Puts [`Access`] in front of a service.
#[derive(Clone)]
pub struct AccessLayer {
    shared: Arc<Shared>,
}

struct Shared {
    host_name: HostName,
    audit: Audit,
    counters: Arc<Counters>,
    shutdown: Shutdown,
    policy: Arc<PolicyHandle>,
}

impl AccessLayer {
    /// With what a denial needs to be told, written down and counted.
    pub fn new(
        host_name: HostName,
        audit: Audit,
        counters: Arc<Counters>,
        shutdown: Shutdown,
        policy: Arc<PolicyHandle>,
    ) -> AccessLayer {
        AccessLayer { shared: Arc::new(Shared { host_name, audit, counters, shutdown, policy }) }
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { inner, shared: Arc::clone(&self.shared) }
    }
}

/// The service behind it only sees calls that the caller may make.
#[derive(Clone)]
pub struct Access<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// Why a call goes no further.
#[derive(Debug)]
struct Refusal {
    failure: Failure,
    /// The rule to write down, if this is a denial.
    audited: Option<String>,
}

impl<S, B> Service<Request<B>> for Access<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AccessFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let principal = request.extensions().get::<Principal>();
        let method = request.uri().path();
        match self.shared.admit(principal, method, || self.shared.policy.current()) {
            Ok(_) if !is_grpc(request.headers()) => AccessFuture::Refused(Box::pin(async { not_grpc() })),
            Ok(Some(renewal)) => AccessFuture::Renewed(self.inner.call(request), Some(renewal)),
            Ok(None) => AccessFuture::Allowed(self.inner.call(request)),
            Err(refusal) => {
                let refused = Arc::clone(&self.shared).refuse(refusal, principal.cloned(), method.to_owned());
                AccessFuture::Refused(Box::pin(refused))
            }
        }
    }
}

impl Shared {
    /// Decides by the policy that is current; what goes on comes with what it needs to be judged again.
    fn admit(
        self: &Arc<Self>,
        principal: Option<&Principal>,
        method: &str,
        current: impl FnOnce() -> Arc<Policy>,
    ) -> Result<Option<Renewal>, Refusal> {
        let Some(principal) = principal else {
            return Err(Refusal { failure: Failure::no_identity(), audited: Some("no identity".to_owned()) });
        };
        if self.shutdown.ending().is_some() {
            return Err(Refusal { failure: Failure::shutting_down(RETRY_AFTER_SHUTDOWN), audited: None });
        }
        // Before the policy is read: a change in between is news to the stream then, and not missed.
        let renewal = goes_on(method).then(|| self.renewal(principal.clone(), method.to_owned()));
        authorize(&current(), principal, method, permission(method))?;
        Ok(renewal)
    }

    /// What a stream needs to be judged again.
    fn renewal(self: &Arc<Self>, principal: Principal, method: String) -> Renewal {
        let (shared, changes) = (Arc::clone(self), WatchStream::from_changes(self.policy.changes()));
        let judge = move || {
            let policy = shared.policy.current();
            let Err(refusal) = authorize(&policy, &principal, &method, permission(&method)) else { return None };
            let status = refusal.failure.clone().on(&shared.host_name);
            tokio::spawn(Arc::clone(&shared).refuse(refusal, Some(principal.clone()), method.clone()));
            Some(status)
        };
        Renewal { changes, judge: Arc::new(judge) }
    }

    async fn refuse(self: Arc<Self>, refusal: Refusal, principal: Option<Principal>, method: String) -> Response<Body> {
        if matches!(refusal.failure.reason(), ErrorReason::RoleMissing | ErrorReason::PolicyDenied) {
            self.counters.calls_denied.increment();
        }
        if let Some(rule) = &refusal.audited {
            self.write_down(rule, principal, &method).await;
        }
        refusal.failure.on(&self.host_name).into_http()
    }

    async fn write_down(&self, rule: &str, principal: Option<Principal>, method: &str) {
        let principal = principal.unwrap_or_else(Principal::nobody);
        let method = shortened(method);
        let denial = AuditRecord::new(AuditEvent::Denial, &principal, method, AuditDecision::Denied);
        let record = AuditRecord { rule, ..denial };
        // The call is refused all the same.
        if let Err(error) = self.audit.record(record).await {
            tracing::error!(%error, method, principal = principal.name, "a denial is not on record");
        }
    }
}

/// The decision itself: a method without a row is denied, and so is what the policy will not allow whatever the call holds.
fn authorize(policy: &Policy, principal: &Principal, method: &str, row: Option<&Permission>) -> Result<(), Refusal> {
    let Some(row) = row else {
        let failure = Failure::new(
            ErrorReason::NotServed,
            "the method called is unknown to this version of the agent; GetCapabilities lists those that are served",
        );
        return Err(Refusal {
            failure: failure.with_metadata("method", shortened(method)),
            audited: Some("unknown method".to_owned()),
        });
    };
    if let Decision::Denied(denial) = policy.at_the_door(principal, row) {
        let denied = policy.denied(principal, row, &denial);
        return Err(Refusal { failure: denied.failure, audited: Some(denied.rule) });
    }
    if !row.served {
        return Err(Refusal { failure: Failure::not_served(row.method, "use another method"), audited: None });
    }
    Ok(())
}

/// A path is as long as the headers may be; neither answer nor record need repeat it. Longer than any method of ours.
fn shortened(method: &str) -> &str {
    // A request's path is ASCII; if it were not, nothing of it would be shown.
    if method.len() <= METHOD_SHOWN_BYTES { method } else { method.get(..METHOD_SHOWN_BYTES).unwrap_or_default() }
}

/// True for methods whose answers go on as long as the caller likes.
fn goes_on(method: &str) -> bool {
    short_name(method).starts_with("Watch")
}

/// How a stream learns of another policy, and who judges it then.
pub struct Renewal {
    changes: WatchStream<u64>,
    judge: Judge,
}

/// gRPC over HTTP/2: a request that is not "application/grpc" is answered 415.
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+") || rest.starts_with(b";"))
}

fn not_grpc() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// Answer of [`Access`].
pub enum AccessFuture<F> {
    /// The service behind answers.
    Allowed(F),
    /// It answers with a stream that goes on for long.
    Renewed(F, Option<Renewal>),
    /// The call was refused here.
    Refused(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl<F> Future for AccessFuture<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            AccessFuture::Allowed(future) => Pin::new(future).poll(context),
            AccessFuture::Renewed(future, renewal) => {
                let response = ready!(Pin::new(future).poll(context));
                Poll::Ready(response.map(|response| match renewal.take() {
                    Some(Renewal { changes, judge }) => {
                        response.map(|body| Body::new(Renewed::new(body, changes, judge)))
                    }
                    None => response,
                }))
            }
            AccessFuture::Refused(future) => Poll::Ready(Ok(ready!(future.as_mut().poll(context)))),
        }
    }
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
