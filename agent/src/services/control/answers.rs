//! Answers of methods that act and answer once: the first answer to a request id is kept, and given again instead of acting twice.
//! What was begun runs to its end whatever becomes of its caller.

use std::{
    cmp::Reverse,
    collections::HashMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::request_ids::{Claim, Key, RequestIds, conflict, no_longer_kept, oldest_of_the_greediest};
use crate::status::Failure;

/// How long an answer is kept after it was given.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// How much is kept for all callers together, counted in results: a tree of a thousand counts a thousand. The caller who has most of it
/// loses its oldest answer first, so that nobody pushes out what others may ask for again; of that only is known that it was given.
const RESULTS_MAX: usize = 65_536;
/// What a request counts before its answer is known, whatever it says that it may hit: a number alone takes nothing from anybody.
const EXPECTED_MAX: usize = 4096;
/// Of how many requests is known that they were answered; the oldest of the caller who has most is forgotten first.
const REQUESTS_MAX: usize = 65_536;

/// The answers of one method.
#[derive(Debug)]
pub(crate) struct Answers<Q, A> {
    method: &'static str,
    ids: RequestIds,
    /// How many results an answer has.
    results: fn(&A) -> usize,
    known: Mutex<HashMap<Key, Known<Q, A>>>,
}

/// A request, as far as repeats matter.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a, Q> {
    pub(crate) caller: &'a str,
    pub(crate) request_id: &'a str,
    /// Dry runs are not remembered.
    pub(crate) dry_run: bool,
    /// The most processes that it may hit.
    pub(crate) processes: usize,
    /// What a repeat must be equal to.
    pub(crate) contents: Q,
}

/// An answer that may still have to be waited for.
#[derive(Debug)]
pub(crate) struct Pending<A>(watch::Receiver<Option<Given<A>>>);

#[derive(Debug)]
struct Known<Q, A> {
    state: State<Q, A>,
    _claim: Claim,
}

#[derive(Debug)]
enum State<Q, A> {
    Kept {
        contents: Q,
        /// Results there may be.
        expected: usize,
        answer: watch::Receiver<Option<Given<A>>>,
    },
    /// It took too much room.
    Shed { given_at: Instant },
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
    /// None yet. `ids` are those of all methods; `results` tells how many an answer has.
    pub(crate) fn new(method: &'static str, ids: RequestIds, results: fn(&A) -> usize) -> Self {
        Self { method, ids, results, known: Mutex::default() }
    }

    /// Begins to answer a request with what `act` does, or with what came of it when the same was asked before. A failure of `act` says that
    /// nothing was done, and is not remembered: asking again begins anew. If it panics, that is remembered, because something may have
    /// been done.
    ///
    /// # Errors
    /// `REQUEST_ID_CONFLICT`, or `LIMIT_REACHED` where the answer was given and is not kept any more: `act` was not called.
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
        match known.get(&key).map(|earlier| &earlier.state) {
            Some(State::Shed { .. }) => return Err(no_longer_kept(request_id)),
            Some(State::Kept { contents: earlier, .. }) if *earlier != contents => {
                return Err(conflict(request_id, "other contents"));
            }
            Some(State::Kept { answer, .. }) => return Ok(Pending(answer.clone())),
            None => {}
        }
        let claim = self.ids.claim(&key, self.method)?;
        let expected = processes.min(EXPECTED_MAX) + 1;
        shed(&mut known, self.results, RESULTS_MAX - expected);
        forget_beyond(&mut known, REQUESTS_MAX - 1);
        let answer = start(act());
        known.insert(key, Known { state: State::Kept { contents, expected, answer: answer.clone() }, _claim: claim });
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

impl<Q, A> Known<Q, A> {
    /// None while it runs.
    fn given_at(&self) -> Option<Instant> {
        match &self.state {
            State::Kept { answer, .. } => answer.borrow().as_ref().map(|given| given.at),
            State::Shed { given_at } => Some(*given_at),
        }
    }

    /// What it takes: the answer itself, once there is one, whatever was expected.
    fn weight(&self, results: fn(&A) -> usize) -> usize {
        match &self.state {
            State::Kept { answer, expected, .. } => match &*answer.borrow() {
                Some(Given { result: Ok(answer), .. }) => results(answer) + 1,
                Some(Given { result: Err(_), .. }) => 1,
                None => *expected,
            },
            State::Shed { .. } => 0,
        }
    }

    fn is_past(&self) -> bool {
        if let State::Kept { answer, .. } = &self.state
            && let Some(Given { result: Err(failure), .. }) = &*answer.borrow()
            && *failure != lost()
        {
            return true;
        }
        self.given_at().is_some_and(|at| at.elapsed() >= REMEMBERED_FOR)
    }
}

/// Past ten minutes, and failures, which did nothing.
fn forget_what_is_past<Q, A>(known: &mut HashMap<Key, Known<Q, A>>) {
    known.retain(|_, known| !known.is_past());
}

/// Drops answers until so many results are left. What still runs stays; how much of it there may be is for others to bound.
fn shed<Q, A>(known: &mut HashMap<Key, Known<Q, A>>, results: fn(&A) -> usize, most: usize) {
    let mut of_callers: HashMap<String, usize> = HashMap::new();
    for (key, known) in &*known {
        *of_callers.entry(key.caller.clone()).or_default() += known.weight(results);
    }
    let mut total: usize = of_callers.values().sum();
    while total > most {
        let kept = known.iter_mut().filter(|(_, known)| matches!(known.state, State::Kept { .. }));
        let given = kept.filter_map(|(key, known)| Some((known.given_at()?, key, known)));
        let Some((given_at, key, first)) =
            given.max_by_key(|(at, key, _)| (of_callers.get(&key.caller).copied(), Reverse(*at)))
        else {
            return;
        };
        let weight = first.weight(results);
        first.state = State::Shed { given_at };
        total = total.saturating_sub(weight);
        if let Some(count) = of_callers.get_mut(&key.caller) {
            *count = count.saturating_sub(weight);
        }
    }
}

fn forget_beyond<Q, A>(known: &mut HashMap<Key, Known<Q, A>>, most: usize) {
    while known.len() > most {
        let given = known.iter().filter_map(|(key, known)| Some((key, known.given_at()?)));
        let Some(first) = oldest_of_the_greediest(known.keys(), given) else { return };
        known.remove(&first);
    }
}

#[cfg(test)]
mod tests;
