//! What each peer may cost, and that the agent serves on.

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use procwire_proto::v1::{GetInfoRequest, agent_service_client::AgentServiceClient};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};
use tonic::{Code, Status};

use crate::harness::{PATIENCE, Running, client_config};

async fn assert_cut_off(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the agent cuts it off");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let agent = Running::start(&[("limits.handshake_timeout", "2s"), ("limits.handshakes", "2")]).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(TcpStream::connect(agent.address).await.unwrap());
    }
    // Others get their turn while these say nothing.
    agent.assert_serves().await;
    for stream in &mut silent {
        assert_cut_off(stream).await;
    }
}

#[tokio::test]
async fn one_address_cannot_keep_all_others_from_shaking_hands() {
    let limits =
        [("limits.handshake_timeout", "1m"), ("limits.handshakes", "4"), ("limits.handshakes_per_address", "2")];
    let agent = Running::start(&limits).await;
    let mut silent = Vec::new();
    for _ in 0..24 {
        // All of 127.0.0.0/8 is this machine.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        silent.push(socket.connect(agent.address).await.unwrap());
    }
    // Two of them have a handshake that never begins, fourteen wait for their turn, and the others are refused.
    agent.assert_serves().await;
    for stream in silent.iter_mut().skip(16) {
        assert_cut_off(stream).await;
    }
    let mut first = [0; 1];
    let waits = timeout(std::time::Duration::from_millis(50), silent[0].read(&mut first)).await;
    assert!(waits.is_err(), "the first have their time");
    agent.assert_serves().await;
}

#[tokio::test]
async fn silence_after_the_handshake_is_cut_off() {
    let agent = Running::start(&[("limits.handshake_timeout", "300ms")]).await;
    let config = client_config(&agent.pki, Some(&agent.pki.client("mute", &["reader"])));
    let mut mute = agent.tls(config).await.unwrap();
    assert_cut_off(&mut mute).await;
    agent.assert_serves().await;
}

#[tokio::test]
async fn one_caller_cannot_take_all_connections() {
    let agent = Running::start(&[("limits.connections_per_principal", "2")]).await;
    let greedy = agent.pki.client("greedy", &["reader"]);
    let mut open = Vec::new();
    for _ in 0..2 {
        let channel = agent.channel(&greedy).await.unwrap();
        AgentServiceClient::new(channel.clone()).get_info(GetInfoRequest {}).await.unwrap();
        open.push(channel);
    }
    agent.get_info(&greedy).await.expect_err("a third connection");
    agent.assert_serves().await;
    drop(open);
    // Their places are free again as soon as the agent has noticed.
    timeout(PATIENCE, async { while agent.get_info(&greedy).await.is_err() {} }).await.unwrap();
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let agent = Running::start(&[("limits.connections", "1")]).await;
    let first = agent.channel(&agent.pki.client("first", &["reader"])).await.unwrap();
    AgentServiceClient::new(first.clone()).get_info(GetInfoRequest {}).await.unwrap();
    agent.get_info(&agent.pki.client("second", &["reader"])).await.unwrap_err();
    // The first one is served on.
    AgentServiceClient::new(first).get_info(GetInfoRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let agent = Running::start(&[("limits.request_size", "1KiB")]).await;
    let channel = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let ask = |length| tonic_health::pb::HealthCheckRequest { service: "x".repeat(length) };
    assert_eq!(health.check(ask(900)).await.unwrap_err().code(), Code::NotFound);
    for length in [1100, 3 << 20] {
        assert_eq!(health.check(ask(length)).await.unwrap_err().code(), Code::OutOfRange, "{length} bytes");
    }
    agent.assert_serves().await;
}

#[tokio::test]
async fn a_header_list_that_is_too_large_is_refused() {
    let agent = Running::start(&[]).await;
    let channel = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    let mut client = AgentServiceClient::new(channel);
    let mut request = tonic::Request::new(GetInfoRequest {});
    request.metadata_mut().insert("x-large", "x".repeat(20 << 10).parse().unwrap());
    client.get_info(request).await.unwrap_err();
    agent.assert_serves().await;
}

/// A body that begins and never ends.
struct Endless(Option<&'static [u8]>);

impl Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(bytes) => std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes))))),
            None => std::task::Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let agent = Running::start(&[("limits.request_timeout", "200ms")]).await;
    let config = client_config(&agent.pki, Some(&agent.pki.client("slow", &["reader"])));
    let tls = agent.tls(config).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://agent/procwire.v1.AgentService/GetInfo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Endless(Some(&[0, 0, 0, 0, 9, 1])))
        .unwrap();
    let response = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("limits.request_timeout = 200ms"), "{status}");
}

#[tokio::test]
async fn calls_beyond_the_limit_of_a_connection_wait_their_turn() {
    let agent = Running::start(&[("limits.concurrent_streams", "2")]).await;
    let channel = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    // After the first answer the client knows the limit; before, it may exceed it and is refused, as HTTP/2 has it.
    AgentServiceClient::new(channel.clone()).get_info(GetInfoRequest {}).await.unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let mut client = AgentServiceClient::new(channel.clone());
            tokio::spawn(async move { client.get_info(GetInfoRequest {}).await.map(drop) })
        })
        .collect();
    for call in calls {
        timeout(PATIENCE, call).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_cut_off() {
    let agent = Running::start(&[("limits.keepalive_interval", "1s"), ("limits.keepalive_timeout", "1s")]).await;
    let config = client_config(&agent.pki, Some(&agent.pki.client("dead", &["reader"])));
    let mut tls = agent.tls(config).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut tls, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    assert_cut_off(&mut tls).await;
}
