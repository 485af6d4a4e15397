//! SignalProcesses: one signal to each target, whatever becomes of the others.

use std::sync::Arc;

use procwire_proto::v1::{SignalProcessesRequest, SignalProcessesResponse};

use super::Shared;
use crate::{access::Principal, status::Failure};

pub(super) async fn answer(
    _shared: Arc<Shared>,
    _caller: Principal,
    _request: SignalProcessesRequest,
) -> Result<SignalProcessesResponse, Failure> {
    Err(Failure::not_served("SignalProcesses", "TerminateProcesses sends any signal that is to end a process"))
}
