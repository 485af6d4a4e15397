#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(60);

/// Answers its number; some only when they are let go.
struct Made {
    number: usize,
    held: Option<Mutex<Receiver<()>>>,
    asked: Arc<AtomicUsize>,
}

impl Question for Made {
    type Key = usize;
    type Answer = usize;

    fn key(&self) -> usize {
        self.number
    }

    fn ask(&self) -> usize {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(held) = &self.held {
            // The sender sends, or goes with the test.
            let _ = held.lock().unwrap().recv();
        }
        assert!(self.number != 13, "an unlucky question");
        self.number
    }
}

fn made(number: usize) -> Arc<Made> {
    Arc::new(Made { number, held: None, asked: Arc::default() })
}

fn held(number: usize) -> (Sender<()>, Arc<Made>) {
    let (release, held) = channel();
    (release, Arc::new(Made { number, held: Some(Mutex::new(held)), asked: Arc::default() }))
}

/// Waits for what other threads do.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if is_so() {
            return;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    panic!("never: {what}");
}

#[test]
fn many_questions_are_asked_by_one_thread_and_answered_in_their_order() {
    let askers = Askers::new("test", 16);
    let questions: Vec<_> = (100..200).map(made).collect();
    for _ in 0..3 {
        let answers = askers.ask(&questions, LONG);
        assert_eq!(answers, (100..200).map(Outcome::Answered).collect::<Vec<_>>());
    }
    // On a machine that stood still for longer than patience lasts, more have helped.
    assert!((1..=16).contains(&askers.threads()));
    assert_eq!(askers.ask(&[], LONG), []);
}

#[test]
fn a_question_that_hangs_holds_up_no_other_and_is_remembered() {
    let askers = Askers::new("test", 16);
    let (release, hung) = held(7);
    let questions = [made(1), Arc::clone(&hung), made(2)];
    let expected = [Outcome::Answered(1), Outcome::Silent, Outcome::Answered(2)];
    assert_eq!(askers.ask(&questions, Duration::from_secs(2)), expected);
    assert!(askers.is_silent(&7) && !askers.is_silent(&1));
    for _ in 0..50 {
        assert_eq!(askers.ask(&questions, LONG), expected, "nobody waits for it a second time");
    }
    assert_eq!(hung.asked.load(Ordering::SeqCst), 1, "it is asked once, so no second thread hangs");
    assert!(askers.threads() <= 16);
    release.send(()).unwrap();
    eventually("its thread comes back", || !askers.is_silent(&7));
    drop(release);
    assert_eq!(askers.ask(&questions, LONG), [Outcome::Answered(1), Outcome::Answered(7), Outcome::Answered(2)]);
}

#[test]
fn where_all_threads_hang_nobody_waits() {
    let askers = Askers::new("test", 3);
    let hung: Vec<_> = (0..5).map(held).collect();
    let mut questions: Vec<_> = hung.iter().map(|(_, question)| Arc::clone(question)).collect();
    questions.push(made(9));
    let outcomes = askers.ask(&questions, Duration::from_secs(2));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Silent).count(), 3, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::NoThread).count(), 3, "{outcomes:?}");
    assert_eq!(askers.threads(), 3);
    assert_eq!(askers.ask(&questions, LONG), outcomes, "at once");
    assert_eq!(askers.shared.lock().queue.len(), 0, "nothing is left behind");
    drop(hung);
    eventually("one is free", || askers.shared.lock().hung < 3);
    assert_eq!(askers.ask(&[made(9)], LONG), [Outcome::Answered(9)]);
}

