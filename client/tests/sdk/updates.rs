//! Settings of a process.

use procwire_client::v1::{
    ErrorReason, IoClass, LimitValue, ProcessSettings, ResourceKind, SettingResult, TargetError, UpdateProcessResponse,
};
use procwire_client::{ErrorKind, Limit};

use crate::control::target;
use crate::fake_agent::FakeAgent;
use crate::script::Step;

#[tokio::test]
async fn only_what_was_named_is_in_the_mask() {
    let agent = FakeAgent::default();
    let control = agent.client().control();
    for _ in 0..3 {
        agent.update.then([Step::Send(UpdateProcessResponse::default())]);
    }
    control
        .update(&target())
        .nice(5)
        .nice(-3)
        .io_priority(IoClass::Idle, 0)
        .oom_score_adjustment(0)
        .soft_limit(ResourceKind::Nofile, Limit::Of(10))
        .hard_limit(ResourceKind::Nofile, Limit::Unlimited)
        .resource_limit(ResourceKind::Core, Limit::Of(0), Limit::Of(1))
        .all_threads(true)
        .await
        .unwrap()
        .check()
        .unwrap();
    control.update(&target()).cpu_affinity([3, 1]).await.unwrap().check().unwrap();
    control.update(&target()).cpu_affinity([]).all_cpus().dry_run(true).await.unwrap().check().unwrap();

    let asked: Vec<_> = agent.update.asked().into_iter().map(|call| call.message).collect();
    let paths = |index: usize| asked[index].update_mask.as_ref().unwrap().paths.clone();
    assert_eq!(paths(0), ["nice", "io_priority", "oom_score_adjustment", "resource_limits"]);
    let settings = asked[0].settings.as_ref().unwrap();
    assert_eq!((settings.nice, settings.oom_score_adjustment), (Some(-3), Some(0)));
    assert_eq!(settings.io_priority.unwrap().io_class(), IoClass::Idle);
    assert_eq!(settings.resource_limits.len(), 2);
    assert_eq!(settings.resource_limits[0].soft, Some(LimitValue::from(Limit::Of(10))));
    assert_eq!(settings.resource_limits[0].hard, Some(LimitValue::from(Limit::Unlimited)));
    assert!(asked[0].all_threads && !asked[1].all_threads && asked[2].dry_run);
    assert_eq!(
        (paths(1), &asked[1].settings.as_ref().unwrap().cpu_affinity[..]),
        (vec!["cpu_affinity".into()], &[3, 1][..])
    );
    assert_eq!(
        (paths(2), &asked[2].settings.as_ref().unwrap().cpu_affinity[..]),
        (vec!["cpu_affinity".into()], &[][..])
    );
}

#[tokio::test]
async fn no_processor_is_not_taken_for_all_of_them() {
    let agent = FakeAgent::default();
    let error = agent.client().control().update(&target()).cpu_affinity([]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(agent.update.asked().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn each_setting_has_its_own_result() {
    let agent = FakeAgent::default();
    let refused = TargetError { reason: ErrorReason::AgentLacksPrivilege.into(), detail: "EPERM".into() };
    let results = vec![
        SettingResult { path: "nice".into(), error: Some(refused), threads_failed: 1, ..Default::default() },
        SettingResult { path: "oom_score_adjustment".into(), threads_changed: 1, ..Default::default() },
    ];
    let after = ProcessSettings { nice: Some(0), ..Default::default() };
    let answer = UpdateProcessResponse { results, after: Some(after), dry_run: true, ..Default::default() };
    agent.update.then([Step::Send(answer)]);
    let outcome = agent.client().control().update(&target()).nice(-5).oom_score_adjustment(5).await.unwrap();
    assert_eq!((outcome.after.nice, outcome.dry_run), (Some(0), true));
    assert_eq!(outcome.results[1].0, "oom_score_adjustment");
    assert_eq!(*outcome.results[1].1.as_ref().unwrap(), 1);
    let error = outcome.check().unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::PermissionDenied, Some(ErrorReason::AgentLacksPrivilege)));
}
