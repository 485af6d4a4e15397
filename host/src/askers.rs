//! A few threads for questions that the kernel may never answer: a filesystem whose server is gone, a device that is dead.
//!
//! Questions are asked one after the other by as few threads as it takes: while they are answered, one does them all. Who waits for
//! answers waits no longer than it said it would. A question that had no answer by then stays with its thread, and until that thread
//! comes back everybody else who asks the same is told so at once: each hung thing costs one thread and one wait, not one for each call.
//! Where as many threads hang as there may be, nobody waits at all.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Without an answer for so long, one more thread helps with what is left. It is many times what an answer takes.
const PATIENCE: Duration = Duration::from_millis(50);

/// A thread without work ends after this: a stream of a sample a second keeps it.
const IDLE: Duration = Duration::from_secs(5);

/// Some system calls and little else.
const STACK_BYTES: usize = 128 << 10;

/// Something to ask.
pub(crate) trait Question: Send + Sync + 'static {
    /// What would hang: the same question, whoever asks it.
    type Key: Clone + Eq + Hash + Send;
    /// What comes back.
    type Answer: Clone + Send + Sync;

    /// At most so many threads are at questions beside one another, so that they leave some to others.
    const MOST_BESIDE: usize = usize::MAX;

    fn key(&self) -> Self::Key;

    /// True for questions that are likely to hang together.
    fn is_beside(_key: &Self::Key, _other: &Self::Key) -> bool {
        false
    }

    /// Asks. May never return.
    fn ask(&self) -> Self::Answer;
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<A> {
    Answered(A),
    /// No answer yet, now or since an earlier question.
    Silent,
    /// Not asked: all threads, or as many as there may be beside this question, hang at others; or none could be started.
    NoThread,
}

/// The threads. Those that hang are left to themselves when this goes; the others end.
pub(crate) struct Askers<Q: Question> {
    shared: Arc<Shared<Q>>,
}

struct Shared<Q: Question> {
    name: &'static str,
    most_threads: usize,
    state: Mutex<State<Q>>,
    work: Condvar,
    answered: Condvar,
}

struct State<Q: Question> {
    queue: VecDeque<Q::Key>,
    /// Questions in the queue or at a thread.
    open: HashMap<Q::Key, Open<Q>>,
    threads: usize,
    idle: usize,
    /// Threads at a question that somebody gave up.
    hung: usize,
    closed: bool,
}

struct Open<Q: Question> {
    ask: Arc<Ask<Q>>,
    /// Of each call that waits, how many answers it waits for.
    waiting: Vec<Arc<AtomicUsize>>,
    is_asked: bool,
    is_given_up: bool,
}

struct Ask<Q: Question> {
    question: Arc<Q>,
    answer: OnceLock<Q::Answer>,
}

impl<Q: Question> Askers<Q> {
    /// No threads yet. `name` is theirs, at most 15 bytes.
    pub(crate) fn new(name: &'static str, most_threads: usize) -> Self {
        let state = State { queue: VecDeque::new(), open: HashMap::new(), threads: 0, idle: 0, hung: 0, closed: false };
        let (work, answered) = (Condvar::new(), Condvar::new());
        Self { shared: Arc::new(Shared { name, most_threads, state: Mutex::new(state), work, answered }) }
    }

    /// Asks all, and waits for the answers for at most `cap`. What became of each, in their order.
    pub(crate) fn ask(&self, questions: &[Arc<Q>], cap: Duration) -> Vec<Outcome<Q::Answer>> {
        if questions.is_empty() {
            return Vec::new();
        }
        let shared = &self.shared;
        let left = Arc::new(AtomicUsize::new(0));
        let mut state = shared.lock();
        let asks: Vec<_> = questions.iter().map(|question| state.enter(question, &left, shared.most_threads)).collect();
        state = shared.wait(state, &left, Instant::now() + cap);
        asks.into_iter().map(|ask| ask.map_or_else(|refused| refused, |ask| state.leave(&ask, &left))).collect()
    }

    /// True if somebody gave up waiting for the answer, and it is still not there.
    #[cfg(test)]
    pub(crate) fn is_silent(&self, key: &Q::Key) -> bool {
        self.shared.lock().open.get(key).is_some_and(|open| open.is_given_up)
    }

    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.shared.lock().threads
    }
}

