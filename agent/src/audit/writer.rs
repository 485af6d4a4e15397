//! A thread of its own writes the trail: what waits while the disk is busy is written together, with one wait for the disk.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{
    AuditError,
    chain::Head,
    file::{AuditFile, Rotation},
};

/// Records that may wait; callers wait with them.
const WAITING_MAX: usize = 4096;
/// Entries that are written together.
const BATCH_MAX: usize = 512;
/// A disk that takes longer is not one to wait for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lines about what is past that are kept until they can be written.
const LATE_LINES_MAX: usize = 4096;
/// How often that is tried when nothing else is to be written.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The door to the thread. Cheap to clone; the thread ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: SyncSender<Entry>,
    state: Arc<Mutex<State>>,
}

/// How the trail is doing.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) path: String,
    pub(super) head: Head,
    pub(super) failures: u64,
    pub(super) problem: Option<AuditError>,
}

#[derive(Debug)]
struct Entry {
    objects: Vec<String>,
    /// About what is past: if it cannot be written now, it is later.
    may_be_late: bool,
    reply: Option<oneshot::Sender<Result<(), AuditError>>>,
}

impl Writer {
    pub(super) fn start(path: &Path, rotation: Rotation) -> Result<Self, AuditError> {
        let file = AuditFile::open(path, rotation)?;
        let state = State { path: path.display().to_string(), head: file.head(), failures: 0, problem: None };
        let state = Arc::new(Mutex::new(state));
        let (queue, entries) = sync_channel(WAITING_MAX);
        let work = Work { file, entries, late: Vec::new(), state: Arc::clone(&state) };
        let spawned = thread::Builder::new().name("audit".to_owned()).spawn(move || work.run());
        spawned.map_err(AuditError::io(path))?;
        Ok(Self { queue, state })
    }

    /// On disk when this completes.
    pub(super) async fn write(&self, objects: Vec<String>, may_be_late: bool) -> Result<(), AuditError> {
        let (reply, answer) = oneshot::channel();
        self.queue(Entry { objects, may_be_late, reply: Some(reply) })?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AuditError::Interrupted),
            Err(_) => Err(self.failed(AuditError::Slow(PATIENCE))),
        }
    }

    /// Written soon.
    pub(super) fn write_soon(&self, object: String) -> Result<(), AuditError> {
        self.queue(Entry { objects: vec![object], may_be_late: true, reply: None })
    }

    pub(super) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    fn queue(&self, entry: Entry) -> Result<(), AuditError> {
        self.queue.try_send(entry).map_err(|error| match error {
            TrySendError::Full(_) => self.failed(AuditError::Busy { waiting: WAITING_MAX }),
            TrySendError::Disconnected(_) => AuditError::Interrupted,
        })
    }

    fn failed(&self, error: AuditError) -> AuditError {
        let mut state = lock(&self.state);
        state.failures = state.failures.saturating_add(1);
        state.problem = Some(error.clone());
        error
    }
}

/// What the thread has.
struct Work {
    file: AuditFile,
    entries: Receiver<Entry>,
    /// Objects that could not be written, oldest first.
    late: Vec<String>,
    state: Arc<Mutex<State>>,
}

impl Work {
    fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            // Whoever has left waits for nothing any more, and does nothing either.
            let (batch, _gone): (Vec<_>, Vec<_>) = batch.into_iter().partition(Entry::is_wanted);
            self.write(batch);
        }
        self.write(Vec::new());
    }

    /// Everything that waits, after a first that was waited for. `None`: nobody will ask any more.
    fn next_batch(&self) -> Option<Vec<Entry>> {
        let first = if self.late.is_empty() {
            Some(self.entries.recv().ok()?)
        } else {
            match self.entries.recv_timeout(RETRY_INTERVAL) {
                Ok(entry) => Some(entry),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        };
        Some(first.into_iter().chain(self.entries.try_iter().take(BATCH_MAX)).collect())
    }

    fn write(&mut self, batch: Vec<Entry>) {
        let late = self.late.len();
        let mut objects = std::mem::take(&mut self.late);
        objects.extend(batch.iter().flat_map(|entry| entry.objects.iter().cloned()));
        if objects.is_empty() {
            batch.into_iter().for_each(|entry| entry.answer(Ok(())));
            return;
        }
        let result = self.file.append(&objects);
        self.tell(&result, objects.len().saturating_sub(late));
        if result.is_err() {
            objects.truncate(late);
            self.late = objects;
            let past = batch.iter().filter(|entry| entry.may_be_late).flat_map(|entry| entry.objects.iter().cloned());
            self.late.extend(past.take(LATE_LINES_MAX.saturating_sub(late)));
        }
        batch.into_iter().for_each(|entry| entry.answer(result.clone()));
    }

    fn tell(&self, result: &Result<(), AuditError>, new: usize) {
        let mut state = lock(&self.state);
        match result {
            Ok(()) => {
                state.head = self.file.head();
                if state.problem.take().is_some() {
                    tracing::info!(path = state.path, "the audit trail can be written again");
                }
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(u64::try_from(new).unwrap_or(u64::MAX));
                if state.problem.is_none() {
                    tracing::error!(%error, "the audit trail cannot be written: control is refused until it can");
                }
                state.problem = Some(error.clone());
            }
        }
    }
}

impl Entry {
    fn is_wanted(&self) -> bool {
        self.may_be_late || self.reply.as_ref().is_none_or(|reply| !reply.is_closed())
    }

    fn answer(self, result: Result<(), AuditError>) {
        if let Some(reply) = self.reply {
            // Whoever asked may have left meanwhile.
            let _ = reply.send(result);
        }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
