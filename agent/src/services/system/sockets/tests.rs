#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpListener;

use procwire_proto::v1::{ListSocketsRequest, ListSocketsResponse, SocketPredicate, SocketState};
use tokio_stream::StreamExt as _;

use super::*;
use crate::{
    access::Role,
    services::{
        system::SystemService,
        testing::{context, pool, request_of},
    },
};

async fn list(request: ListSocketsRequest) -> Vec<ListSocketsResponse> {
    let (context, _trigger) = context();
    let service = SystemService::new(context.clone(), pool(&context));
    let mut stream = service.sockets(request_of(Role::Inspector, request)).unwrap();
    let mut messages = Vec::new();
    while let Some(message) = stream.next().await {
        messages.push(message.unwrap().decode().unwrap());
    }
    messages
}

#[tokio::test]
async fn a_list_begins_with_its_header_and_ends_with_its_summary() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().into();
    let allow = vec![SocketPredicate {
        local_ports: vec![port],
        states: vec![SocketState::Listen.into()],
        ..Default::default()
    }];
    let messages = list(ListSocketsRequest { allow, with_holders: true, ..Default::default() }).await;
    assert_eq!(messages.len(), 1);
    let ListSocketsResponse { header, sockets, summary } = messages.into_iter().next().unwrap();
    assert!(header.unwrap().sampled.unwrap().monotonic_ns > 0);
    assert_eq!(sockets.len(), 1);
    assert_eq!(sockets[0].state(), SocketState::Listen);
    let holder = sockets[0].holders.iter().find(|holder| holder.r#ref.as_ref().unwrap().pid == std::process::id());
    assert!(holder.is_some());
    let summary = summary.unwrap();
    assert_eq!((summary.returned, summary.network_namespaces), (1, 1));
    assert!(summary.read_ns > 0);
}

#[tokio::test]
async fn a_limit_cuts_the_list_and_the_summary_says_how_many_came() {
    let _listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let messages = list(ListSocketsRequest { limit: 2, ..Default::default() }).await;
    assert_eq!(messages.iter().map(|message| message.sockets.len()).sum::<usize>(), 2);
    assert_eq!(messages.last().unwrap().summary.as_ref().unwrap().returned, 2);
}

#[tokio::test]
async fn so_many_lists_are_open_at_a_time() {
    let (context, _trigger) = context();
    let service = SystemService::new(context.clone(), pool(&context));
    let open = || service.sockets(request_of(Role::Inspector, ListSocketsRequest { limit: 1, ..Default::default() }));
    let mut streams: Vec<_> = std::iter::repeat_with(open).take(20).map_while(Result::ok).collect();
    assert_eq!(streams.len(), 4);
    assert_eq!(open().err().unwrap().code(), tonic::Code::ResourceExhausted);
    streams.pop();
    let makes_room = async {
        while open().is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), makes_room).await.unwrap();
}

#[test]
fn chunks_go_on_where_the_last_one_ended() {
    let _sockets: Vec<_> = (0..40).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let (context, _trigger) = context();
    let reading = Reading::take(&context.host, &SocketQuery::default(), usize::MAX, &AtomicBool::new(false)).unwrap();
    let whole = reading.table.len();
    assert!(whole >= 40);
    for first in [0, whole / 2, whole - 1] {
        let (mut next, mut rows) = (Some(first), 0);
        while let Some(begin) = next {
            let piece = reading.piece(begin);
            let message = <ListSocketsResponse as prost::Message>::decode(piece.message).unwrap();
            assert_eq!(message.header.is_some(), begin == 0);
            assert_eq!(message.summary.map(|summary| summary.returned as usize), piece.next.is_none().then_some(whole));
            rows += message.sockets.len();
            assert_eq!(piece.next.unwrap_or(whole), first + rows);
            next = piece.next;
        }
        assert_eq!(rows, whole - first);
    }
}

#[tokio::test]
async fn a_reading_that_nobody_waits_for_is_told_to_stop() {
    let stop = StopOnDrop::default();
    let flag = stop.flag();
    drop(stop);
    assert!(flag.load(std::sync::atomic::Ordering::Relaxed));
    let (context, _trigger) = context();
    let query = SocketQuery { with_holders: true, ..SocketQuery::default() };
    let stopped = Reading::take(&context.host, &query, usize::MAX, &flag).unwrap();
    assert!(stopped.table.is_empty(), "the first row was the last");
}
