//! Readers that are slow or never read: they lose what they miss, and nobody else notices.

use std::time::Duration;

use procwire_client::SystemEvent;
use procwire_proto::{
    FieldMask,
    v1::{
        ListProcessesRequest, WatchSystemRequest, WatchSystemResponse, process_service_client::ProcessServiceClient,
        system_service_client::SystemServiceClient, watch_system_response::Event,
    },
};
use procwire_tests::{
    Agent, Identity, Role,
    raw::{Connection, Paused},
    waiting::{PATIENCE, eventually_async, within_patience},
};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::made_up_proc;

const INTERVAL: Duration = Duration::from_millis(10);

fn request() -> WatchSystemRequest {
    WatchSystemRequest {
        read_mask: Some(FieldMask { paths: vec!["*".to_owned()] }),
        interval: Some(prost_types::Duration { seconds: 0, nanos: 10_000_000 }),
        resume_token: Vec::new(),
        resume_after_seq: 0,
    }
}

/// Opens a stream over a connection that grants the agent only this many bytes before it has read them.
async fn narrow_watch(agent: &Agent, window_bytes: u32) -> tonic::Streaming<WatchSystemResponse> {
    let connection = Connection::open_narrow(agent, &agent.pki.client(Role::Reader), window_bytes).await;
    SystemServiceClient::with_origin(connection, Connection::origin())
        .watch_system(request())
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_told_what_it_missed_and_others_miss_nothing() {
    let agent = Agent::options().set("limits.stream_lag", "5m").set("limits.stream_interval_min", "10ms").start();
    let mut slow = narrow_watch(&agent, 1024).await;
    let client = agent.client(Role::Admin);
    let watch = client.system().watch().fields(["*"]).interval(INTERVAL).reconnect(false);
    let mut quick = watch.await.unwrap();

    // The slow one reads nothing while the quick one gets far more than the agent keeps for anyone, and all of it.
    let (mut samples, mut last_seq) = (0, None);
    while samples < 200 {
        match within_patience("the next event", quick.next()).await.unwrap().unwrap() {
            SystemEvent::Sample { seq, .. } => {
                assert!(last_seq.is_none_or(|last| seq == last + 1), "{seq} after {last_seq:?}");
                last_seq = Some(seq);
                samples += 1;
            }
            SystemEvent::Loss(loss) => panic!("the quick reader lost {loss:?}"),
            _ => {}
        }
    }

    let mut last_seq = 0;
    loop {
        let message = within_patience("the next message", slow.message()).await.unwrap().unwrap();
        assert!(message.seq > last_seq, "{} after {last_seq}", message.seq);
        if let Some(Event::Loss(loss)) = message.event {
            assert!(client.agent().status().await.unwrap().messages_lost >= loss.count);
            assert_eq!(loss.count, loss.last_seq - loss.first_seq + 1);
            assert!(
                loss.first_seq > last_seq && message.seq > loss.last_seq,
                "{loss:?} within {last_seq}..{}",
                message.seq
            );
            break;
        }
        last_seq = message.seq;
    }
}

#[tokio::test]
async fn a_reader_that_reads_nothing_for_too_long_is_cut_off() {
    let agent = Agent::options().set("limits.stream_lag", "1s").set("limits.stream_interval_min", "10ms").start();
    let client = agent.client(Role::Admin);
    let mut slow = narrow_watch(&agent, 1024).await;
    eventually_async("the agent to end the stream", || async {
        (client.agent().status().await.unwrap().streams == 0).then_some(())
    })
    .await;
    let end = within_patience("the end of the stream", async {
        loop {
            match slow.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(status) => return Some(status),
            }
        }
    })
    .await
    .expect("a stream that is cut off does not look complete");
    assert!(end.code() != tonic::Code::Ok, "{end:?}");
    client.processes().list().await.unwrap();
}

#[tokio::test]
async fn a_client_that_asks_for_a_list_and_does_not_read_it_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    made_up_proc::fill(folder.path(), 3_000);
    let agent = Agent::options().set("limits.stream_lag", "1s").set("host.proc", folder.path().display()).start();
    let identity = agent.pki.client(Role::Reader);
    // How long is long enough depends on the machine; that it ends like this must not.
    let mut pause = Duration::from_secs(2);
    let end = loop {
        let end = read_after(&agent, &identity, pause).await;
        match end {
            Ok(()) if pause < PATIENCE => pause *= 2,
            end => break end,
        }
    };
    let status = end.expect_err("the list was kept for a reader who did not read");
    assert_eq!(status.code(), tonic::Code::DataLoss, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "CLIENT_TOO_SLOW");
    agent.client(Role::Admin).agent().info().await.unwrap();
}

/// Asks for a list, reads none of it for a while, then reads it to its end.
async fn read_after(agent: &Agent, identity: &Identity, pause: Duration) -> Result<(), Status> {
    let connection = Connection::open_narrow(agent, identity, 1024).await;
    let mut client = ProcessServiceClient::with_origin(connection, Connection::origin());
    let read_mask = Some(FieldMask { paths: vec!["*".to_owned()] });
    let mut answer =
        client.list_processes(ListProcessesRequest { read_mask, ..Default::default() }).await?.into_inner();
    tokio::time::sleep(pause).await;
    while answer.message().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn a_client_that_stops_reading_its_socket_is_disconnected() {
    let agent = Agent::options().set("limits.keepalive_interval", "1s").set("limits.keepalive_timeout", "1s").start();
    let client = agent.client(Role::Admin);
    let dead = Paused::open(&agent, &agent.pki.client(Role::Reader)).await;
    let connections = || async { client.agent().status().await.unwrap().connections };
    eventually_async("the dead connection to be closed", || async { (connections().await == 1).then_some(()) }).await;
    drop(dead);
}
