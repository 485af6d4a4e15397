//! Answers of methods that act and answer once: the first answer to a request id is kept, and given again instead of acting twice.
//! What was begun runs to its end whatever becomes of its caller.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::request_ids::{Claim, Key, RequestIds, conflict};
use crate::status::Failure;

/// How long an answer is kept after it was given.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// How much is kept for all callers together, counted in processes (a request for a thousand counts a thousand) and one for each
/// request. The caller who has most of it loses its oldest answer first, so that nobody pushes out what others may ask for again.
const REMEMBERED_MAX: usize = 65_536;

/// The answers of one method.
#[derive(Debug)]
pub(crate) struct Answers<Q, A> {
    method: &'static str,
    ids: RequestIds,
    known: Mutex<HashMap<Key, Known<Q, A>>>,
}

/// A request, as far as repeats matter.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a, Q> {
    pub(crate) caller: &'a str,
    pub(crate) request_id: &'a str,
    /// Dry runs are not remembered.
    pub(crate) dry_run: bool,
    /// Processes that it names.
    pub(crate) processes: usize,
    /// What a repeat must be equal to.
    pub(crate) contents: Q,
}

/// An answer that may still have to be waited for.
#[derive(Debug)]
pub(crate) struct Pending<A>(watch::Receiver<Option<Given<A>>>);

#[derive(Debug)]
struct Known<Q, A> {
    contents: Q,
    weight: usize,
    answer: watch::Receiver<Option<Given<A>>>,
    _claim: Claim,
}

#[derive(Clone, Debug)]
struct Given<A> {
    at: Instant,
    result: Result<A, Failure>,
}

impl<Q, A> Answers<Q, A>
where
    Q: PartialEq,
    A: Clone + Send + Sync + 'static,
{
    /// None yet. `ids` are those of all methods.
    pub(crate) fn new(method: &'static str, ids: RequestIds) -> Self {
        Self { method, ids, known: Mutex::default() }
    }

    /// Begins to answer a request with what `act` does, or with what came of it when the same was asked before. A failure of `act` says that
    /// nothing was done, and is not remembered: asking again begins anew. If it panics, that is remembered, because something may have
    /// been done.
    ///
    /// # Errors
    /// `REQUEST_ID_CONFLICT`: `act` was not called.
    pub(crate) fn begin<F>(&self, question: Question<'_, Q>, act: impl FnOnce() -> F) -> Result<Pending<A>, Failure>
    where
        F: Future<Output = Result<A, Failure>> + Send + 'static,
    {
        let Question { caller, request_id, dry_run, processes, contents } = question;
        if dry_run {
            return Ok(Pending(start(act())));
        }
        let key = Key { caller: caller.to_owned(), request_id: request_id.to_owned() };
        let mut known = self.lock();
        forget_what_is_past(&mut known);
        match known.get(&key) {
            Some(earlier) if earlier.contents != contents => return Err(conflict(request_id, "other contents")),
            Some(earlier) => return Ok(Pending(earlier.answer.clone())),
            None => {}
        }
        let claim = self.ids.claim(&key, self.method)?;
        let weight = processes + 1;
        make_room(&mut known, weight);
        let answer = start(act());
        known.insert(key, Known { contents, weight, answer: answer.clone(), _claim: claim });
        Ok(Pending(answer))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Known<Q, A>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Clone> Pending<A> {
    /// Dropping the future stops nothing.
    ///
    /// # Errors
    /// The failure of what was begun: nothing was done.
    pub(crate) async fn answer(mut self) -> Result<A, Failure> {
        match self.0.wait_for(Option::is_some).await.ok().and_then(|given| given.clone()) {
            Some(given) => given.result,
            None => Err(lost()),
        }
    }
}

/// A task of its own: tonic drops the handler of a caller who hangs up, and what is begun is brought to an end and on record.
fn start<A: Clone + Send + Sync + 'static>(
    act: impl Future<Output = Result<A, Failure>> + Send + 'static,
) -> watch::Receiver<Option<Given<A>>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        // Its own task, so that a panic is an answer too.
        let result = tokio::spawn(act).await;
        let given = Given { at: Instant::now(), result: result.unwrap_or_else(|_| Err(lost())) };
        sender.send_replace(Some(given));
    });
    receiver
}

/// Something may have been done, and nobody can tell: remembered, as an answer is.
pub(crate) fn lost() -> Failure {
    Failure::internal("the action ended before its outcome was known")
}

/// Past ten minutes, and failures, which did nothing.
fn forget_what_is_past<Q, A>(known: &mut HashMap<Key, Known<Q, A>>) {
    known.retain(|_, known| match &*known.answer.borrow() {
        None => true,
        Some(Given { at, result: Ok(_) }) => at.elapsed() < REMEMBERED_FOR,
        Some(Given { at, result: Err(failure) }) => *failure == lost() && at.elapsed() < REMEMBERED_FOR,
    });
}

fn make_room<Q, A>(known: &mut HashMap<Key, Known<Q, A>>, weight: usize) {
    while known.values().map(|known| known.weight).sum::<usize>() + weight > REMEMBERED_MAX {
        let mut of_callers: HashMap<&str, usize> = HashMap::new();
        for (key, known) in &*known {
            *of_callers.entry(&key.caller).or_default() += known.weight;
        }
        let given = known.iter().filter_map(|(key, known)| Some((key, known.answer.borrow().as_ref()?.at)));
        // What still runs cannot be forgotten; how much of it there may be is for others to bound.
        let first = given.max_by_key(|(key, at)| (of_callers.get(key.caller.as_str()), std::cmp::Reverse(*at)));
        let Some(key) = first.map(|(key, _)| key.clone()) else { return };
        known.remove(&key);
    }
}

#[cfg(test)]
mod tests;
