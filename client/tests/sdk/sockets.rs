//! Lists of sockets: whole, in chunks, empty, cut short, slow, dropped; and what is asked for.

use std::time::Duration;

use procwire_client::v1::{
    IpNetwork, ListSocketsHeader, ListSocketsRequest, ListSocketsResponse, ListSocketsSummary, SampleTime, Socket,
    SocketFamily, SocketPredicate, SocketState, SocketType,
};
use procwire_client::{ErrorKind, SocketSelect};
use tonic::Status;

use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn header() -> ListSocketsResponse {
    let sampled = SampleTime { monotonic_ns: 7, ..Default::default() };
    ListSocketsResponse { header: Some(ListSocketsHeader { sampled: Some(sampled) }), ..Default::default() }
}

fn rows(inodes: &[u64]) -> ListSocketsResponse {
    let sockets = inodes.iter().map(|&inode| Socket { inode: Some(inode), ..Default::default() }).collect();
    ListSocketsResponse { sockets, ..Default::default() }
}

fn summary(returned: u32) -> ListSocketsResponse {
    let summary = ListSocketsSummary { returned, ..Default::default() };
    ListSocketsResponse { summary: Some(summary), ..Default::default() }
}

#[tokio::test]
async fn a_list_is_put_together_from_its_chunks() {
    let agent = FakeAgent::default();
    let mut first = rows(&[1, 2]);
    first.header = header().header;
    agent.sockets.then([Step::Send(first), Step::Send(rows(&[])), Step::Send(rows(&[3])), Step::Send(summary(3))]);
    let list = agent.client().system().sockets().await.unwrap();
    assert_eq!(list.sockets.iter().filter_map(|socket| socket.inode).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(list.header.sampled.unwrap().monotonic_ns, 7);
    assert_eq!(list.summary.returned, 3);
    assert_eq!(agent.sockets.asked()[0].message, ListSocketsRequest::default());
}

#[tokio::test]
async fn a_host_without_sockets_has_an_empty_list() {
    let agent = FakeAgent::default();
    let mut only = summary(0);
    only.header = header().header;
    agent.sockets.then([Step::Send(only)]);
    let list = agent.client().system().sockets().await.unwrap();
    assert_eq!((list.sockets.len(), list.summary.returned), (0, 0));
}

#[tokio::test]
async fn a_stream_hands_out_rows_as_they_come() {
    let agent = FakeAgent::default();
    let steps = [header(), rows(&[1]), rows(&[2, 3]), summary(3)];
    agent.sockets.then(steps.map(Step::Send));
    let mut stream = agent.client().system().sockets().stream().await.unwrap();
    assert_eq!(stream.header().sampled.as_ref().unwrap().monotonic_ns, 7);
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 1);
    assert_eq!(stream.next().await.unwrap().unwrap().len(), 2);
    assert!(stream.summary().is_none());
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.summary().unwrap().returned, 3);
    assert_eq!(stream.next().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_left_of_a_stream_can_be_collected() {
    let agent = FakeAgent::default();
    let steps = [header(), rows(&[1]), rows(&[2]), rows(&[3]), summary(3)];
    agent.sockets.then(steps.map(Step::Send));
    let mut stream = agent.client().system().sockets().stream().await.unwrap();
    stream.next().await.unwrap();
    let rest = stream.collect().await.unwrap();
    assert_eq!(rest.sockets.iter().filter_map(|socket| socket.inode).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test]
async fn a_list_without_its_summary_was_cut_short() {
    let agent = FakeAgent::default();
    agent.sockets.then([Step::Send(header()), Step::Send(rows(&[1]))]).then([]).then([Step::Send(rows(&[1]))]);
    let client = agent.client();
    assert_eq!(client.system().sockets().await.unwrap_err().kind(), ErrorKind::CutShort);
    assert_eq!(client.system().sockets().await.unwrap_err().kind(), ErrorKind::CutShort);
    assert_eq!(client.system().sockets().await.unwrap_err().kind(), ErrorKind::Protocol, "no header");
}

#[tokio::test]
async fn a_list_that_fails_midway_gives_its_rows_and_then_the_error() {
    let agent = FakeAgent::default();
    agent.sockets.then([Step::Send(header()), Step::Send(rows(&[1])), Step::Fail(Status::internal("netlink"))]);
    let mut stream = agent.client().system().sockets().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap()[0].inode, Some(1));
    assert_eq!(stream.next().await.unwrap_err().kind(), ErrorKind::AgentFailed);
    assert_eq!(stream.next().await.unwrap(), None);
    assert!(stream.summary().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_whole_list() {
    let agent = FakeAgent::default();
    let slow = || [Step::Send(header()), Step::Pause(Duration::from_secs(40)), Step::Send(summary(0))];
    agent.sockets.then(slow()).then(slow());
    let client = agent.client();
    let error = client.system().sockets().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.operation(), "list sockets");
    client.system().sockets().timeout(Duration::from_secs(50)).await.unwrap();
}

#[tokio::test]
async fn dropping_a_stream_ends_it_at_the_agent() {
    let agent = FakeAgent::default();
    agent.sockets.then([Step::Send(header()), Step::Send(rows(&[1])), Step::Hang]);
    let mut stream = agent.client().system().sockets().stream().await.unwrap();
    stream.next().await.unwrap();
    drop(stream);
    agent.sockets.hung_up(1).await;
}

#[tokio::test]
async fn an_agent_that_is_not_available_is_asked_again() {
    let agent = FakeAgent::default();
    agent.sockets.then([Step::Fail(Status::unavailable("starting"))]);
    agent.sockets.then([Step::Send(header()), Step::Send(summary(0))]);
    agent.client().system().sockets().await.unwrap();
    assert_eq!(agent.sockets.asked().len(), 2);
}

#[tokio::test]
async fn what_is_set_reaches_the_agent() {
    let agent = FakeAgent::default();
    agent.sockets.then([Step::Send(header()), Step::Send(summary(0))]);
    let servers = SocketSelect::new().tcp().udp().inet4().listening().local_port(80).local_port(443);
    let everything_else = SocketSelect::new()
        .unix()
        .inet()
        .family(SocketFamily::Vsock)
        .socket_type(SocketType::Stream)
        .protocol(262)
        .state(SocketState::TimeWait)
        .remote_port(5432)
        .local_network("127.0.0.0/8".parse().unwrap())
        .remote_network("fe80::/10".parse().unwrap())
        .pid(4242)
        .uid(33)
        .namespace(4_026_531_840)
        .unix_path(b"\0name")
        .inode(99);
    let call = agent.client().system().sockets().matching(servers).matching(everything_else);
    call.with_holders().all_network_namespaces().limit(9).await.unwrap();

    let servers = SocketPredicate {
        protocols: vec![6, 17],
        families: vec![SocketFamily::Inet.into()],
        states: vec![SocketState::Listen.into()],
        local_ports: vec![80, 443],
        ..Default::default()
    };
    let families = [SocketFamily::Unix, SocketFamily::Inet, SocketFamily::Inet6, SocketFamily::Vsock];
    let mut link_local = vec![0; 16];
    link_local[..2].copy_from_slice(&[0xfe, 0x80]);
    let everything_else = SocketPredicate {
        families: families.map(i32::from).to_vec(),
        types: vec![SocketType::Stream.into()],
        states: vec![SocketState::TimeWait.into()],
        local_ports: vec![],
        remote_ports: vec![5432],
        local_networks: vec![IpNetwork { ip: vec![127, 0, 0, 0], prefix_length: 8 }],
        remote_networks: vec![IpNetwork { ip: link_local, prefix_length: 10 }],
        pids: vec![4242],
        protocols: vec![262],
        uids: vec![33],
        network_namespaces: vec![4_026_531_840],
        unix_paths: vec![b"\0name".to_vec()],
        inodes: vec![99],
    };
    let asked = ListSocketsRequest {
        allow: vec![servers, everything_else],
        with_holders: true,
        all_network_namespaces: true,
        limit: 9,
    };
    assert_eq!(agent.sockets.asked()[0].message, asked);
}
