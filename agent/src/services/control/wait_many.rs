//! WaitProcesses: many processes, each told of as it ends. Touches nothing, and a caller who hangs up ends it: no thread waits, and all
//! descriptors are closed at once.

use std::{pin::Pin, sync::Arc};

use procwire_host::{Host, Liveness, ProcessHandle};
use procwire_proto::v1::{
    ProcessRef, ProcessState, WaitProcessesRequest, WaitProcessesResponse, WaitResult, WaitStillRunning, WaitSummary,
    wait_processes_response::Event, wait_result::Outcome,
};
use tokio::{
    sync::mpsc::{self, Sender},
    time::{Instant, sleep_until},
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use super::{
    Shared,
    ending::Endings,
    request::WaitManySpec,
    target,
    wait::{awaited_no_more, interrupted},
};
use crate::{
    access::Principal,
    host_pool::Lane,
    shares::Place,
    shutdown::{Ending, Shutdown},
    status::Failure,
};

/// Messages that wait for the connection. Whoever reads slowly is told later, and waits for no fewer.
const UNSENT_MAX: usize = 64;

/// Answer of WaitProcesses.
pub(crate) type WaitStream = Pin<Box<dyn Stream<Item = Result<WaitProcessesResponse, Status>> + Send>>;

pub(super) async fn answer(
    shared: Arc<Shared>,
    caller: Principal,
    request: WaitProcessesRequest,
    shutdown: Shutdown,
) -> Result<WaitStream, Failure> {
    let began = Instant::now();
    let WaitManySpec { targets, timeout } =
        WaitManySpec::parse(&request, shared.context.config.limits.wait_timeout_max)?;
    let place = shared.waits.take_many(&caller.name, targets.len())?;
    let (host, named) = (Arc::clone(&shared.context.host), targets.clone());
    let open = move || named.iter().map(|target| open(&host, target)).collect::<Vec<_>>();
    let opened = shared.pool.run(Lane::Control, open).await?;
    let endings = Endings::new(Arc::clone(&shared.pool)).map_err(|error| awaited_no_more(&error))?;
    let (sender, receiver) = mpsc::channel(UNSENT_MAX);
    let waiting = Waiting {
        shared,
        targets,
        endings,
        began,
        looks_once: timeout.is_zero(),
        summary: WaitSummary::default(),
        sender,
        _place: place,
    };
    tokio::spawn(async move {
        let listener = waiting.sender.clone();
        tokio::select! {
            () = listener.closed() => {}
            () = waiting.run(opened, began + timeout, shutdown) => {}
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

type Opened = Result<(Arc<ProcessHandle>, Liveness), Failure>;

/// On the host pool. A process that has ended already is seen at once: no descriptor has to tell.
fn open(host: &Host, target: &ProcessRef) -> Opened {
    let handle = ProcessHandle::open(host, target)?;
    let liveness = handle.liveness();
    Ok((Arc::new(handle), liveness))
}

/// The caller has left: nobody is to be told.
struct Left;

struct Waiting {
    shared: Arc<Shared>,
    targets: Vec<ProcessRef>,
    endings: Endings,
    began: Instant,
    looks_once: bool,
    summary: WaitSummary,
    sender: Sender<Result<WaitProcessesResponse, Status>>,
    _place: Place,
}

impl Waiting {
    async fn run(mut self, opened: Vec<Opened>, ends: Instant, shutdown: Shutdown) {
        let ending = tokio::select! {
            told = self.tell_all(opened, ends) => match told {
                Ok(()) | Err(Left) => return,
            },
            ending = shutdown.signalled() => ending,
        };
        self.cut_off(ending).await;
    }

    async fn tell_all(&mut self, opened: Vec<Opened>, ends: Instant) -> Result<(), Left> {
        let mut remaining = 0_usize;
        for (index, opened) in opened.into_iter().enumerate() {
            match opened {
                Err(failure) => self.tell(index, Outcome::Refused(target::error(&failure))).await?,
                Ok((_, Liveness::Ended(status))) => self.tell(index, Outcome::Exited(status)).await?,
                Ok((_, alive)) if self.looks_once => self.tell(index, still_running(&alive)).await?,
                Ok((handle, _)) => match self.endings.add(index, &handle) {
                    Ok(()) => remaining += 1,
                    Err(error) => {
                        let refused = target::error(&awaited_no_more(&error));
                        self.tell(index, Outcome::Refused(refused)).await?;
                    }
                },
            }
        }
        while remaining > 0 {
            let next = tokio::select! {
                biased;
                next = self.endings.next() => Some(next),
                () = sleep_until(ends) => None,
            };
            let Some((index, status)) = next else { break };
            remaining -= 1;
            self.tell(index, Outcome::Exited(status)).await?;
        }
        self.tell_those_alive().await?;
        let summary = Event::Summary(self.summary);
        self.send(Ok(WaitProcessesResponse { event: Some(summary) })).await
    }

    /// The time is up.
    async fn tell_those_alive(&mut self) -> Result<(), Left> {
        let mut alive: Vec<(usize, Arc<ProcessHandle>)> = self.endings.awaited().collect();
        if alive.is_empty() {
            return Ok(());
        }
        alive.sort_by_key(|(index, _)| *index);
        let indices: Vec<usize> = alive.iter().map(|(index, _)| *index).collect();
        let look = move || alive.iter().map(|(_, handle)| handle.liveness()).collect::<Vec<_>>();
        let looked = self.shared.pool.run(Lane::Control, look).await.ok();
        for (place, index) in indices.into_iter().enumerate() {
            let outcome = match looked.as_ref().and_then(|looked| looked.get(place)) {
                Some(Liveness::Ended(status)) => Outcome::Exited(status.clone()),
                Some(alive) => still_running(alive),
                // The pool is busy: it lived a moment ago, in whatever state.
                None => Outcome::StillRunning(WaitStillRunning::default()),
            };
            self.tell(index, outcome).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, index: usize, outcome: Outcome) -> Result<(), Left> {
        let count = match &outcome {
            Outcome::Exited(_) => &mut self.summary.exited,
            Outcome::StillRunning(_) => &mut self.summary.still_running,
            Outcome::Refused(_) => &mut self.summary.refused,
        };
        *count += 1;
        let result = WaitResult {
            r#ref: self.targets.get(index).cloned(),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            waited_ns: u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX),
            outcome: Some(outcome),
        };
        self.send(Ok(WaitProcessesResponse { event: Some(Event::Result(result)) })).await
    }

    async fn cut_off(self, ending: Ending) {
        let status = interrupted(ending).on(&self.shared.context.host_name);
        // Whoever has left does not hear it.
        let _ = self.send(Err(status)).await;
    }

    async fn send(&self, message: Result<WaitProcessesResponse, Status>) -> Result<(), Left> {
        self.sender.send(message).await.map_err(|_| Left)
    }
}

fn still_running(liveness: &Liveness) -> Outcome {
    let state = match liveness {
        Liveness::Running(state) => *state,
        Liveness::ZombieUnknown | Liveness::Ended(_) => ProcessState::Zombie,
    };
    Outcome::StillRunning(WaitStillRunning { state: state.into() })
}