impl<Q: Question> Drop for Askers<Q> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl<Q: Question> Shared<Q> {
    fn lock(&self) -> MutexGuard<'_, State<Q>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until all answers are there, or `ends`.
    fn wait<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State<Q>>,
        left: &AtomicUsize,
        ends: Instant,
    ) -> MutexGuard<'a, State<Q>> {
        let mut has_help = state.queue.is_empty() || self.engage(&mut state, Need::Anyone);
        while has_help && left.load(Ordering::Relaxed) > 0 {
            let time = ends.saturating_duration_since(Instant::now());
            if time.is_zero() {
                break;
            }
            let (locked, waited) =
                self.answered.wait_timeout(state, time.min(PATIENCE)).unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if waited.timed_out() && !state.queue.is_empty() {
                has_help = self.engage(&mut state, Need::OneMore);
            }
        }
        state
    }

    /// Finds a thread for what is in the queue. False if there is none that could ever come to it.
    fn engage(self: &Arc<Self>, state: &mut State<Q>, need: Need) -> bool {
        if state.idle > 0 {
            self.work.notify_one();
            return true;
        }
        // A thread that has just answered comes back for more before it is idle.
        let is_needed = need == Need::OneMore || state.threads == state.hung;
        if is_needed && state.threads < self.most_threads {
            let shared = Arc::clone(self);
            let thread = thread::Builder::new().name(self.name.to_owned()).stack_size(STACK_BYTES);
            // It is never joined: it may hang.
            if thread.spawn(move || shared.work()).is_ok() {
                state.threads += 1;
            }
        }
        state.threads > state.hung
    }

    fn work(self: Arc<Self>) {
        let _counted = Counted(&self);
        while let Some((key, ask)) = self.next() {
            let asking = Asking { shared: &self, key, ask };
            // Nobody else sets it.
            let _ = asking.ask.answer.set(asking.ask.question.ask());
        }
    }

    /// The next question. Nothing if there was none for a while.
    fn next(&self) -> Option<(Q::Key, Arc<Ask<Q>>)> {
        let mut state = self.lock();
        let mut rested = false;
        loop {
            if state.closed {
                return None;
            }
            while let Some(key) = state.take() {
                if let Some(open) = state.open.get_mut(&key) {
                    open.is_asked = true;
                    return Some((key, Arc::clone(&open.ask)));
                }
            }
            if rested {
                return None;
            }
            state.idle += 1;
            let (locked, waited) = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = locked;
            state.idle -= 1;
            rested = waited.timed_out();
        }
    }
}

/// Whom a queue needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// A thread that does not hang.
    Anyone,
    /// One more than are there: they do not get on.
    OneMore,
}

impl<Q: Question> State<Q> {
    /// Puts a question into the queue, or joins those who wait for the same.
    fn enter(
        &mut self,
        question: &Arc<Q>,
        left: &Arc<AtomicUsize>,
        most_threads: usize,
    ) -> Result<Arc<Ask<Q>>, Outcome<Q::Answer>> {
        let key = question.key();
        let is_refused = || self.hung >= most_threads || self.is_crowded(&key, |open| open.is_given_up);
        if !self.open.contains_key(&key) && is_refused() {
            return Err(Outcome::NoThread);
        }
        let queue = &mut self.queue;
        let open = self.open.entry(key).or_insert_with_key(|key| {
            queue.push_back(key.clone());
            let ask = Arc::new(Ask { question: Arc::clone(question), answer: OnceLock::new() });
            Open { ask, waiting: Vec::new(), is_asked: false, is_given_up: false }
        });
        if open.is_given_up {
            return Err(Outcome::Silent);
        }
        open.waiting.push(Arc::clone(left));
        left.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(&open.ask))
    }

    /// Out of the queue, the first that may be asked now. One that may not is so again when a thread comes back, and that looks here.
    fn take(&mut self) -> Option<Q::Key> {
        let next = self.queue.iter().position(|key| !self.is_crowded(key, |open| open.is_asked))?;
        self.queue.remove(next)
    }

    /// True if there are as many such questions beside this one as threads may be at.
    fn is_crowded(&self, key: &Q::Key, counts: impl Fn(&Open<Q>) -> bool) -> bool {
        // Most kinds of questions have no such limit, and are hundreds.
        let has_limit = Q::MOST_BESIDE < usize::MAX;
        let beside = || self.open.iter().filter(|(other, open)| counts(open) && Q::is_beside(key, other));
        has_limit && beside().count() >= Q::MOST_BESIDE
    }

    /// The answer, or the end of waiting for it.
    fn leave(&mut self, ask: &Arc<Ask<Q>>, left: &Arc<AtomicUsize>) -> Outcome<Q::Answer> {
        if let Some(answer) = ask.answer.get() {
            return Outcome::Answered(answer.clone());
        }
        let key = ask.question.key();
        let Some(open) = self.open.get_mut(&key).filter(|open| Arc::ptr_eq(&open.ask, ask)) else {
            return Outcome::NoThread;
        };
        open.waiting.retain(|waiting| !Arc::ptr_eq(waiting, left));
        if open.is_asked {
            if !open.is_given_up {
                open.is_given_up = true;
                self.hung += 1;
            }
            return Outcome::Silent;
        }
        if open.waiting.is_empty() {
            self.open.remove(&key);
            self.queue.retain(|queued| *queued != key);
        }
        Outcome::NoThread
    }
}

/// A thread that counts as one until it ends, however it ends.
struct Counted<'a, Q: Question>(&'a Shared<Q>);

impl<Q: Question> Drop for Counted<'_, Q> {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
    }
}

/// A question at a thread. It is closed with this, whether or not there was an answer.
struct Asking<'a, Q: Question> {
    shared: &'a Shared<Q>,
    key: Q::Key,
    ask: Arc<Ask<Q>>,
}

impl<Q: Question> Drop for Asking<'_, Q> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let Some(open) = state.open.remove(&self.key) else { return };
        if open.is_given_up {
            state.hung -= 1;
        }
        let finished = |left: &Arc<AtomicUsize>| left.fetch_sub(1, Ordering::Relaxed) == 1;
        // Each is to be counted down.
        if open.waiting.iter().filter(|left| finished(left)).count() > 0 {
            self.shared.answered.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
