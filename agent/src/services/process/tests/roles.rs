//! Each class of data with each role, of a process that has a secret in everything.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{
    os::unix::process::CommandExt as _,
    process::{Child, Command},
};

use procwire_proto::{
    FieldMask,
    v1::{
        BytesMatch, ErrorReason, FieldErrorReason, ProcessFilter, ProcessPredicate, bytes_match::Match,
        get_process_request::Target as WireTarget, process_service_server::ProcessService as _,
    },
};
use tokio_stream::StreamExt as _;

use super::*;
use crate::{access::Role, services::testing::request_of};

const SECRET: &str = "hunter2hunter2";

/// Sleeps with a secret in its arguments and its environment. Ended with the test.
struct Keeper(Child);

impl Keeper {
    fn start() -> Self {
        // A shell takes any arguments, and keeps them while it waits.
        let child = Command::new("sh")
            .arg0("keeper")
            .args(["-c", "while :; do sleep 60; done", "keeper", &format!("--password={SECRET}")])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("API_TOKEN", SECRET)
            .env("PLAIN", "visible")
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The whole group: the shell and its sleep.
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

async fn get(service: &ProcessService, role: Role, pid: u32, paths: &[&str]) -> procwire_proto::v1::Process {
    let read_mask = Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() });
    let request = GetProcessRequest { target: Some(WireTarget::Pid(pid)), read_mask, usage_window: None };
    service.get_process(request_of(role, request)).await.unwrap().into_inner().process.unwrap()
}

fn said(row: &procwire_proto::v1::Process) -> Vec<(&str, FieldErrorReason)> {
    row.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
}

async fn lists(service: &ProcessService, role: Role, pid: u32, pattern: &str) -> Result<bool, Status> {
    let cmdline = Some(BytesMatch { r#match: Some(Match::Regex(pattern.to_owned())) });
    let predicate = ProcessPredicate { pids: vec![pid], cmdline, ..Default::default() };
    let filter = Some(ProcessFilter { allow: vec![predicate], deny: vec![] });
    let request = ListProcessesRequest { filter, ..Default::default() };
    let stream = service.list_processes(request_of(role, request)).await?.into_inner();
    let messages: Vec<_> = stream.map(Result::unwrap).collect().await;
    Ok(messages.iter().any(|message| !message.processes.is_empty()))
}

/// Waits until it runs the program that it was started for.
async fn keeper(service: &ProcessService) -> Keeper {
    let keeper = Keeper::start();
    while !lists(service, Role::Admin, keeper.0.id(), SECRET).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    keeper
}

#[tokio::test]
async fn command_lines_are_scrubbed_below_inspector_and_no_filter_tells_what_is_masked() {
    let (service, _trigger) = service();
    let keeper = keeper(&service).await;
    let pid = keeper.0.id();
    for role in Role::ALL {
        let row = get(&service, role, pid, &["cmdline", "cmdline_raw"]).await;
        let sees = role >= Role::Inspector;
        let shows = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(SECRET);
        assert_eq!(row.cmdline.iter().any(|argument| shows(argument)), sees, "{role}: {row:?}");
        assert_eq!(row.cmdline_raw.as_deref().is_some_and(shows), sees, "{role}: {row:?}");
        let masked = [("cmdline", FieldErrorReason::Redacted), ("cmdline_raw", FieldErrorReason::Redacted)];
        let mut found = said(&row);
        found.sort_unstable_by_key(|(path, _)| path.len());
        assert_eq!(found, if sees { &[][..] } else { &masked }, "{role}");
        assert_eq!(lists(&service, role, pid, &SECRET[..8]).await.unwrap(), sees, "{role}");
        assert!(lists(&service, role, pid, "--password=").await.unwrap(), "{role}");
    }
}

#[tokio::test]
async fn environments_are_withheld_named_or_masked() {
    let (service, _trigger) = service();
    let keeper = keeper(&service).await;
    for role in Role::ALL {
        let row = get(&service, role, keeper.0.id(), &["environ"]).await;
        let variable = |name: &str| row.environ.iter().find(|variable| variable.name == name.as_bytes());
        if role == Role::Reader {
            assert_eq!((row.environ.len(), said(&row)), (0, vec![("environ", FieldErrorReason::Redacted)]));
            continue;
        }
        let (plain, token) = (variable("PLAIN").unwrap(), variable("API_TOKEN").unwrap());
        let values = role == Role::Admin;
        assert_eq!((plain.value.as_deref(), plain.redacted), (values.then_some(&b"visible"[..]), !values), "{role}");
        assert!(token.redacted && token.value.as_deref() != Some(SECRET.as_bytes()), "{role}: {token:?}");
    }
}

#[tokio::test]
async fn files_sockets_and_mappings_need_an_inspector_and_what_everyone_sees_does_not() {
    let (service, _trigger) = service();
    let own = std::process::id();
    for role in Role::ALL {
        let classified = ["memory_maps", "open_files", "sockets", "memory_map_groups"];
        let row = get(&service, role, own, &classified).await;
        if role == Role::Reader {
            assert_eq!(said(&row), classified.map(|path| (path, FieldErrorReason::Redacted)));
            assert!(row.memory_maps.is_empty() && row.open_files.is_empty() && row.memory_map_groups.is_empty());
        } else {
            assert!(said(&row).is_empty(), "{role}: {:?}", row.errors);
            assert!(!row.memory_maps.is_empty() && !row.open_files.is_empty() && !row.memory_map_groups.is_empty());
        }
        let row = get(&service, role, own, &["exe", "cwd", "root", "memory_footprint", "threads", "fd_count"]).await;
        assert!(row.exe.is_some() && row.cwd.is_some() && row.root.is_some() && row.memory_footprint.is_some());
        assert!(!row.threads.is_empty() && row.fd_count.is_some() && row.errors.is_empty(), "{role}: {:?}", row.errors);
    }
}

#[tokio::test]
async fn who_may_not_see_sockets_cannot_find_them_out_by_a_filter() {
    let (service, _trigger) = service();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    for role in Role::ALL {
        let predicate = ProcessPredicate { listening_ports: vec![port], ..Default::default() };
        let filter = Some(ProcessFilter { allow: vec![predicate], deny: vec![] });
        let answer =
            service.list_processes(request_of(role, ListProcessesRequest { filter, ..Default::default() })).await;
        if role == Role::Reader {
            let status = answer.err().unwrap();
            let details = tonic_types::StatusExt::get_error_details(&status);
            assert_eq!(details.error_info().unwrap().reason, ErrorReason::RoleMissing.as_code());
            let field = &details.bad_request().unwrap().field_violations[0].field;
            assert_eq!(field, "filter.allow[0].listening_ports");
            continue;
        }
        let messages: Vec<_> = answer.unwrap().into_inner().map(Result::unwrap).collect().await;
        let pids: Vec<u32> = messages.iter().flat_map(|message| &message.processes).map(|row| row.pid).collect();
        assert_eq!(pids, [std::process::id()], "{role}");
    }
}
