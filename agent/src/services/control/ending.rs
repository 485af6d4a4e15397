//! Waiting for the end of a process without holding a thread.

mod many;

use std::{
    io,
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
    time::Duration,
};

use procwire_host::{Liveness, ProcessHandle};
use procwire_proto::v1::{ExitStatus, ExitUnknown, ProcessState, exit_status::End};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, sleep},
};

pub(crate) use self::many::Endings;
use crate::host_pool::{HostPool, Lane, PoolError};

/// How long the exit status of a zombie is waited for: its parent usually collects it at once, and may never do so.
const STATUS_WAIT: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A process whose end is awaited through its pidfd; by looking at it again and again where there are no pidfds.
pub(crate) struct Watched {
    handle: Arc<ProcessHandle>,
    readiness: Option<AsyncFd<Readable>>,
    pool: Arc<HostPool>,
}

/// The pidfd of a shared handle, as tokio's reactor wants it.
struct Readable {
    descriptor: RawFd,
    /// Keeps it open.
    _handle: Arc<ProcessHandle>,
}

impl AsRawFd for Readable {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor
    }
}

impl Watched {
    pub(crate) fn new(handle: ProcessHandle, pool: Arc<HostPool>) -> io::Result<Self> {
        let handle = Arc::new(handle);
        let readable =
            handle.pidfd().map(|pidfd| Readable { descriptor: pidfd.as_raw_fd(), _handle: Arc::clone(&handle) });
        #[allow(
            deprecated,
            reason = "its successor is unsafe and asks for what holds here: the handle keeps one descriptor open for its whole life"
        )]
        let watch = |readable| AsyncFd::with_interest(readable, Interest::READABLE);
        let readiness = readable.map(watch).transpose()?;
        Ok(Self { handle, readiness, pool })
    }

    /// Looks once.
    pub(crate) async fn look(&self) -> Result<Liveness, PoolError> {
        let handle = Arc::clone(&self.handle);
        self.pool.run(Lane::Control, move || handle.liveness()).await
    }

    /// Its state, for the report that it lives on.
    pub(crate) async fn state(&self) -> ProcessState {
        match self.look().await {
            Ok(Liveness::Running(state)) => state,
            Ok(Liveness::ZombieUnknown | Liveness::Ended(_)) => ProcessState::Zombie,
            Err(_) => ProcessState::Unspecified,
        }
    }

    /// Completes when it has ended. Dropping the future leaves no trace.
    pub(crate) async fn ended(&self) -> ExitStatus {
        if let Some(readiness) = &self.readiness {
            // The descriptor stays readable, so the readiness is not cleared. An error means that the reactor is gone.
            let _ = readiness.readable().await;
        }
        while self.readiness.is_none() && matches!(self.look().await, Ok(Liveness::Running(_)) | Err(_)) {
            sleep(LOOK_EVERY).await;
        }
        let seen_dead = Instant::now();
        loop {
            match self.look().await {
                Ok(Liveness::Ended(status)) => return status,
                Ok(Liveness::ZombieUnknown) if seen_dead.elapsed() >= STATUS_WAIT => {
                    return uncollected();
                }
                Ok(Liveness::ZombieUnknown | Liveness::Running(_)) | Err(_) => sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn uncollected() -> ExitStatus {
    ExitStatus::unknown("its parent has not collected its exit status, and until then nobody else can read it")
}

/// In words, for the audit record: "code=0", "signal=KILL".
pub(crate) fn in_words(status: &ExitStatus) -> String {
    let core = if status.core_dumped { " core_dumped" } else { "" };
    match &status.end {
        Some(End::Code(code)) => format!("code={code}{core}"),
        Some(End::Signal(signal)) => {
            let name = super::request::signal_name(*signal);
            format!("signal={name}{core}")
        }
        Some(End::Unknown(ExitUnknown { detail })) => format!("status unknown: {detail}"),
        None => "status unknown".to_owned(),
    }
}
