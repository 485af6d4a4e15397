#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{fs, path::Path};

use procwire_host::{Machine, Roots};
use procwire_proto::{Duration as WireDuration, FieldMask, v1::ListCgroupsRequest};
use tokio_stream::StreamExt as _;

use super::*;
use crate::{
    access::Role,
    context::Context,
    services::{
        system::SystemService,
        testing::{context, pool, request_of},
    },
};

/// The services of a host whose groups are made.
fn context_of(root: &Path) -> Context {
    let roots = Roots { proc: root.join("proc"), sys: root.join("sys"), ..Roots::default() };
    fs::create_dir_all(roots.proc.join("self")).unwrap();
    fs::write(roots.proc.join("self/cgroup"), "0::/\n").unwrap();
    let machine = Machine {
        page_size_bytes: 4096,
        ticks_per_second: 100,
        boot_id: bytes::Bytes::from_static(b"0123456789abcdef"),
    };
    let (context, _trigger) = context();
    Context { host: Arc::new(Host::with_machine(roots, machine).unwrap()), ..context }
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join("sys/fs/cgroup").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn list(context: &Context, request: ListCgroupsRequest) -> Result<Vec<ListCgroupsResponse>, tonic::Status> {
    let service = SystemService::new(context.clone(), pool(context));
    let mut stream = service.cgroups(request_of(Role::Reader, request))?;
    let mut messages = Vec::new();
    while let Some(message) = stream.next().await {
        messages.push(message?.decode().unwrap());
    }
    Ok(messages)
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

#[tokio::test]
async fn a_large_tree_comes_in_messages_of_a_bounded_size() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "cgroup.controllers", "memory\n");
    let statistics: String = (0..200).map(|line| format!("a_rather_long_name_of_a_line_{line} {line}\n")).collect();
    for group in 0..100 {
        write(root.path(), &format!("group-{group}/memory.stat"), &statistics);
    }
    let request = ListCgroupsRequest { descendants: true, read_mask: mask(&["*"]), ..Default::default() };
    let messages = list(&context_of(root.path()), request).await.unwrap();
    assert!(messages.len() > 2, "{}", messages.len());
    assert!(messages.iter().all(|message| message.encoded_len() <= crate::services::list_message::CHUNK_BYTES + 1024));
    assert!(messages[0].header.as_ref().unwrap().sampled.is_some());
    assert_eq!(messages[0].header.as_ref().unwrap().effective_mask, Some(CgroupFieldSet::all_served().to_mask()));
    assert!(messages[1..].iter().all(|message| message.header.is_none()));
    let (last, before) = messages.split_last().unwrap();
    assert!(before.iter().all(|message| message.summary.is_none()));
    let summary = last.summary.as_ref().unwrap();
    assert_eq!((summary.returned, summary.errors.len()), (101, 0));
    assert!(summary.read_ns > 0);
    assert_eq!(messages.iter().map(|message| message.cgroups.len()).sum::<usize>(), 101);
}

#[tokio::test]
async fn what_is_used_over_a_window_is_measured_if_asked_for() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "cgroup.controllers", "cpu\n");
    write(root.path(), "a/cpu.stat", "usage_usec 1000\nuser_usec 1\nsystem_usec 1\n");
    let context = context_of(root.path());
    let ask = |mask| {
        let usage_window = Some(WireDuration { seconds: 0, nanos: 1_000_000 });
        let paths = vec![b"/a".to_vec()];
        list(&context, ListCgroupsRequest { paths, read_mask: mask, usage_window, ..Default::default() })
    };
    let cpu = |messages: Vec<ListCgroupsResponse>| messages[0].cgroups[0].cpu.unwrap();
    let measured = cpu(ask(mask(&["cpu.used_cpus", "cpu.usage_ns"])).await.unwrap());
    assert_eq!((measured.used_cpus, measured.usage_ns), (Some(0.0), Some(1_000_000)));
    assert_eq!(cpu(ask(mask(&["cpu.used_cpus"])).await.unwrap()).usage_ns, None);
    assert_eq!(cpu(ask(mask(&["cpu.usage_ns"])).await.unwrap()).used_cpus, None);
}

#[tokio::test]
async fn a_host_without_control_groups_says_so() {
    let root = tempfile::tempdir().unwrap();
    let status = list(&context_of(root.path()), ListCgroupsRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
    assert!(status.message().contains("sys/fs/cgroup"), "{status:?}");
}

#[tokio::test]
async fn so_many_lists_are_open_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "cgroup.controllers", "cpu\n");
    let context = context_of(root.path());
    let service = SystemService::new(context.clone(), pool(&context));
    let open = || service.cgroups(request_of(Role::Reader, ListCgroupsRequest::default()));
    let streams: Vec<_> = std::iter::repeat_with(open).take(20).map_while(Result::ok).collect();
    assert_eq!(streams.len(), 4);
    assert_eq!(open().err().unwrap().code(), tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn a_walk_that_nobody_waits_for_ends_with_the_first_group() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "cgroup.controllers", "cpu\n");
    write(root.path(), "a/cpu.stat", "");
    let host = context_of(root.path()).host;
    let query = GroupQuery { paths: Vec::new(), descendants: true, fields: bit::PATH, limit: usize::MAX };
    let mut walk =
        Walk { stage: Stage::New, held: None, before: UsageWindow::default(), has_room_in_window: true, read_ns: 0 };
    let Step::Message(message, is_last) = walk.step(&host, &query, false, &AtomicBool::new(true)).unwrap() else {
        unreachable!("no message")
    };
    assert!(!is_last);
    assert_eq!(ListCgroupsResponse::decode(message.into_bytes()).unwrap().cgroups.len(), 1);
}
