#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{io::Write as _, path::Path, thread};

use procwire_host::{Machine, Roots};
use procwire_proto::v1::ListUnitsRequest;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::{
    access::Role,
    config::ServicesConfig,
    context::Context,
    services::{
        system::SystemService,
        testing::{context, pool, request_of},
    },
    units::fake::{self, Answer, BUS, Run},
};

/// The services of a host with this `/run`, which wait this long for it.
fn context_of(run: &Path, timeout: Duration) -> Context {
    let roots = Roots { run: run.to_owned(), ..Roots::default() };
    let machine = Machine {
        page_size_bytes: 4096,
        ticks_per_second: 100,
        boot_id: bytes::Bytes::from_static(b"0123456789abcdef"),
    };
    let mut config = ServicesConfig::defaults().unwrap();
    config.limits.host_slow_timeout = timeout;
    let (context, _trigger) = context();
    Context { host: Arc::new(Host::with_machine(roots, machine).unwrap()), config: Arc::new(config), ..context }
}

const LONG: Duration = Duration::from_secs(60);

async fn list_within(
    run: &Run,
    role: Role,
    request: ListUnitsRequest,
    timeout: Duration,
) -> Result<(Vec<Unit>, ListUnitsSummary, usize), Status> {
    let context = context_of(run.path(), timeout);
    let service = SystemService::new(context.clone(), pool(&context));
    let mut stream = service.units(request_of(role, request))?;
    let (mut rows, mut summary, mut messages) = (Vec::new(), None, 0);
    while let Some(message) = stream.next().await {
        let message: ListUnitsResponse = message?.decode().unwrap();
        assert_eq!(message.header.is_some(), messages == 0);
        assert!(summary.is_none(), "the summary was the last");
        messages += 1;
        rows.extend(message.units);
        summary = message.summary;
    }
    Ok((rows, summary.unwrap(), messages))
}

async fn list(run: &Run, request: ListUnitsRequest) -> Result<(Vec<Unit>, ListUnitsSummary), Status> {
    list_within(run, Role::Reader, request, LONG).await.map(|(rows, summary, _)| (rows, summary))
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_error_details().error_info().unwrap().reason.clone())
}

fn unsupported() -> (Code, String) {
    (Code::Unimplemented, "UNSUPPORTED_BY_HOST".to_owned())
}

/// Some services and a device; nothing is known of those that `silent` names.
fn some_units(member: &str, _: &str) -> Answer {
    match member {
        "ListUnitsByPatterns" => Answer::Units(vec![
            fake::listed("ssh.service", "active"),
            fake::listed("cron.service", "failed"),
            fake::listed("dev-sda.device", "active"),
        ]),
        "GetAll" => Answer::Properties(fake::service(&["/usr/sbin/x", "--listen", "0.0.0.0", "--password", "geheim"])),
        other => unreachable!("{other} was called"),
    }
}

#[tokio::test]
async fn units_with_what_systemd_says_of_them() {
    let run = Run::booted();
    run.answer(BUS, some_units);
    let (rows, summary) = list(&run, ListUnitsRequest::default()).await.unwrap();
    assert_eq!((rows.len(), summary.returned), (3, 3));
    let expected = Unit {
        name: "ssh.service".to_owned(),
        description: "What ssh.service is".to_owned(),
        load_state: "loaded".to_owned(),
        active_state: "active".to_owned(),
        sub_state: "running".to_owned(),
        unit_file_state: "enabled".to_owned(),
        main_pid: Some(4711),
        memory_bytes: Some(7 << 20),
        tasks: None,
        restarts: Some(3),
        cgroup: Some(b"/system.slice/x.service".to_vec()),
        user: Some(String::new()),
        command: ["/usr/sbin/x", "--listen", "0.0.0.0", "--password", "***"].map(Into::into).to_vec(),
    };
    assert_eq!(rows[0], expected);
    let [masked] = summary.errors.as_slice() else { unreachable!("{:?}", summary.errors) };
    assert_eq!((masked.path.as_str(), masked.reason()), ("command", FieldErrorReason::Redacted));
}

