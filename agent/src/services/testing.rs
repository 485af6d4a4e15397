//! A context for unit tests: this machine's host, short limits, an audit trail into the log.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use procwire_host::{Host, ProcessPlan, ProcessReader, Roots};
use procwire_proto::{
    process_fields::bit,
    v1::{Process, ProcessRef},
};
use tonic::Request;

use crate::{
    access::{Principal, Role, RoleSet},
    audit::Audit,
    config::ServicesConfig,
    context::Context,
    counters::Counters,
    host_pool::{HostPool, HostPoolLimits},
    policy::PolicyHandle,
    shutdown::{self, ShutdownTrigger},
    status::HostName,
};

pub(crate) fn context() -> (Context, ShutdownTrigger) {
    let (trigger, shutdown) = shutdown::channel();
    let context = Context {
        host: Arc::new(Host::open(Roots::default()).unwrap()),
        host_name: HostName::new(b"test"),
        config: Arc::new(ServicesConfig::defaults().unwrap()),
        policy: PolicyHandle::load(None).unwrap(),
        audit: Audit::to_log(),
        counters: Arc::new(Counters::default()),
        shutdown,
        certificates: None,
    };
    (context, trigger)
}

pub(crate) fn pool(context: &Context) -> Arc<HostPool> {
    Arc::new(HostPool::new(HostPoolLimits::default(), Arc::clone(&context.counters)))
}

pub(crate) fn principal(role: Role) -> Principal {
    Principal { name: "alice".to_owned(), roles: RoleSet::from_iter([role]), ..Principal::local() }
}

/// As the access layer hands it on.
pub(crate) fn request_of<T>(role: Role, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(principal(role));
    request
}

/// The row of a process as the host reads it.
pub(crate) fn row(context: &Context, pid: u32) -> Process {
    let plan = ProcessPlan::new(bit::REF.union(bit::STATE).union(bit::NAME));
    ProcessReader::new(Arc::clone(&context.host)).read(pid, &plan).unwrap().unwrap()
}

pub(crate) fn reference(context: &Context, pid: u32) -> ProcessRef {
    row(context, pid).r#ref.unwrap()
}
