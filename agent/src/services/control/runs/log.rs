//! What a run has to say, written once and read by any number of followers, each from the beginning and at its own pace.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use procwire_proto::v1::{TerminateProcessesResponse, terminate_processes_response::Event};
use tokio::{sync::watch, time::Instant};
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::Status;

use crate::{
    shares::Place,
    status::{Failure, HostName},
};

/// A follower takes so many messages at a time: a copy of each, for as long as it is on its way.
const MESSAGES_AT_ONCE: usize = 64;

/// A log. Cheap to clone: all are the same.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    said: Mutex<Said>,
    /// Followers are woken by it, and counted.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Said {
    events: Vec<TerminateProcessesResponse>,
    end: Option<(Instant, Result<(), Failure>)>,
    has_acted: bool,
    is_shed: bool,
    /// Until it ends.
    place: Option<Place>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) at: Instant,
    pub(super) failed: bool,
}

impl Log {
    /// Of a run that takes this place until it ends.
    pub(super) fn in_place(place: Place) -> Self {
        let said = Said { place: Some(place), ..Said::default() };
        Self(Arc::new(Inner { said: Mutex::new(said), news: watch::channel(()).0 }))
    }

    pub(super) fn follow(&self) -> Follower {
        Follower { log: self.clone(), news: self.0.news.subscribe() }
    }

    pub(super) fn end(&self) -> Option<End> {
        self.said().end.as_ref().map(|(at, result)| End { at: *at, failed: result.is_err() })
    }

    /// True once a signal was sent, which is when the first progress is told; a refusal never ends in a failure.
    pub(super) fn has_acted(&self) -> bool {
        self.said().has_acted
    }

    /// Messages that are kept.
    pub(super) fn len(&self) -> usize {
        self.said().events.len()
    }

    pub(super) fn is_followed(&self) -> bool {
        self.0.news.receiver_count() > 0
    }

    /// Lets the messages go. Nobody may follow, now or later.
    pub(super) fn shed(&self) {
        let mut said = self.said();
        said.events = Vec::new();
        said.is_shed = true;
    }

    pub(super) fn is_shed(&self) -> bool {
        self.said().is_shed
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a run writes.
#[derive(Debug)]
pub(crate) struct RunLog(Log);

impl RunLog {
    pub(super) fn new(log: &Log) -> Self {
        Self(log.clone())
    }

    pub(crate) fn push(&self, event: Event) {
        self.push_all([event]);
    }

    /// Several, for which followers are woken once.
    pub(crate) fn push_all(&self, events: impl IntoIterator<Item = Event>) {
        let mut said = self.0.said();
        for event in events {
            said.has_acted |= matches!(event, Event::Progress(_));
            said.events.push(TerminateProcessesResponse { event: Some(event) });
        }
        drop(said);
        self.0.0.news.send_replace(());
    }

    /// The last word. The first one stands.
    pub(crate) fn end(&self, result: Result<(), Failure>) {
        let mut said = self.0.said();
        said.end.get_or_insert((Instant::now(), result));
        said.place = None;
        drop(said);
        self.0.0.news.send_replace(());
    }

    /// True if somebody follows.
    pub(crate) fn is_followed(&self) -> bool {
        self.0.is_followed()
    }

    /// Completes when nobody follows.
    pub(crate) async fn everyone_left(&self) {
        self.0.0.news.closed().await;
    }
}

impl Drop for RunLog {
    fn drop(&mut self) {
        // A run that panicked must not leave its followers waiting. After a regular end this says nothing.
        self.end(Err(Failure::internal("the termination ended before its outcome was known")));
    }
}

/// A place to read a log from its beginning.
#[derive(Debug)]
pub(crate) struct Follower {
    log: Log,
    news: watch::Receiver<()>,
}

/// The answer of TerminateProcesses: what the log says, from its beginning.
pub struct FollowStream {
    log: Log,
    news: WatchStream<()>,
    read: usize,
    unsent: VecDeque<TerminateProcessesResponse>,
    is_over: bool,
    host_name: HostName,
}

impl FollowStream {
    pub(crate) fn new(follower: Follower, host_name: HostName) -> Self {
        let Follower { log, news } = follower;
        Self { log, news: WatchStream::new(news), read: 0, unsent: VecDeque::new(), is_over: false, host_name }
    }

    /// Takes what was not read yet, or else the end.
    fn take(&mut self) -> Option<Result<(), Failure>> {
        let said = self.log.said();
        let unread = said.events.iter().skip(self.read).take(MESSAGES_AT_ONCE);
        self.unsent.extend(unread.cloned());
        self.read += self.unsent.len();
        match &said.end {
            Some((_, result)) if self.unsent.is_empty() => Some(result.clone()),
            _ => None,
        }
    }
}

impl Stream for FollowStream {
    type Item = Result<TerminateProcessesResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            if let Some(event) = self.unsent.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let end = self.take();
            if let Some(result) = end {
                self.is_over = true;
                return Poll::Ready(result.err().map(|failure| Err(failure.on(&self.host_name))));
            }
            // What was written since it was read is news still.
            if self.unsent.is_empty() && ready!(Pin::new(&mut self.news).poll_next(task)).is_none() {
                return Poll::Ready(None);
            }
        }
    }
}
