//! Terminations that run, and those that ended a while ago: each writes a log, and callers follow logs. So a run does not depend on
//! its caller, and a repeated request id gets the first answer instead of a second signal.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use procwire_proto::v1::{TerminateProcessesResponse, terminate_processes_response::Event};
use tokio::{sync::watch, time::Instant};
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::Status;

use super::{
    request::Termination,
    request_ids::{Claim, Key, RequestIds, conflict},
};
use crate::status::{Failure, HostName};

/// How long the answer to a request id is kept after its end.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// How many are kept; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 4096;

/// All runs, by caller and request id.
#[derive(Debug)]
pub(crate) struct Runs {
    running_limit: usize,
    ids: RequestIds,
    known: Mutex<HashMap<Key, Known>>,
}

#[derive(Debug)]
struct Known {
    termination: Termination,
    log: Arc<watch::Sender<Log>>,
    _claim: Claim,
}

/// What a run has to say, so far.
#[derive(Clone, Debug, Default)]
struct Log {
    events: Vec<TerminateProcessesResponse>,
    end: Option<End>,
}

impl Log {
    /// True once a signal was sent, which is when the first progress is told; a refusal never ends in a failure.
    fn has_acted(&self) -> bool {
        self.events.iter().any(|told| matches!(told.event, Some(Event::Progress(_))))
    }
}

#[derive(Clone, Debug)]
struct End {
    at: Instant,
    result: Result<(), Failure>,
}

/// What a request turns out to be.
pub(crate) enum Begun {
    /// A new action: do it, and write down what happens.
    New(RunLog, Follower),
    /// One that was asked for before.
    Repeat(Follower),
}

/// A place to read a log from its beginning.
pub(crate) struct Follower(watch::Receiver<Log>);

impl Runs {
    /// `ids` are those of all methods.
    pub(crate) fn new(running_limit: usize, ids: RequestIds) -> Self {
        Self { running_limit, ids, known: Mutex::default() }
    }

    /// Looks the request id up. After a run that failed before it did anything, asking again begins anew; dry runs are never
    /// remembered.
    pub(crate) fn begin(&self, caller: &str, termination: &Termination) -> Result<Begun, Failure> {
        let (sender, receiver) = watch::channel(Log::default());
        let log = Arc::new(sender);
        let begun = Begun::New(RunLog(Arc::clone(&log)), Follower(receiver));
        if termination.dry_run {
            return Ok(begun);
        }
        let key = Key { caller: caller.to_owned(), request_id: termination.request_id.clone() };
        let mut known = self.lock();
        forget(&mut known, Instant::now());
        match known.get(&key) {
            Some(earlier) if earlier.termination != *termination => {
                return Err(conflict(&key.request_id, "other contents"));
            }
            Some(earlier) => return Ok(Begun::Repeat(Follower(earlier.log.subscribe()))),
            None => {}
        }
        if known.values().filter(|run| run.log.borrow().end.is_none()).count() >= self.running_limit {
            return Err(Failure::limit_reached("limits.terminations", self.running_limit, Duration::from_secs(10)));
        }
        let claim = self.ids.claim(&key, "TerminateProcesses")?;
        known.insert(key, Known { termination: termination.clone(), log, _claim: claim });
        Ok(begun)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(known: &mut HashMap<Key, Known>, now: Instant) {
    known.retain(|_, run| {
        let log = run.log.borrow();
        match &log.end {
            None => true,
            Some(End { result: Err(_), .. }) if !log.has_acted() => false,
            Some(End { at, .. }) => now.duration_since(*at) < REMEMBERED_FOR,
        }
    });
    if known.len() >= REMEMBERED_MAX {
        let ended = known.iter().filter_map(|(key, run)| Some((run.log.borrow().end.as_ref()?.at, key.clone())));
        if let Some((_, oldest)) = ended.min_by_key(|(at, _)| *at) {
            known.remove(&oldest);
        }
    }
}

/// Where a run writes.
#[derive(Debug)]
pub(crate) struct RunLog(Arc<watch::Sender<Log>>);

impl RunLog {
    pub(crate) fn push(&self, event: Event) {
        self.0.send_modify(|log| log.events.push(TerminateProcessesResponse { event: Some(event) }));
    }

    /// The last word. The first one stands.
    pub(crate) fn end(&self, result: Result<(), Failure>) {
        self.0.send_modify(|log| {
            log.end.get_or_insert(End { at: Instant::now(), result });
        });
    }

    /// True if somebody follows.
    pub(crate) fn is_followed(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Completes when nobody follows.
    pub(crate) async fn everyone_left(&self) {
        self.0.closed().await;
    }
}

impl Drop for RunLog {
    fn drop(&mut self) {
        // A run that panicked must not leave its followers waiting. After a regular end this says nothing.
        self.end(Err(Failure::internal("the termination ended before its outcome was known")));
    }
}

/// The answer of TerminateProcesses: what the log says, from its beginning.
pub struct FollowStream {
    log: WatchStream<Log>,
    read: usize,
    unsent: VecDeque<TerminateProcessesResponse>,
    end: Option<Result<(), Failure>>,
    host_name: HostName,
}

impl FollowStream {
    pub(crate) fn new(follower: Follower, host_name: HostName) -> Self {
        Self { log: WatchStream::new(follower.0), read: 0, unsent: VecDeque::new(), end: None, host_name }
    }
}

impl Stream for FollowStream {
    type Item = Result<TerminateProcessesResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.unsent.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            match self.end.replace(Ok(())) {
                Some(Ok(())) => return Poll::Ready(None),
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure.on(&self.host_name)))),
                None => self.end = None,
            }
            let Some(log) = ready!(Pin::new(&mut self.log).poll_next(task)) else { return Poll::Ready(None) };
            let Log { events, end } = log;
            let read = std::mem::replace(&mut self.read, events.len());
            self.unsent.extend(events.into_iter().skip(read));
            self.end = end.map(|end| end.result);
        }
    }
}

#[cfg(test)]
mod tests;
