//! How connections and the agent end.

use procwire_agent::RunError;
use procwire_proto::v1::{GetInfoRequest, agent_service_client::AgentServiceClient};
use tokio::{net::TcpStream, time::timeout};
use tonic_health::{ServingStatus, pb::HealthCheckRequest, pb::health_client::HealthClient};

use crate::harness::{PATIENCE, Running, client_config};

#[tokio::test]
async fn a_watcher_hears_that_the_agent_stops_and_nobody_is_cut_off() {
    let mut agent = Running::start(&[]).await;
    let channel = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    let mut health = HealthClient::new(channel);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, ServingStatus::Serving as i32);
    agent.ask_to_stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status, ServingStatus::NotServing as i32);
    assert!(watch.message().await.unwrap().is_none());
    let address = agent.address;
    agent.ended().await.unwrap();
    TcpStream::connect(address).await.expect_err("the port is closed");
}

#[tokio::test]
async fn an_idle_connection_and_a_half_made_one_do_not_hold_up_the_end() {
    let mut agent = Running::start(&[("limits.shutdown_grace", "1h"), ("limits.handshake_timeout", "1m")]).await;
    let idle = agent.channel(&agent.pki.client("reader", &["reader"])).await.unwrap();
    AgentServiceClient::new(idle.clone()).get_info(GetInfoRequest {}).await.unwrap();
    let _half_made = TcpStream::connect(agent.address).await.unwrap();
    agent.ask_to_stop();
    agent.ended().await.unwrap();
}

#[tokio::test]
async fn who_does_not_leave_is_cut_off_when_the_grace_is_over() {
    let mut agent = Running::start(&[("limits.shutdown_grace", "0s")]).await;
    let config = client_config(&agent.pki, Some(&agent.pki.client("stuck", &["reader"])));
    let mut stuck = agent.tls(config).await.unwrap();
    // Speaks HTTP/2 as far as it must and never again, not even to say that it leaves.
    tokio::io::AsyncWriteExt::write_all(&mut stuck, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    agent.assert_serves().await;
    agent.ask_to_stop();
    match agent.ended().await {
        Ok(()) | Err(RunError::CutOff { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_old_connection_is_closed_and_the_client_comes_back() {
    let agent = Running::start(&[("limits.connection_age", "1s")]).await;
    let reader = agent.pki.client("reader", &["reader"]);
    let channel = agent.channel(&reader).await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    // The stream ends in order, not with an error and not with "not serving".
    assert!(timeout(PATIENCE, watch.message()).await.unwrap().unwrap().is_none());
    AgentServiceClient::new(channel).get_info(GetInfoRequest {}).await.unwrap();
}
