//! Tables larger than a gRPC message may be.

use procwire_proto::FieldMask;
use procwire_proto::v1::{ListProcessesRequest, process_service_client::ProcessServiceClient};
use procwire_tests::{Agent, Role, Victim, raw::Connection};
use prost::Message as _;

use crate::made_up_proc;

const MANY: u32 = 10_000;
/// Stated in the API as "about 256 KiB".
const LARGEST_MESSAGE_BYTES: usize = 300 * 1024;

#[tokio::test]
async fn ten_thousand_processes_come_in_chunks_of_less_than_300_kib() {
    let folder = tempfile::tempdir().unwrap();
    let pids = made_up_proc::fill(folder.path(), MANY);
    let agent = Agent::options().set("host.proc", folder.path().display()).start();
    let connection = Connection::open(&agent, &agent.pki.client(Role::Admin)).await;
    let mut client = ProcessServiceClient::with_origin(connection, Connection::origin());
    let read_mask = Some(FieldMask { paths: vec!["*".to_owned()] });
    let mut stream =
        client.list_processes(ListProcessesRequest { read_mask, ..Default::default() }).await.unwrap().into_inner();

    let (mut found, mut messages, mut summary) = (Vec::new(), 0, None);
    while let Some(message) = stream.message().await.unwrap() {
        let size = message.encoded_len();
        assert!(size < LARGEST_MESSAGE_BYTES, "message {messages} has {size} bytes");
        assert_eq!(message.header.is_some(), messages == 0, "the header comes first and once");
        assert!(summary.is_none(), "a message after the summary");
        found.extend(message.processes.iter().map(|process| process.pid));
        summary = message.summary;
        messages += 1;
    }
    assert_eq!(found, pids.collect::<Vec<_>>());
    assert_eq!(summary.unwrap().returned, MANY);
    assert!(messages > 5, "{messages} messages");
}

#[tokio::test]
async fn memory_does_not_grow_with_the_table() {
    let folder = tempfile::tempdir().unwrap();
    made_up_proc::fill(folder.path(), MANY);
    let agent = Agent::options().set("host.proc", folder.path().display()).start();
    let client = agent.client(Role::Admin);
    // The first calls make what stays: threads, buffers, the connection.
    client.processes().list().fields(["*"]).limit(500).await.unwrap();
    let before = agent.resident_bytes();
    let list = client.processes().list().fields(["*"]).await.unwrap();
    let table_bytes: u64 = list.processes.iter().map(|process| process.encoded_len() as u64).sum();
    let grown = agent.resident_bytes().saturating_sub(before);
    assert!(grown < table_bytes / 4, "the agent grew by {grown} bytes for a table of {table_bytes}");
}

#[tokio::test]
async fn two_thousand_real_processes_are_all_there() {
    let agent = Agent::start();
    let parent = Victim::start(&["spawn", "2000"]);
    let list = agent.client(Role::Reader).processes().list().await.unwrap();
    let children = list.processes.iter().filter(|process| process.ppid == Some(parent.pid()));
    assert_eq!(children.count(), 2000);
    assert!(list.processes.is_sorted_by_key(|process| process.pid));
}