#[test]
fn who_asks_the_same_at_the_same_time_shares_the_answer() {
    let askers = Arc::new(Askers::new("test", 4));
    let (release, question) = held(5);
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (askers, question) = (Arc::clone(&askers), Arc::clone(&question));
            thread::spawn(move || askers.ask(&[question], LONG))
        })
        .collect();
    eventually("all wait", || askers.shared.lock().open.get(&5).is_some_and(|open| open.waiting.len() == 3));
    release.send(()).unwrap();
    for caller in callers {
        assert_eq!(caller.join().unwrap(), [Outcome::Answered(5)]);
    }
    assert_eq!(question.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn one_who_gives_up_does_not_take_the_answer_from_one_who_waits() {
    let askers = Arc::new(Askers::new("test", 4));
    let (release, question) = held(5);
    let patient = {
        let (askers, question) = (Arc::clone(&askers), Arc::clone(&question));
        thread::spawn(move || askers.ask(&[question], LONG))
    };
    eventually("it is asked", || question.asked.load(Ordering::SeqCst) == 1);
    assert_eq!(askers.ask(&[Arc::clone(&question)], SHORT), [Outcome::Silent]);
    assert_eq!(askers.ask(&[Arc::clone(&question)], LONG), [Outcome::Silent], "at once");
    release.send(()).unwrap();
    assert_eq!(patient.join().unwrap(), [Outcome::Answered(5)]);
    assert_eq!(askers.shared.lock().hung, 0);
}

#[test]
fn a_question_that_panics_costs_its_answer_and_nothing_else() {
    let askers = Askers::new("test", 2);
    for _ in 0..3 {
        let outcomes = askers.ask(&[made(1), made(13), made(2)], LONG);
        assert_eq!(outcomes, [Outcome::Answered(1), Outcome::NoThread, Outcome::Answered(2)]);
    }
    eventually("the threads that panicked are gone", || askers.threads() <= 2);
    assert!(askers.shared.lock().open.is_empty());
}

#[test]
fn threads_end_with_their_askers() {
    let askers = Askers::new("test", 4);
    let (release, hung) = held(3);
    askers.ask(&[made(1), hung, made(2)], SHORT);
    let shared = Arc::downgrade(&askers.shared);
    drop(askers);
    release.send(()).unwrap();
    eventually("no thread has it", || shared.strong_count() == 0);
}

/// Of a pair of numbers: those with the same first one hang together.
struct Paired(Made, usize);

impl Question for Paired {
    type Key = (usize, usize);
    type Answer = usize;

    const MOST_BESIDE: usize = 2;

    fn key(&self) -> (usize, usize) {
        (self.1, self.0.number)
    }

    fn is_beside(key: &Self::Key, other: &Self::Key) -> bool {
        key.0 == other.0
    }

    fn ask(&self) -> usize {
        self.0.ask()
    }
}

#[test]
fn what_hangs_together_leaves_threads_to_others() {
    let askers = Askers::new("test", 4);
    let (releases, hung): (Vec<_>, Vec<_>) = (0..6)
        .map(|number| {
            let (release, held) = channel();
            let made = Made { number, held: Some(Mutex::new(held)), asked: Arc::default() };
            (release, Arc::new(Paired(made, 1)))
        })
        .unzip();
    let well = |number, first| Arc::new(Paired(Made { number, held: None, asked: Arc::default() }, first));
    let mut questions = hung.clone();
    questions.push(well(20, 2));
    let outcomes = askers.ask(&questions, Duration::from_secs(2));
    assert_eq!(outcomes[..2], [Outcome::Silent; 2]);
    assert_eq!(outcomes[2..6], [Outcome::NoThread; 4]);
    assert_eq!(outcomes[6], Outcome::Answered(20), "behind them in the queue, and not held up");
    assert_eq!(askers.ask(&[well(21, 1)], LONG), [Outcome::NoThread], "at once");
    assert_eq!(askers.ask(&[well(22, 3)], LONG), [Outcome::Answered(22)]);
    assert!(hung[2..].iter().all(|question| question.0.asked.load(Ordering::SeqCst) == 0));
    drop(releases);
    eventually("they come back", || askers.shared.lock().hung == 0);
    let many: Vec<_> = (30..60).map(|number| well(number, 1)).collect();
    assert_eq!(askers.ask(&many, LONG), (30..60).map(Outcome::Answered).collect::<Vec<_>>());
}
