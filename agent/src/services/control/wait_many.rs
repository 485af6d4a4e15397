//! WaitProcesses: many processes, each told of as it ends.

use std::{pin::Pin, sync::Arc};

use procwire_proto::v1::{WaitProcessesRequest, WaitProcessesResponse};
use tokio_stream::Stream;
use tonic::Status;

use super::Shared;
use crate::{access::Principal, shutdown::Shutdown, status::Failure};

/// Answer of WaitProcesses.
pub(crate) type WaitStream = Pin<Box<dyn Stream<Item = Result<WaitProcessesResponse, Status>> + Send>>;

pub(super) async fn answer(
    _shared: Arc<Shared>,
    _caller: Principal,
    _request: WaitProcessesRequest,
    _shutdown: Shutdown,
) -> Result<WaitStream, Failure> {
    Err(Failure::not_served("WaitProcesses", "call WaitProcess for each"))
}