#[tokio::test]
async fn secrets_of_commands_are_for_who_sees_command_lines() {
    let run = Run::booted();
    run.answer(BUS, some_units);
    let (rows, summary, _) = list_within(&run, Role::Inspector, ListUnitsRequest::default(), LONG).await.unwrap();
    assert_eq!(rows[0].command[4], b"geheim");
    assert!(summary.errors.is_empty());
}

#[tokio::test]
async fn patterns_and_states_choose_even_if_systemd_does_not() {
    let run = Run::booted();
    run.answer(BUS, |member, path| match member {
        // systemd before 230.
        "ListUnitsByPatterns" => Answer::Error("org.freedesktop.DBus.Error.UnknownMethod"),
        "ListUnits" => some_units("ListUnitsByPatterns", path),
        member => some_units(member, path),
    });
    let names = async |patterns: &[&str], active_states: &[&str]| -> Vec<String> {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let request = ListUnitsRequest { patterns: texts(patterns), active_states: texts(active_states) };
        list(&run, request).await.unwrap().0.into_iter().map(|unit| unit.name).collect()
    };
    assert_eq!(names(&["*.service"], &[]).await, ["ssh.service", "cron.service"]);
    assert_eq!(names(&[], &["active"]).await, ["ssh.service", "dev-sda.device"]);
    assert_eq!(names(&["c*", "*.device"], &["failed"]).await, ["cron.service"]);
    assert!(names(&["none"], &[]).await.is_empty());
    assert_eq!(names(&["[a-e]*", "*v*c*e*"], &["active"]).await, ["ssh.service", "dev-sda.device"]);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let bare = Run::bare();
    let none = list(&bare, ListUnitsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&none), unsupported());
    assert!(none.message().contains("systemd/system"), "{none:?}");

    let no_bus = list(&Run::booted(), ListUnitsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&no_bus), unsupported());
    assert!(no_bus.message().contains("dbus/system_bus_socket"), "{no_bus:?}");

    let left_over = Run::booted();
    drop(left_over.listen(BUS));
    assert_eq!(reason(&list(&left_over, ListUnitsRequest::default()).await.unwrap_err()), unsupported());

    let without_systemd = Run::booted();
    without_systemd.answer(BUS, |_, _| Answer::Error("org.freedesktop.DBus.Error.ServiceUnknown"));
    assert_eq!(reason(&list(&without_systemd, ListUnitsRequest::default()).await.unwrap_err()), unsupported());

    let refuses = Run::booted();
    refuses.answer(BUS, |_, _| Answer::Error("org.freedesktop.DBus.Error.AccessDenied"));
    let refused = list(&refuses, ListUnitsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::PermissionDenied, "AGENT_LACKS_PRIVILEGE".to_owned()));
}

#[tokio::test]
async fn a_unit_that_went_meanwhile_or_cannot_be_understood_is_a_row_and_an_error() {
    let run = Run::booted();
    run.answer(BUS, |member, path| match member {
        "GetAll" if path.ends_with("_73_73_68_2e_73_65_72_76_69_63_65") => {
            Answer::Error("org.freedesktop.DBus.Error.UnknownObject")
        }
        "GetAll" if path.contains("_63_72_6f_6e") => Answer::Text("no properties"),
        "GetAll" => {
            let odd = zbus::Variant::from("seven");
            Answer::Properties(
                [fake::service(&["/x"]), [("MainPID".to_owned(), odd)].into()].into_iter().flatten().collect(),
            )
        }
        member => some_units(member, path),
    });
    let (rows, summary) = list(&run, ListUnitsRequest::default()).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.main_pid.is_none() && !row.active_state.is_empty()));
    let errors: Vec<_> = summary.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    let invalid = FieldErrorReason::InvalidData;
    assert_eq!(
        errors,
        [("ssh.service", FieldErrorReason::ReadFailed), ("cron.service", invalid), ("dev-sda.device", invalid),]
    );
}

#[tokio::test]
async fn many_units_come_in_messages_and_all_of_them_do() {
    let run = Run::booted();
    run.answer(BUS, |member, _| match member {
        "GetAll" => Answer::Properties(fake::service(&["/bin/sh", &"x".repeat(200_000)])),
        _ => Answer::Units((0..150).map(|number| fake::listed(&format!("u{number}.service"), "active")).collect()),
    });
    let (rows, summary, messages) = list_within(&run, Role::Reader, ListUnitsRequest::default(), LONG).await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.name.clone()).collect();
    assert_eq!(names, (0..150).map(|number| format!("u{number}.service")).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row.command.concat().len() <= COMMAND_MAX_BYTES));
    assert_eq!((summary.returned, summary.errors.len()), (150, 64));
    assert!(messages > 30, "{messages}");
}

