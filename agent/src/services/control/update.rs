//! UpdateProcess: scheduling and limits of a process, changed and read back.

use std::sync::Arc;

use procwire_proto::v1::{UpdateProcessRequest, UpdateProcessResponse};

use super::Shared;
use crate::{access::Principal, status::Failure};

pub(super) async fn answer(
    _shared: Arc<Shared>,
    _caller: Principal,
    _request: UpdateProcessRequest,
) -> Result<UpdateProcessResponse, Failure> {
    Err(Failure::not_served("UpdateProcess", "run renice, ionice, taskset or prlimit on the host"))
}
