#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use procwire_proto::v1::ErrorReason;
use tokio::sync::Notify;

use super::*;

type Texts = Answers<&'static str, usize>;

struct Fixture {
    answers: Arc<Texts>,
    acts: Arc<AtomicUsize>,
}

fn fixture() -> Fixture {
    Fixture { answers: Arc::new(Answers::new("Act", RequestIds::default(), |_| 1024)), acts: Arc::default() }
}

fn question(contents: &'static str) -> Question<'static, &'static str> {
    Question { caller: "alice", request_id: "7", dry_run: false, processes: 1, contents }
}

impl Texts {
    async fn once<F>(&self, question: Question<'_, &'static str>, act: impl FnOnce() -> F) -> Result<usize, Failure>
    where
        F: Future<Output = Result<usize, Failure>> + Send + 'static,
    {
        self.begin(question, act)?.answer().await
    }
}

impl Fixture {
    /// Counts how often it is really done, and answers with the number.
    async fn ask(&self, question: Question<'_, &'static str>) -> Result<usize, Failure> {
        let acts = Arc::clone(&self.acts);
        self.answers.once(question, || async move { Ok(acts.fetch_add(1, SeqCst) + 1) }).await
    }
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_nothing_is_done_again() {
    let fixture = fixture();
    for _ in 1..=3 {
        assert_eq!(fixture.ask(question("a")).await, Ok(1));
    }
    assert_eq!(fixture.ask(Question { caller: "bob", ..question("a") }).await, Ok(2), "ids are each caller's own");
    assert_eq!(fixture.ask(Question { request_id: "8", ..question("a") }).await, Ok(3));
    assert_eq!(fixture.acts.load(SeqCst), 3);
}

#[tokio::test]
async fn other_contents_or_another_method_under_the_same_id_are_a_conflict() {
    let ids = RequestIds::default();
    let (first, second) = (Texts::new("First", ids.clone(), |_| 1), Texts::new("Second", ids, |_| 1));
    let ask = |answers: &Texts, contents| {
        let acted = answers.begin(question(contents), || async { Ok(1) });
        acted.map(|_| ()).map_err(|failure| failure.reason())
    };
    assert_eq!(ask(&first, "a"), Ok(()));
    assert_eq!(ask(&first, "b"), Err(ErrorReason::RequestIdConflict));
    assert_eq!(ask(&second, "a"), Err(ErrorReason::RequestIdConflict));
    assert_eq!(ask(&first, "a"), Ok(()));
}

#[tokio::test]
async fn a_repeat_waits_for_the_first_and_a_caller_who_leaves_stops_nothing() {
    let fixture = fixture();
    let (go, acts) = (Arc::new(Notify::new()), Arc::clone(&fixture.acts));
    let slow = || {
        let go = Arc::clone(&go);
        let acts = Arc::clone(&acts);
        async move {
            go.notified().await;
            Ok(acts.fetch_add(1, SeqCst) + 1)
        }
    };
    // Polled once, then dropped: the caller has hung up.
    let left = tokio::time::timeout(Duration::ZERO, fixture.answers.once(question("a"), slow)).await;
    assert!(left.is_err());
    let answers = Arc::clone(&fixture.answers);
    let repeat = tokio::spawn(async move { answers.once(question("a"), || async { Ok(99) }).await });
    tokio::task::yield_now().await;
    assert!(!repeat.is_finished());
    go.notify_one();
    assert_eq!(repeat.await.unwrap(), Ok(1));
    assert_eq!(fixture.acts.load(SeqCst), 1);
}

#[tokio::test]
async fn dry_runs_are_not_remembered() {
    let fixture = fixture();
    let dry = || Question { dry_run: true, ..question("a") };
    assert_eq!(fixture.ask(dry()).await, Ok(1));
    assert_eq!(fixture.ask(dry()).await, Ok(2));
    assert_eq!(fixture.ask(question("a")).await, Ok(3));
}

#[tokio::test]
async fn a_failure_did_nothing_and_may_be_tried_again() {
    let fixture = fixture();
    let fail = || async { Err::<usize, _>(Failure::shutting_down(Duration::from_secs(1))) };
    for _ in 1..=2 {
        let failure = fixture.answers.once(question("a"), fail).await.unwrap_err();
        assert_eq!(failure.reason(), ErrorReason::ShuttingDown);
    }
    assert_eq!(fixture.ask(question("b")).await, Ok(1), "its contents are forgotten too");
}

#[tokio::test]
async fn a_panic_is_remembered_because_something_may_have_been_done() {
    let fixture = fixture();
    let panic = || async { std::panic::resume_unwind(Box::new("odd process")) };
    for _ in 1..=2 {
        let failure = fixture.answers.once(question("a"), panic).await.unwrap_err();
        assert_eq!(failure.reason(), ErrorReason::Internal);
    }
    assert_eq!(fixture.ask(question("a")).await.unwrap_err().reason(), ErrorReason::Internal);
    assert_eq!(fixture.acts.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_ten_minutes() {
    let fixture = fixture();
    assert_eq!(fixture.ask(question("a")).await, Ok(1));
    tokio::time::advance(REMEMBERED_FOR - Duration::from_secs(1)).await;
    assert_eq!(fixture.ask(question("a")).await, Ok(1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(fixture.ask(question("b")).await, Ok(2), "and its id is free for anything");
}

#[tokio::test]
async fn the_caller_who_has_most_loses_the_oldest_answer_and_nothing_is_done_again() {
    let fixture = fixture();
    // One target each; it is the answer that is long.
    let ask = |caller, request_id| fixture.ask(Question { caller, request_id, ..question("a") });
    ask("bob", "b").await.unwrap();
    let ids: Vec<String> = (0..80).map(|id| id.to_string()).collect();
    for id in &ids {
        ask("alice", id).await.unwrap();
    }
    let total: usize = fixture.answers.lock().values().map(|known| known.weight(fixture.answers.results)).sum();
    assert!(total <= RESULTS_MAX + 1025, "{total}");
    let acts = fixture.acts.load(SeqCst);
    assert_eq!(ask("bob", "b").await, Ok(1), "others keep theirs");
    assert_eq!(ask("alice", "79").await, Ok(acts), "and alice her latest");
    let failure = ask("alice", "0").await.unwrap_err();
    assert_eq!((failure.reason(), failure.field()), (ErrorReason::LimitReached, Some("request_id")));
    assert_eq!(fixture.acts.load(SeqCst), acts, "nothing was done again");
}

#[tokio::test]
async fn a_number_that_a_request_states_takes_nothing_from_others() {
    let fixture = fixture();
    fixture.ask(Question { caller: "bob", ..question("a") }).await.unwrap();
    fixture.ask(Question { processes: usize::MAX, ..question("a") }).await.unwrap();
    assert_eq!(fixture.ask(Question { caller: "bob", ..question("a") }).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn the_ids_of_answers_that_were_shed_are_forgotten_after_ten_minutes_and_bounded() {
    let fixture = fixture();
    fixture.ask(question("a")).await.unwrap();
    shed(&mut fixture.answers.lock(), fixture.answers.results, 0);
    fixture.ask(question("a")).await.unwrap_err();
    tokio::time::advance(REMEMBERED_FOR).await;
    assert_eq!(fixture.ask(question("a")).await, Ok(2));
    forget_beyond(&mut fixture.answers.lock(), 0);
    assert_eq!(fixture.ask(question("a")).await, Ok(3));
}
