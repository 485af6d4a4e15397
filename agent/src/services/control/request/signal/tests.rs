#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::v1::{ControlScope, ErrorReason};

use super::*;

fn target(pid: u32) -> ProcessRef {
    ProcessRef { pid, start_ticks: 7, boot_id: vec![1; 16].into(), pidfd_inode: None }
}

fn request(targets: &[u32]) -> SignalProcessesRequest {
    let targets: Vec<_> = targets.iter().copied().map(target).collect();
    let confirm_count = u32::try_from(targets.len()).ok();
    SignalProcessesRequest { targets, signal: 10, confirm_count, ..Default::default() }
}

fn refused(request: &SignalProcessesRequest) -> (ErrorReason, String) {
    let failure = Signalling::parse(request).unwrap_err();
    (failure.reason(), failure.field().unwrap().to_owned())
}

fn invalid(field: &str) -> (ErrorReason, String) {
    (ErrorReason::InvalidRequest, field.to_owned())
}

#[test]
fn signals_are_those_that_the_kernel_delivers() {
    for signal in (1..=31).chain(34..=64) {
        assert_eq!(Signalling::parse(&SignalProcessesRequest { signal, ..request(&[5]) }).unwrap().signal, signal);
    }
    for signal in [i32::MIN, -1, 0, 32, 33, 65, i32::MAX] {
        assert_eq!(refused(&SignalProcessesRequest { signal, ..request(&[5]) }), invalid("signal"));
    }
}

#[test]
fn targets_are_whole_counted_and_named_once() {
    assert_eq!(refused(&request(&[])), invalid("targets"));
    assert_eq!(refused(&request(&[5; 1025])), invalid("targets"));
    assert_eq!(refused(&request(&[5, 0])), invalid("targets[1].pid"));
    assert_eq!(refused(&request(&[5, 6, 5])), invalid("targets[2]"));
    let most: Vec<u32> = (1..=1024).collect();
    assert_eq!(Signalling::parse(&request(&most)).unwrap().to_string(), "signal=USR1 scope=process targets=1024");
}

#[test]
fn references_that_differ_in_their_inode_are_two_processes() {
    let with = |inode| ProcessRef { pidfd_inode: inode, ..target(5) };
    let parse = |targets| Signalling::parse(&SignalProcessesRequest { targets, ..request(&[5, 6]) });
    parse(vec![with(Some(1)), with(Some(2))]).unwrap();
    for (first, second) in [(None, Some(2)), (Some(1), None), (Some(1), Some(1))] {
        let failure = parse(vec![with(first), with(second)]).unwrap_err();
        assert_eq!(failure.field(), Some("targets[1]"));
    }
}

#[test]
fn many_are_confirmed_by_their_number() {
    let mismatch = (ErrorReason::ConfirmCountMismatch, "confirm_count".to_owned());
    for confirm_count in [None, Some(0), Some(1), Some(3), Some(u32::MAX)] {
        assert_eq!(refused(&SignalProcessesRequest { confirm_count, ..request(&[5, 6]) }), mismatch);
    }
    for confirm_count in [Some(0), Some(2)] {
        assert_eq!(refused(&SignalProcessesRequest { confirm_count, ..request(&[5]) }), mismatch);
    }
    Signalling::parse(&SignalProcessesRequest { confirm_count: None, ..request(&[5]) }).unwrap();
    let dry = SignalProcessesRequest { dry_run: true, confirm_count: None, ..request(&[5, 6]) };
    Signalling::parse(&dry).unwrap();
    assert_eq!(refused(&SignalProcessesRequest { confirm_count: Some(3), ..dry }), mismatch);
}

#[test]
fn what_belongs_to_a_target_is_bounded() {
    let scoped = |scope: ControlScope, confirm_at_most| SignalProcessesRequest {
        scope: scope.into(),
        confirm_at_most,
        ..request(&[5, 6])
    };
    let parse =
        |scope, at_most| Signalling::parse(&scoped(scope, at_most)).map(|parsed| (parsed.scope, parsed.at_most));
    assert_eq!(parse(ControlScope::Unspecified, None).unwrap(), (Scope::Process, 2));
    assert_eq!(parse(ControlScope::Tree, None).unwrap(), (Scope::Tree, 2));
    assert_eq!(parse(ControlScope::Cgroup, Some(50)).unwrap(), (Scope::Cgroup, 50));
    for (scope, at_most) in [(ControlScope::Process, 2), (ControlScope::Tree, 1), (ControlScope::Cgroup, 0)] {
        assert_eq!(refused(&scoped(scope, Some(at_most))), invalid("confirm_at_most"));
    }
    for scope in [-1, 4] {
        assert_eq!(refused(&SignalProcessesRequest { scope, ..request(&[5]) }), invalid("scope"));
    }
}

#[test]
fn texts_have_a_longest_length() {
    assert_eq!(refused(&SignalProcessesRequest { reason: "x".repeat(1025), ..request(&[5]) }), invalid("reason"));
    let long_id = SignalProcessesRequest { request_id: "x".repeat(129), ..request(&[5]) };
    assert_eq!(refused(&long_id), invalid("request_id"));
}
