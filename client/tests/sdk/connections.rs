//! One connection for many calls, made when it is needed and made again when it is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use std::{future, io};

use procwire_client::v1::{GetInfoResponse, ProcessRef};
use procwire_client::{Client, ErrorKind};
use tokio::io::DuplexStream;

use crate::fake_agent::FakeAgent;
use crate::script::Step;

#[tokio::test]
async fn clones_share_one_connection_made_at_the_first_call() {
    let agent = FakeAgent::default();
    let client = agent.client();
    assert_eq!(agent.lines.made(), 0);
    for _ in 0..20 {
        agent.info.then([Step::Send(GetInfoResponse::default())]);
    }
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(client.clone().agent().info().into_future())).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(agent.lines.made(), 1);
    let user_agent = agent.info.asked()[0].metadata.get("user-agent").unwrap().clone();
    assert!(user_agent.to_str().unwrap().starts_with("procwire-client/"), "{user_agent:?}");
}

#[tokio::test]
async fn a_connection_that_broke_while_idle_costs_no_call() {
    // Waiting is not tried again by nature, so an answer shows that the request was not lost on the dead connection. How
    // far the news of the break has come when the call is made depends on the turns that other tasks had: either the
    // connection is known to be dead, or that turns out while the request is still unsent.
    let calls = tokio::spawn(async {
        for turns in 2..12 {
            let agent = FakeAgent::default();
            let client = agent.client();
            agent.info.then([Step::Send(GetInfoResponse::default())]);
            client.agent().info().await.unwrap();
            agent.lines.cut();
            for _ in 0..turns {
                one_turn().await;
            }
            agent.wait.then([Step::Fail(tonic::Status::not_found("gone"))]);
            let error = client.control().wait(&ProcessRef::default()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "after {turns} turns: {error}");
            assert_eq!(agent.lines.made(), 2);
        }
    });
    calls.await.unwrap();
}

/// Goes to the end of the queue of tasks that can run; `yield_now` would wait until the queue is empty.
async fn one_turn() {
    let mut had = false;
    future::poll_fn(|context| {
        if std::mem::replace(&mut had, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_is_left_waiting_on_a_connection_that_ends() {
    let agent = FakeAgent::default();
    let client = agent.client();
    for _ in 0..300 {
        let call = || {
            agent.wait.then([Step::Fail(tonic::Status::not_found("gone"))]);
            tokio::spawn(client.control().wait(&ProcessRef::default()).timeout(Duration::ZERO).into_future())
        };
        let (first, lines, rest) = (call(), agent.lines.clone(), [call(), call(), call()]);
        let cut = tokio::spawn(async move { lines.cut() });
        for call in [first].into_iter().chain(rest) {
            let error = call.await.unwrap().unwrap_err();
            // Answered, or broken off: the deadline of 10 s plays no part.
            assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionLost), "{error}");
        }
        cut.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_wait_for_the_same_connection_share_its_failure() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let client = Client::from_connector("nowhere", {
        let attempts = Arc::clone(&attempts);
        move || {
            attempts.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err::<DuplexStream, _>(io::Error::new(io::ErrorKind::ConnectionRefused, "nobody there"))
            }
        }
    });
    let call = || tokio::spawn(client.control().wait(&ProcessRef::default()).into_future());
    let first = call();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let late = (0..50).map(|_| call());
    for call in [first].into_iter().chain(late.collect::<Vec<_>>()) {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains("nobody there"), "{error}");
    }
    // One for the first caller, one for all that came while it was under way.
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connector_has_five_seconds() {
    let client = Client::from_connector("nowhere", future::pending::<io::Result<DuplexStream>>);
    let error = client.agent().info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "get agent info on nowhere: opening the connection took longer than 5s");
}

#[tokio::test]
async fn something_that_is_no_agent_is_an_error_not_a_hang() {
    let client = Client::from_connector("web server", || async {
        let (near, mut far) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            far.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            future::pending::<()>().await;
        });
        Ok(near)
    });
    let error = client.control().wait(&ProcessRef::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error}");
}

#[test]
fn a_client_is_built_outside_a_runtime() {
    let authority = crate::authority::Authority::new("test");
    let client = Client::builder("https://localhost").ca_pem(authority.pem()).build().unwrap();
    assert_eq!(client.target(), "https://localhost:7443");
    assert_eq!(format!("{client:?}"), r#"Client { target: "https://localhost:7443", .. }"#);
}
