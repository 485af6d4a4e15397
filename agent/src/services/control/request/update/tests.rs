#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_host::control::LimitChange;
use procwire_proto::{
    FieldMask,
    v1::{ErrorReason, LimitValue, ResourceKind, ResourceLimit, Unlimited, limit_value::Value},
};

use super::*;

fn reference() -> ProcessRef {
    ProcessRef { pid: 7, start_ticks: 8, boot_id: vec![1; 16].into(), pidfd_inode: None }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

fn parse(paths: &[&str], settings: ProcessSettings) -> Result<Update, Failure> {
    Update::parse(&UpdateProcessRequest {
        r#ref: Some(reference()),
        settings: Some(settings),
        update_mask: mask(paths),
        ..UpdateProcessRequest::default()
    })
}

/// The field that is to blame, and the words.
fn refused(paths: &[&str], settings: ProcessSettings) -> (String, String) {
    let failure = parse(paths, settings).unwrap_err();
    (failure.field().unwrap().to_owned(), failure.message().to_owned())
}

fn nice(nice: i32) -> ProcessSettings {
    ProcessSettings { nice: Some(nice), ..ProcessSettings::default() }
}

fn limits(resource_limits: Vec<ResourceLimit>) -> ProcessSettings {
    ProcessSettings { resource_limits, ..ProcessSettings::default() }
}

fn limit(kind: ResourceKind, soft: Option<Value>, hard: Option<Value>) -> ResourceLimit {
    let value = |value: Option<Value>| value.map(|value| LimitValue { value: Some(value) });
    ResourceLimit { resource: kind.into(), soft: value(soft), hard: value(hard) }
}

#[test]
fn what_is_asked_for_comes_in_the_order_of_the_mask() {
    let settings = ProcessSettings {
        nice: Some(-20),
        io_priority: Some(IoPriority { io_class: IoClass::BestEffort.into(), level: 7 }),
        cpu_affinity: vec![3, 1, 3],
        resource_limits: vec![limit(ResourceKind::Nofile, Some(Value::Limit(5)), Some(Value::Unlimited(Unlimited {})))],
        oom_score_adjustment: Some(1000),
    };
    let mut paths = Setting::PATHS;
    paths.reverse();
    let update = parse(&paths, settings).unwrap();
    assert_eq!(update.paths(), paths);
    assert_eq!(update.processors(), [3, 1, 3]);
    assert_eq!(update.threads, Threads::Main);
    let change = LimitChange { kind: ResourceKind::Nofile, soft: Some(5), hard: Some(u64::MAX) };
    assert_eq!(update.settings.get(1), Some(&Setting::ResourceLimits(vec![change])));
    assert_eq!(
        update.to_string(),
        "threads=main oom_score_adjustment=1000 resource_limits=NOFILE:5/unlimited cpu_affinity=3,1,3 \
         io_priority=best effort:7 nice=-20"
    );
    assert!(!update.request_id.is_empty());
}

#[test]
fn only_what_the_mask_names_is_changed() {
    let settings = ProcessSettings { oom_score_adjustment: Some(5000), ..nice(4) };
    assert_eq!(parse(&["nice"], settings).unwrap().settings, [Setting::Nice(4)]);
}

#[test]
fn the_mask_is_checked_by_name() {
    let paths = |paths: &[&str]| refused(paths, nice(1)).0;
    assert_eq!(paths(&[]), "update_mask");
    assert_eq!(paths(&["nice", "nice"]), "update_mask.paths[1]");
    for odd in ["Nice", "settings.nice", "io_priority.level", "*", "", "nice ", "resource_limits[0]"] {
        assert_eq!(paths(&["nice", odd]), "update_mask.paths[1]", "{odd:?}");
        assert_eq!(parse(&[odd], nice(1)).unwrap_err().reason(), ErrorReason::UnknownField);
    }
    let long = format!("\x1b[2J{}", "ä".repeat(100_000));
    let (_, words) = refused(&[&long], nice(1));
    assert!(words.len() < 400 && !words.contains('\x1b'), "{words}");
    let no_mask = UpdateProcessRequest { r#ref: Some(reference()), ..UpdateProcessRequest::default() };
    assert_eq!(Update::parse(&no_mask).unwrap_err().field(), Some("update_mask"));
    let no_ref = UpdateProcessRequest { update_mask: mask(&["nice"]), ..UpdateProcessRequest::default() };
    assert_eq!(Update::parse(&no_ref).unwrap_err().field(), Some("ref"));
}

#[test]
fn numbers_have_a_range_and_must_be_set() {
    for value in [-20, 0, 19] {
        assert_eq!(parse(&["nice"], nice(value)).unwrap().settings, [Setting::Nice(value)]);
    }
    for value in [-21, 20, i32::MIN, i32::MAX] {
        assert_eq!(refused(&["nice"], nice(value)).0, "settings.nice");
    }
    let adjustment = |value| ProcessSettings { oom_score_adjustment: value, ..ProcessSettings::default() };
    for value in [-1000, 1000] {
        let settings = parse(&["oom_score_adjustment"], adjustment(Some(value))).unwrap().settings;
        assert_eq!(settings, [Setting::OomScoreAdjustment(value)]);
    }
    for value in [Some(-1001), Some(1001), Some(i32::MAX), None] {
        assert_eq!(refused(&["oom_score_adjustment"], adjustment(value)).0, "settings.oom_score_adjustment");
    }
    for path in ["nice", "io_priority"] {
        let (field, words) = refused(&[path], ProcessSettings::default());
        assert_eq!(field, format!("settings.{path}"));
        assert!(words.ends_with("is not set, and update_mask names it"), "{words}");
    }
}

#[test]
fn io_priorities_have_classes_and_levels() {
    let settings = |io_class: i32, level| ProcessSettings {
        io_priority: Some(IoPriority { io_class, level }),
        ..ProcessSettings::default()
    };
    let class = |class: IoClass, level| settings(class.into(), level);
    for (io_class, level) in [(IoClass::None, 0), (IoClass::Realtime, 7), (IoClass::BestEffort, 0), (IoClass::Idle, 0)]
    {
        let parsed = parse(&["io_priority"], class(io_class, level)).unwrap().settings;
        assert_eq!(parsed, [Setting::IoPriority(io_class, level.try_into().unwrap())]);
    }
    for (io_class, level) in [
        (IoClass::None, 1),
        (IoClass::Idle, 7),
        (IoClass::BestEffort, 8),
        (IoClass::Realtime, u32::MAX),
        (IoClass::Idle, 256),
    ] {
        assert_eq!(refused(&["io_priority"], class(io_class, level)).0, "settings.io_priority.level");
    }
    for io_class in [0, -1, 5, i32::MAX] {
        assert_eq!(refused(&["io_priority"], settings(io_class, 0)).0, "settings.io_priority.io_class");
    }
}

#[test]
fn no_processors_are_all_and_impossible_ones_are_named() {
    let settings = |cpu_affinity| ProcessSettings { cpu_affinity, ..ProcessSettings::default() };
    assert_eq!(parse(&["cpu_affinity"], settings(vec![])).unwrap().settings, [Setting::CpuAffinity(vec![])]);
    let (field, _) = refused(&["cpu_affinity"], settings(vec![0, PROCESSORS_MAX, u32::MAX]));
    assert_eq!(field, "settings.cpu_affinity[1]");
}

#[test]
fn limits_are_checked_one_by_one() {
    let of = |limits_given| refused(&["resource_limits"], limits(limits_given)).0;
    let good = limit(ResourceKind::Core, Some(Value::Limit(u64::MAX - 1)), None);
    assert_eq!(of(vec![]), "settings.resource_limits");
    assert_eq!(of(vec![good, good]), "settings.resource_limits[1].resource");
    let nothing = limit(ResourceKind::Cpu, None, None);
    assert_eq!(of(vec![good, nothing]), "settings.resource_limits[1]");
    let crossed = limit(ResourceKind::Cpu, Some(Value::Limit(2)), Some(Value::Limit(1)));
    assert_eq!(
        of(vec![good, limit(ResourceKind::Cpu, None, Some(Value::Limit(1))), good]),
        "settings.resource_limits[2].resource"
    );
    assert_eq!(of(vec![good, crossed]), "settings.resource_limits[1].soft");
    let unlimited = limit(ResourceKind::Cpu, Some(Value::Unlimited(Unlimited {})), Some(Value::Limit(1)));
    assert_eq!(of(vec![unlimited]), "settings.resource_limits[0].soft");
    let empty = ResourceLimit { soft: Some(LimitValue { value: None }), ..good };
    assert_eq!(of(vec![empty]), "settings.resource_limits[0].soft");
    let infinity_in_figures = limit(ResourceKind::Cpu, None, Some(Value::Limit(u64::MAX)));
    assert_eq!(of(vec![infinity_in_figures]), "settings.resource_limits[0].hard");
    for resource in [0, 17, -1] {
        assert_eq!(of(vec![ResourceLimit { resource, ..good }]), "settings.resource_limits[0].resource");
    }
    let whole = parse(&["resource_limits"], limits(vec![good])).unwrap().settings;
    let change = LimitChange { kind: ResourceKind::Core, soft: Some(u64::MAX - 1), hard: None };
    assert_eq!(whole, [Setting::ResourceLimits(vec![change])]);
}

#[test]
fn all_sixteen_limits_fit_into_one_request() {
    let kinds = (1..).map_while(|number| ResourceKind::try_from(number).ok());
    let all: Vec<_> = kinds.map(|kind| limit(kind, Some(Value::Limit(0)), None)).collect();
    assert_eq!(all.len(), 16);
    let update = parse(&["resource_limits"], limits(all)).unwrap();
    assert!(update.to_string().contains("RTTIME:0/-"), "{update}");
}