#[tokio::test]
async fn a_bus_that_hangs_is_cut_off() {
    let short = Duration::from_millis(50);
    let timed_out = (Code::DeadlineExceeded, "HOST_READ_TIMEOUT".to_owned());
    // Nobody takes the connection, nobody says hello, nobody lists, nobody tells of units.
    let asleep = Run::booted();
    let _listener = asleep.listen(BUS);
    let status = list_within(&asleep, Role::Reader, ListUnitsRequest::default(), short).await.unwrap_err();
    assert_eq!(reason(&status), timed_out);
    for silent in ["ListUnitsByPatterns", "GetAll"] {
        let run = Run::booted();
        run.answer(BUS, move |member, path| if member == silent { Answer::Silence } else { some_units(member, path) });
        let status = list_within(&run, Role::Reader, ListUnitsRequest::default(), short).await.unwrap_err();
        assert_eq!(reason(&status), timed_out, "{silent}");
    }
}

#[tokio::test]
async fn a_bus_that_talks_rubbish_is_an_error_of_the_host() {
    let failed = (Code::Internal, "HOST_READ_FAILED".to_owned());
    let rubbish: [&[u8]; 4] =
        [b"", b"HTTP/1.1 200 OK\r\n\r\n", &[0xff; 4096], b"OK 0123456789abcdef0123456789abcdef\r\nl\xff\xff\xff"];
    for text in rubbish {
        let run = Run::booted();
        let listener = run.listen(BUS);
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The agent may have hung up by now.
            let _ = stream.write_all(text);
        });
        let status = list(&run, ListUnitsRequest::default()).await.unwrap_err();
        assert_eq!(reason(&status), failed, "{text:?}: {status:?}");
        server.join().unwrap();
    }
    for member in ["ListUnitsByPatterns", "GetAll"] {
        for answer in [|| Answer::Text("rubbish"), || Answer::HangUp] {
            let run = Run::booted();
            run.answer(BUS, move |called, path| if called == member { answer() } else { some_units(called, path) });
            match (member, list(&run, ListUnitsRequest::default()).await) {
                ("GetAll", Ok((rows, summary))) => assert_eq!((rows.len(), summary.errors.len()), (3, 3)),
                (_, Err(status)) => assert_eq!(reason(&status), failed, "{status:?}"),
                (_, answered) => unreachable!("{answered:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_bus_that_never_ends_is_not_read_to_its_end() {
    let run = Run::booted();
    let listener = run.listen(BUS);
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = 0_u64;
        while let Ok(count) = stream.write(&[b'x'; 65_536]) {
            sent += count as u64;
        }
        sent
    });
    let status = list(&run, ListUnitsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), (Code::Internal, "HOST_READ_FAILED".to_owned()));
    // What it was sent, and what the socket held.
    assert!(server.join().unwrap() < 4 << 20);
}

#[tokio::test]
async fn the_connection_ends_with_the_list() {
    let run = Run::booted();
    let listener = run.listen(BUS);
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    let context = context_of(run.path(), LONG);
    let service = SystemService::new(context.clone(), pool(&context));
    let stream = service.units(request_of(Role::Reader, ListUnitsRequest::default())).unwrap();
    let (mut connection, _) = listener.accept().await.unwrap();
    drop(stream);
    let mut rest = Vec::new();
    // It ends: nobody holds it any more.
    tokio::time::timeout(LONG, tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut rest))
        .await
        .unwrap()
        .unwrap();
}

#[test]
fn a_command_is_cut_where_a_command_line_is() {
    let word = |bytes: usize| vec![b'x'; bytes];
    let mut whole = vec![word(60_000), word(1)];
    assert!(!cut(&mut whole));
    assert_eq!(whole.len(), 2);
    let mut long = vec![word(60_000), word(10_000), word(5)];
    assert!(cut(&mut long));
    assert_eq!(long.iter().map(Vec::len).collect::<Vec<_>>(), [60_000, 5_536]);
}
