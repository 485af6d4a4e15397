#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::{
    Duration as WireDuration,
    v1::{ControlScope, ErrorReason},
};

use super::*;
use crate::services::control::request::signal_name;

fn target() -> ProcessRef {
    ProcessRef { pid: 4242, start_ticks: 7, boot_id: vec![1; 16].into(), pidfd_inode: None }
}

fn request() -> TerminateProcessesRequest {
    TerminateProcessesRequest { targets: vec![target()], ..Default::default() }
}

fn refused(request: &TerminateProcessesRequest) -> (ErrorReason, String) {
    let failure = Termination::parse(request).unwrap_err();
    (failure.reason(), failure.field().unwrap().to_owned())
}

fn invalid(field: &str) -> (ErrorReason, String) {
    (ErrorReason::InvalidRequest, field.to_owned())
}

fn seconds(seconds: i64) -> Option<WireDuration> {
    Some(WireDuration { seconds, nanos: 0 })
}

#[test]
fn defaults_are_term_ten_seconds_kill_carry_on() {
    let termination = Termination::parse(&request()).unwrap();
    assert_eq!(termination.to_string(), "signal=TERM grace=10s then=kill scope=process on_disconnect=continue");
    assert_eq!((termination.targets, termination.at_most), (vec![target()], 1));
    assert!(!termination.dry_run);
}

#[test]
fn a_request_id_is_kept_or_made() {
    let given = TerminateProcessesRequest { request_id: "deploy-7".to_owned(), ..request() };
    assert_eq!(Termination::parse(&given).unwrap().request_id, "deploy-7");
    let made = Termination::parse(&request()).unwrap().request_id;
    assert_eq!(made.len(), 32);
    assert_ne!(made, Termination::parse(&request()).unwrap().request_id);
}

#[test]
fn targets_are_whole_and_each_once() {
    let none = TerminateProcessesRequest { targets: vec![], ..request() };
    assert_eq!(refused(&none), invalid("targets"));
    let twice = TerminateProcessesRequest { targets: vec![target(); 2], ..request() };
    assert_eq!(refused(&twice), invalid("targets[1]"));
    let too_many = TerminateProcessesRequest { targets: many(2000), ..request() };
    assert_eq!(refused(&too_many), invalid("targets"));
    let bare_pid = ProcessRef { pid: 7, ..Default::default() };
    let bare = TerminateProcessesRequest { targets: vec![target(), bare_pid], ..request() };
    assert_eq!(refused(&bare), invalid("targets[1].boot_id"));
    let most = TerminateProcessesRequest { targets: many(1024), confirm_count: Some(1024), ..request() };
    assert_eq!(Termination::parse(&most).unwrap().targets.len(), 1024);
}

fn many(count: u32) -> Vec<ProcessRef> {
    (1..=count).map(|pid| ProcessRef { pid, ..target() }).collect()
}

#[test]
fn more_than_one_target_is_counted_by_whoever_means_them_unless_it_is_a_trial() {
    let two = TerminateProcessesRequest { targets: many(2), ..request() };
    let mismatch = (ErrorReason::ConfirmCountMismatch, "confirm_count".to_owned());
    assert_eq!(refused(&two), mismatch);
    assert_eq!(refused(&TerminateProcessesRequest { confirm_count: Some(3), ..two.clone() }), mismatch);
    Termination::parse(&TerminateProcessesRequest { confirm_count: Some(2), ..two.clone() }).unwrap();
    Termination::parse(&TerminateProcessesRequest { dry_run: true, ..two }).unwrap();
}

#[test]
fn signals_are_those_of_the_kernel_that_can_end_a_process() {
    for signal in [1, 9, 15, 31, 34, 64] {
        let termination = Termination::parse(&TerminateProcessesRequest { signal, ..request() }).unwrap();
        assert_eq!(termination.signal, signal);
    }
    for signal in [-1, 19, 32, 33, 65, i32::MAX] {
        assert_eq!(refused(&TerminateProcessesRequest { signal, ..request() }), invalid("signal"));
    }
    assert_eq!((signal_name(9), signal_name(40)), ("KILL".to_owned(), "RT 40".to_owned()));
}

#[test]
fn grace_is_at_most_an_hour_and_nothing_only_before_a_kill() {
    let parse = |grace, then| {
        let request = TerminateProcessesRequest { grace, then, ..request() };
        Termination::parse(&request).map(|termination| termination.grace)
    };
    let (kill, give_up) = (Escalation::Kill.into(), Escalation::GiveUp.into());
    assert_eq!(parse(seconds(0), kill).unwrap(), Duration::ZERO);
    assert_eq!(parse(seconds(3600), give_up).unwrap(), LONGEST_GRACE);
    for (grace, then) in [(seconds(0), give_up), (seconds(-1), kill), (seconds(3601), kill)] {
        assert_eq!(parse(grace, then).unwrap_err().field(), Some("grace"));
    }
    let kill_first = TerminateProcessesRequest { signal: 9, ..request() };
    assert_eq!(Termination::parse(&kill_first).unwrap().grace, KILL_WAIT);
}

#[test]
fn numbers_that_no_enum_has_are_refused_by_field() {
    assert_eq!(refused(&TerminateProcessesRequest { then: 3, ..request() }), invalid("then"));
    assert_eq!(refused(&TerminateProcessesRequest { scope: -1, ..request() }), invalid("scope"));
    assert_eq!(refused(&TerminateProcessesRequest { on_disconnect: 9, ..request() }), invalid("on_disconnect"));
}

#[test]
fn what_belongs_to_a_target_may_be_more_than_it() {
    for scope in [ControlScope::Tree, ControlScope::Cgroup] {
        let request = |confirm_at_most| TerminateProcessesRequest { scope: scope.into(), confirm_at_most, ..request() };
        assert_eq!(Termination::parse(&request(None)).unwrap().at_most, 1);
        let termination = Termination::parse(&request(Some(30))).unwrap();
        assert_eq!(termination.at_most, 30);
        assert!(termination.to_string().ends_with(" confirm_at_most=30"), "{termination}");
        assert_eq!(refused(&request(Some(0))), invalid("confirm_at_most"));
    }
    let alone = TerminateProcessesRequest { confirm_at_most: Some(1), ..request() };
    assert_eq!(refused(&alone), invalid("confirm_at_most"));
}

#[test]
fn texts_have_a_longest_length() {
    assert_eq!(refused(&TerminateProcessesRequest { reason: "x".repeat(1025), ..request() }), invalid("reason"));
    assert_eq!(refused(&TerminateProcessesRequest { request_id: "x".repeat(129), ..request() }), invalid("request_id"));
}

#[test]
fn a_wrong_count_stops_everything() {
    for count in [0, 2] {
        let request = TerminateProcessesRequest { confirm_count: Some(count), ..request() };
        assert_eq!(refused(&request), (ErrorReason::ConfirmCountMismatch, "confirm_count".to_owned()));
    }
    Termination::parse(&TerminateProcessesRequest { confirm_count: Some(1), ..request() }).unwrap();
}
