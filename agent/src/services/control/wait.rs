//! WaitProcess: touches nothing, and a caller who hangs up ends it.

use std::sync::Arc;

use procwire_host::{Liveness, ProcessHandle};
use procwire_proto::v1::{
    ExitStatus, ProcessState, WaitProcessResponse, WaitStillRunning, wait_process_response::Outcome,
};
use tokio::time::{Instant, sleep};

use super::{Shared, ending::Watched, request::WaitSpec};
use crate::{
    host_pool::Lane,
    shutdown::{Ending, Shutdown},
    status::{Failure, RETRY_AFTER_SHUTDOWN},
};

pub(super) async fn wait(shared: &Shared, spec: WaitSpec, shutdown: &Shutdown) -> Result<WaitProcessResponse, Failure> {
    let began = Instant::now();
    let WaitSpec { target, timeout } = spec;
    let host = Arc::clone(&shared.context.host);
    let handle = shared.pool.run(Lane::Control, move || ProcessHandle::open(&host, &target)).await??;
    let watched = watch(handle, shared)?;
    let answer = |outcome| {
        let waited_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(WaitProcessResponse { outcome: Some(outcome), waited_ns })
    };
    // Readiness takes a turn of the reactor to arrive; one that has ended already is seen by looking.
    match watched.look().await? {
        Liveness::Ended(status) => return answer(exited(status)),
        Liveness::Running(state) if timeout.is_zero() => return answer(still_running(state)),
        Liveness::ZombieUnknown if timeout.is_zero() => return answer(still_running(ProcessState::Zombie)),
        Liveness::Running(_) | Liveness::ZombieUnknown => {}
    }
    tokio::select! {
        status = watched.ended() => answer(exited(status)),
        () = sleep(timeout) => answer(still_running(watched.state().await)),
        ending = shutdown.signalled() => Err(interrupted(ending)),
    }
}

/// Puts a process under the eyes of the reactor.
pub(super) fn watch(handle: ProcessHandle, shared: &Shared) -> Result<Watched, Failure> {
    let reference = handle.reference().clone();
    Watched::new(handle, Arc::clone(&shared.pool))
        .map_err(|error| Failure::internal(&format!("process {reference} cannot be waited for: {error}")))
}

fn interrupted(ending: Ending) -> Failure {
    match ending {
        Ending::Agent => Failure::shutting_down(RETRY_AFTER_SHUTDOWN),
        Ending::ConnectionAge => Failure::connection_aged(),
    }
}

fn exited(status: ExitStatus) -> Outcome {
    Outcome::Exited(status)
}

fn still_running(state: ProcessState) -> Outcome {
    Outcome::StillRunning(WaitStillRunning { state: state.into() })
}
