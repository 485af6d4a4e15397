#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod fixture;
mod hanging;
mod roles;
mod selection;

use std::time::Duration;

use procwire_proto::{
    FieldMask, ProcessFieldSet,
    v1::{
        FieldErrorReason, ListProcessesSummary, ProcessRef, get_process_request,
        process_service_server::ProcessService as _,
    },
};
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;
use crate::{
    access::Role,
    policy::Sight,
    services::testing::{context, pool, reference, request_of},
    shutdown::ShutdownTrigger,
};

fn service() -> (ProcessService, ShutdownTrigger) {
    let (context, trigger) = context();
    let pool = pool(&context);
    (ProcessService::new(context, pool), trigger)
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

async fn list(service: &ProcessService, request: ListProcessesRequest) -> Vec<ListProcessesResponse> {
    let stream = service.list_processes(request_of(Role::Reader, request)).await.unwrap().into_inner();
    stream.map(Result::unwrap).collect().await
}

#[tokio::test]
async fn a_list_has_its_header_first_its_summary_last_and_this_process_in_between() {
    let (service, _trigger) = service();
    let messages =
        list(&service, ListProcessesRequest { read_mask: mask(&["name", "oom"]), ..Default::default() }).await;
    let header = messages[0].header.as_ref().unwrap();
    assert_eq!(header.effective_mask, mask(&["name", "oom"]));
    assert!(header.sampled.is_some() && messages.iter().all(|message| message.sampled.is_some()));
    assert!(messages.iter().skip(1).all(|message| message.header.is_none()));
    let (last, before) = messages.split_last().unwrap();
    assert!(before.iter().all(|message| message.summary.is_none()));
    let rows: Vec<_> = messages.iter().flat_map(|message| &message.processes).collect();
    let ListProcessesSummary { listed, returned, vanished, filtered, read_ns, unjudged } = last.summary.unwrap();
    assert_eq!((usize::try_from(returned).unwrap(), filtered, unjudged), (rows.len(), 0, 0));
    assert_eq!(listed, returned + vanished);
    assert!(read_ns > 0);
    assert!(rows.is_sorted_by_key(|row| row.pid));
    let own = rows.iter().find(|row| row.pid == std::process::id()).unwrap();
    assert!(own.name.is_some() && own.oom.is_some() && own.errors.is_empty() && own.ppid.is_none());
}

#[tokio::test]
async fn a_limit_ends_the_list_early() {
    let (service, _trigger) = service();
    let messages = list(&service, ListProcessesRequest { limit: 1, ..Default::default() }).await;
    assert_eq!(messages.len(), 1);
    let summary = messages[0].summary.unwrap();
    assert_eq!((messages[0].processes.len(), summary.returned), (1, 1));
    assert!(summary.listed >= 1);
}

#[tokio::test]
async fn a_long_list_comes_in_chunks_that_the_caller_pulls() {
    let (service, _trigger) = service();
    let pids: Arc<[u32]> = vec![std::process::id(); 500].into();
    let fields = ProcessFieldSet::default_get();
    let reading = Reading::new(fields, &Sight::of_roles([Role::Admin].into_iter().collect()), Selection::default());
    let scan = Scan::over(Arc::clone(&service.source), reading, pids);
    let mut stream = Outgoing::new(scan, Duration::from_secs(60), service.context.host_name.clone());
    let mut rows = 0;
    let mut messages = 0;
    while let Some(message) = stream.next().await {
        let message: ListProcessesResponse = message.unwrap().decode().unwrap();
        assert!(prost::Message::encoded_len(&message) <= chunk::CHUNK_BYTES + 1024);
        rows += message.processes.len();
        messages += 1;
    }
    assert_eq!(rows, 500);
    assert!(messages > 1, "{messages} messages");
}

#[tokio::test]
async fn a_caller_who_never_reads_is_cut_off_and_holds_no_thread() {
    let (service, _trigger) = service();
    let pids: Arc<[u32]> = vec![std::process::id(); 20_000].into();
    let fields = ProcessFieldSet::default_list();
    let reading = Reading::new(fields, &Sight::of_roles([Role::Admin].into_iter().collect()), Selection::default());
    let scan = Scan::over(Arc::clone(&service.source), reading, pids);
    let limit = Duration::from_millis(20);
    let mut stream = Outgoing::new(scan, limit, service.context.host_name.clone());
    while !stream.is_cut_short() {
        tokio::time::sleep(limit).await;
    }
    stream.next().await.unwrap().unwrap();
    let status = stream.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DataLoss);
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "CLIENT_TOO_SLOW");
    assert!(stream.next().await.is_none());
}

async fn get(service: &ProcessService, target: get_process_request::Target) -> Result<GetProcessResponse, Status> {
    let request = GetProcessRequest { target: Some(target), read_mask: mask(&["name"]), usage_window: None };
    service.get_process(request_of(Role::Reader, request)).await.map(Response::into_inner)
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn a_process_is_read_by_pid_or_by_reference_and_no_other_in_its_place() {
    let (service, _trigger) = service();
    let own = reference(&service.context, std::process::id());
    let by_pid = get(&service, get_process_request::Target::Pid(own.pid)).await.unwrap();
    assert!(by_pid.process.unwrap().name.is_some() && by_pid.sampled.is_some());
    get(&service, get_process_request::Target::Ref(own.clone())).await.unwrap();

    let reused = ProcessRef { start_ticks: own.start_ticks + 1, ..own.clone() };
    let status = get(&service, get_process_request::Target::Ref(reused)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "PID_REUSED"));

    let rebooted = ProcessRef { boot_id: vec![0; 16].into(), ..own };
    let status = get(&service, get_process_request::Target::Ref(rebooted)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "HOST_REBOOTED"));

    let status = get(&service, get_process_request::Target::Pid(ProcessRef::MAX_PID)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "PROCESS_GONE"));
    assert!(status.message().starts_with("test: no process has pid 4194304"), "{}", status.message());
}

#[tokio::test]
async fn a_process_that_hangs_its_reader_costs_its_slow_fields_and_not_the_list() {
    let (service, _trigger) = service();
    let own = std::process::id();
    let hung = stuck::Progress::new(Arc::clone(&service.source.stuck));
    assert!(hung.at(procwire_host::Half::Front, own, reading::Waits::ForLocks));
    hung.give_up();
    let request = ListProcessesRequest { read_mask: mask(&["ppid", "cmdline"]), ..Default::default() };
    let messages = list(&service, request.clone()).await;
    let row = |messages: &[ListProcessesResponse], pid| {
        messages.iter().flat_map(|message| message.processes.clone()).find(|row| row.pid == pid).unwrap()
    };
    let own_row = row(&messages, own);
    assert!(own_row.ppid.is_some() && own_row.cmdline.is_empty());
    assert_eq!((own_row.errors[0].path.as_str(), own_row.errors[0].reason()), ("cmdline", FieldErrorReason::Timeout));
    drop(hung.ended_on_drop());
    assert!(!row(&list(&service, request).await, own).cmdline.is_empty());
}
