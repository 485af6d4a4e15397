//! Peers that do not speak the protocol, stop in the middle, or come in crowds.

use std::time::Duration;

use procwire_client::ErrorKind;
use procwire_tests::{
    Agent, Role,
    raw::{PREFACE_AND_SETTINGS, tls},
    waiting::{eventually_async, within_patience},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Reads until the agent closes the connection.
async fn closed<S: tokio::io::AsyncRead + Unpin>(what: &str, mut stream: S) {
    within_patience(what, async {
        // A reset is an end as well.
        while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {}
    })
    .await;
}

async fn assert_serves(agent: &Agent) {
    agent.client(Role::Reader).agent().info().await.unwrap();
}

#[tokio::test]
async fn garbage_on_the_port_is_cut_off() {
    let agent = Agent::start();
    let http1 = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    let record = [b"\x16\x03\x01\xff\xff".to_vec(), vec![0x41; 70_000]].concat();
    for garbage in [http1, record, vec![0; 4096], vec![0xff; 100_000], PREFACE_AND_SETTINGS.to_vec()] {
        let mut stream = TcpStream::connect(agent.address()).await.unwrap();
        // The agent may close before it has all.
        let _ = stream.write_all(&garbage).await;
        closed("the end of a connection with garbage", stream).await;
    }
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let agent = Agent::options().set("limits.handshake_timeout", "1s").start();
    let silent = TcpStream::connect(agent.address()).await.unwrap();
    let mut half = TcpStream::connect(agent.address()).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    closed("the end of a silent connection", silent).await;
    closed("the end of half a handshake", half).await;
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_handshake_that_drips_is_cut_off() {
    let agent = Agent::options().set("limits.handshake_timeout", "1s").start();
    let mut stream = TcpStream::connect(agent.address()).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00").await.unwrap();
    within_patience("the end of a dripping handshake", async {
        while stream.write_all(b"\x01").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_client_that_is_silent_after_the_handshake_is_cut_off() {
    let agent = Agent::options().set("limits.handshake_timeout", "1s").start();
    let stream = tls(&agent, Some(&agent.pki.client(Role::Reader))).await;
    closed("the end of a connection without HTTP/2", stream).await;
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_client_that_speaks_something_else_after_the_handshake_is_cut_off() {
    let agent = Agent::start();
    let mut stream = tls(&agent, Some(&agent.pki.client(Role::Reader))).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    closed("the end of a connection with HTTP/1", stream).await;
    let mut stream = tls(&agent, Some(&agent.pki.client(Role::Reader))).await;
    // A frame longer than any that may be sent (RFC 9113, section 4.2).
    stream.write_all(PREFACE_AND_SETTINGS).await.unwrap();
    stream.write_all(&[0xff, 0xff, 0xff, 0x00, 0x00, 0, 0, 0, 1]).await.unwrap();
    closed("the end of a connection with a monstrous frame", stream).await;
    assert_serves(&agent).await;
}

#[tokio::test]
async fn a_crowd_of_unfinished_handshakes_delays_others_by_no_more_than_the_timeout() {
    let agent = Agent::options().set("limits.handshake_timeout", "1s").set("limits.handshakes", 4).start();
    let mut crowd = Vec::new();
    for _ in 0..12 {
        crowd.push(TcpStream::connect(agent.address()).await.unwrap());
    }
    // Three rounds of four, one second each, stand before it.
    let client = agent.client(Role::Reader);
    eventually_async("an answer in spite of the crowd", || async { client.agent().info().await.ok() }).await;
    drop(crowd);
}

#[tokio::test]
async fn more_connections_than_one_caller_may_have_are_refused_until_one_ends() {
    let agent = Agent::options().set("limits.connections_per_principal", 2).start();
    let identity = agent.pki.client(Role::Reader);
    let clients = [agent.client_as(&identity), agent.client_as(&identity)];
    for client in &clients {
        client.agent().info().await.unwrap();
    }
    let third = agent.client_as(&identity);
    let error = third.agent().info().await.unwrap_err();
    let expected = [ErrorKind::LimitReached, ErrorKind::ConnectionLost, ErrorKind::Unavailable];
    assert!(expected.contains(&error.kind()), "{:?}: {error}", error.kind());
    agent.client(Role::Operator).agent().info().await.expect("another caller is not affected");
    drop(clients);
    eventually_async("room for another connection", || async { third.agent().info().await.ok() }).await;
}

#[tokio::test]
async fn calls_taken_back_in_crowds_do_not_stop_the_agent() {
    let agent = Agent::start();
    let mut stream = tls(&agent, Some(&agent.pki.client(Role::Reader))).await;
    stream.write_all(PREFACE_AND_SETTINGS).await.unwrap();
    // CVE-2023-44487: HEADERS and RST_STREAM, again and again. The agent must close the connection, not do the work.
    let mut attack = Vec::new();
    for stream_id in (1..20_001_u32).step_by(2) {
        // ":method: POST" from the static table, and no more, is header enough to open a stream.
        attack.extend([0, 0, 1, 1, 5]);
        attack.extend(stream_id.to_be_bytes());
        attack.push(0x83);
        attack.extend([0, 0, 4, 3, 0]);
        attack.extend(stream_id.to_be_bytes());
        attack.extend(8_u32.to_be_bytes());
    }
    let _ = stream.write_all(&attack).await;
    closed("the end of the attacker's connection", stream).await;
    assert_serves(&agent).await;
}
