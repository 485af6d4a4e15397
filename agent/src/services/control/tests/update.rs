use procwire_proto::{
    FieldMask,
    v1::{
        ErrorReason, IoClass, IoPriority, ProcessSettings, UpdateProcessRequest, UpdateProcessResponse,
        control_service_server::ControlService as _,
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::{access::Role, services::testing::request_of};

impl Fixture {
    async fn update(&self, request: UpdateProcessRequest) -> Result<UpdateProcessResponse, Status> {
        self.service.update_process(request_of(Role::Operator, request)).await.map(Response::into_inner)
    }
}

fn of(target: &ProcessRef, paths: &[&str], settings: ProcessSettings) -> UpdateProcessRequest {
    UpdateProcessRequest {
        r#ref: Some(target.clone()),
        settings: Some(settings),
        update_mask: Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() }),
        ..UpdateProcessRequest::default()
    }
}

fn nice(nice: i32) -> ProcessSettings {
    ProcessSettings { nice: Some(nice), ..ProcessSettings::default() }
}

fn sleeper(fixture: &Fixture) -> Target {
    let target = Target::script(&fixture.context, "echo ready; exec sleep 1000");
    let comm = format!("/proc/{}/comm", target.child.id());
    // It says that it is ready as a shell.
    while std::fs::read(&comm).unwrap() != b"sleep\n" {
        std::thread::yield_now();
    }
    target
}

/// Field 19 of stat.
fn nice_of(target: &Target) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", target.child.id())).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
}

fn adjustment_of(target: &Target) -> i32 {
    let text = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", target.child.id())).unwrap();
    text.trim().parse().unwrap()
}

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test]
async fn settings_are_changed_in_the_order_of_the_mask_and_read_back() {
    let fixture = fixture();
    let target = sleeper(&fixture);
    let before = (nice_of(&target), adjustment_of(&target));
    let settings = ProcessSettings {
        io_priority: Some(IoPriority { io_class: IoClass::BestEffort.into(), level: 5 }),
        oom_score_adjustment: Some(1000),
        ..nice(19)
    };
    let request = of(&target.reference, &["oom_score_adjustment", "nice", "io_priority"], settings);
    let response = fixture.update(request).await.unwrap();
    let paths: Vec<_> = response.results.iter().map(|result| result.path.as_str()).collect();
    assert_eq!(paths, ["oom_score_adjustment", "nice", "io_priority"]);
    assert!(response.results.iter().all(|result| result.error.is_none() && result.threads_failed == 0));
    let threads: Vec<_> = response.results.iter().map(|result| result.threads_changed).collect();
    assert_eq!(threads, [0, 1, 1], "the adjustment is the process's");
    let (told, after) = (response.before.unwrap(), response.after.unwrap());
    assert_eq!((told.nice, told.oom_score_adjustment), (Some(before.0), Some(before.1)));
    assert_eq!((after.nice, after.oom_score_adjustment), (Some(19), Some(1000)));
    assert_eq!(after.io_priority.map(|priority| (priority.io_class(), priority.level)), Some((IoClass::BestEffort, 5)));
    assert!(after.cpu_affinity.is_empty() && after.resource_limits.is_empty(), "nothing but what was asked for");
    assert_eq!((nice_of(&target), adjustment_of(&target)), (19, 1000));
    let resolved = response.target.unwrap();
    assert_eq!((resolved.r#ref.unwrap().pid, resolved.name.as_deref()), (target.child.id(), Some(&b"sleep"[..])));
}

#[tokio::test]
async fn the_same_request_twice_gets_the_first_answer_and_changes_nothing() {
    let fixture = fixture();
    let target = sleeper(&fixture);
    let named = |value, id: &str| UpdateProcessRequest {
        request_id: id.to_owned(),
        ..of(&target.reference, &["nice"], nice(value))
    };
    let first = fixture.update(named(18, "one")).await.unwrap();
    fixture.update(named(19, "two")).await.unwrap();
    assert_eq!(fixture.update(named(18, "one")).await.unwrap(), first);
    assert_eq!(nice_of(&target), 19, "it was not changed back");
    let conflict = fixture.update(named(17, "one")).await.unwrap_err();
    assert_eq!((conflict.code(), reason(&conflict).as_str()), (Code::AlreadyExists, "REQUEST_ID_CONFLICT"));
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_is_not_remembered() {
    let fixture = fixture();
    let target = sleeper(&fixture);
    let before = nice_of(&target);
    let dry = UpdateProcessRequest {
        request_id: "dry".to_owned(),
        dry_run: true,
        ..of(&target.reference, &["nice"], nice(19))
    };
    let response = fixture.update(dry.clone()).await.unwrap();
    assert!(response.dry_run && response.after.is_none());
    assert_eq!(response.before.unwrap().nice, Some(before));
    assert_eq!(response.results.len(), 1);
    assert_eq!(nice_of(&target), before);
    fixture.update(UpdateProcessRequest { dry_run: false, ..dry }).await.unwrap();
    assert_eq!(nice_of(&target), 19);
}

#[tokio::test]
async fn what_is_no_setting_of_this_host_is_refused_by_its_place() {
    let fixture = fixture();
    let target = sleeper(&fixture);
    let settings = ProcessSettings { cpu_affinity: vec![0, 500_000], ..nice(19) };
    let before = nice_of(&target);
    let failure = fixture.update(of(&target.reference, &["nice", "cpu_affinity"], settings)).await.unwrap_err();
    if std::fs::read("/sys/devices/system/cpu/possible").is_ok() {
        let details = failure.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "settings.cpu_affinity[1]");
    }
    assert_eq!((failure.code(), nice_of(&target)), (Code::InvalidArgument, before), "nothing was done");
}

#[tokio::test]
async fn what_must_not_be_touched_is_refused() {
    let fixture = fixture();
    let own = reference(&fixture.context, std::process::id());
    let first = reference(&fixture.context, 1);
    for target in [own, first] {
        let failure = fixture.update(of(&target, &["nice"], nice(19))).await.unwrap_err();
        assert_eq!(reason(&failure), ErrorReason::ProtectedProcess.as_code());
    }
}

#[tokio::test]
async fn a_process_that_has_ended_is_not_changed() {
    let fixture = fixture();
    let mut target = sleeper(&fixture);
    let reused = ProcessRef { start_ticks: target.reference.start_ticks - 1, ..target.reference.clone() };
    let failure = fixture.update(of(&reused, &["nice"], nice(19))).await.unwrap_err();
    assert_eq!((failure.code(), reason(&failure).as_str()), (Code::FailedPrecondition, "PID_REUSED"));
    target.child.kill().unwrap();
    // A zombie first, then nobody.
    while target.state(&fixture.context) != ProcessState::Zombie {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        let failure = fixture.update(of(&target.reference, &["nice"], nice(19))).await.unwrap_err();
        assert_eq!((failure.code(), reason(&failure).as_str()), (Code::NotFound, "PROCESS_GONE"));
        target.child.wait().unwrap();
    }
}
