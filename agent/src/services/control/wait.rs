//! WaitProcess: touches nothing, and a caller who hangs up ends it.

use std::{io, sync::Arc, time::Duration};

use procwire_host::{Liveness, ProcessHandle};
use procwire_proto::v1::{
    ErrorReason, ExitStatus, ProcessState, WaitProcessResponse, WaitStillRunning, wait_process_response::Outcome,
};
use tokio::time::{Instant, sleep};

use super::{Shared, ending::Watched, request::WaitSpec};
use crate::{
    access::Principal,
    config::ServiceLimits,
    host_pool::Lane,
    shares::{Limit, Shares},
    shutdown::{Ending, Shutdown},
    status::{Failure, RETRY_AFTER_SHUTDOWN},
};

/// Waits last as long as their processes.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How many processes may be waited for at a time: no wait holds a thread, but each holds its process open.
pub(super) fn places(limits: &ServiceLimits) -> Shares {
    let in_all = Limit { key: "limits.waits", value: limits.waits };
    let of_a_caller = Limit { key: "limits.waits_per_principal", value: limits.waits_per_principal };
    Shares::new(in_all, of_a_caller, RETRY_AFTER)
}

pub(super) async fn wait(
    shared: &Shared,
    caller: &Principal,
    spec: WaitSpec,
    shutdown: &Shutdown,
) -> Result<WaitProcessResponse, Failure> {
    let began = Instant::now();
    let _place = shared.waits.take(&caller.name)?;
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
    Watched::new(handle, Arc::clone(&shared.pool)).map_err(|error| awaited_no_more(&error))
}

/// The kernel lets the agent wait for no more processes.
pub(super) fn awaited_no_more(error: &io::Error) -> Failure {
    let problem = format!(
        "no more processes can be waited for: {error}; raise LimitNOFILE of the agent's unit or fs.epoll.max_user_watches, or lower limits.waits"
    );
    Failure::new(ErrorReason::LimitReached, problem)
        .with_quota("open files", "what the system lets the agent open")
        .with_retry_after(RETRY_AFTER)
}

pub(super) fn interrupted(ending: Ending) -> Failure {
    match ending {
        Ending::Agent => Failure::shutting_down(RETRY_AFTER_SHUTDOWN),
        Ending::ConnectionAge => Failure::connection_aged(),
        Ending::AccessRevoked => Failure::certificate_revoked(),
    }
}

fn exited(status: ExitStatus) -> Outcome {
    Outcome::Exited(status)
}

fn still_running(state: ProcessState) -> Outcome {
    Outcome::StillRunning(WaitStillRunning { state: state.into() })
}
