//! Scheduling and limits of processes that are not the agent's children, changed by the agent and looked at without it.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, Output},
};

use procwire_client::{Client, ErrorKind, Limit, UpdateOutcome};
use procwire_proto::v1::{ErrorReason, IoClass, LimitValue, ProcessRef, ResourceKind, limit_value::Value};
use procwire_tests::{Agent, NOBODY, Role, Victim, is_root, python, reference_of};

fn operator(agent: &Agent) -> Client {
    agent.client(Role::Operator)
}

/// What a tool of the host says; `None`, and said why, where there is none.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(Output { stdout, status, .. }) if status.success() => Some(String::from_utf8(stdout).unwrap()),
        other => {
            skipped(&format!("{program} {arguments:?} says nothing: {other:?}"));
            None
        }
    }
}

#[allow(clippy::print_stderr, reason = "a judge that is missing is named")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// What psutil says of a process.
fn psutil(pid: u32, expression: &str) -> String {
    let script = format!("import psutil; p = psutil.Process({pid}); print({expression})");
    let output = Command::new(python::python()).args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// Field 19 of stat, of each thread.
fn nices(pid: u32) -> Vec<i32> {
    let of = |thread| {
        let stat = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    threads(pid).into_iter().map(of).collect()
}

/// "Cpus_allowed_list:" of each thread.
fn processors(pid: u32) -> Vec<String> {
    let of = |thread| {
        let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).unwrap();
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim().to_owned()
    };
    threads(pid).into_iter().map(of).collect()
}

/// Soft and hard, as the kernel prints them.
fn limit(pid: u32, name: &str) -> (String, String) {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

fn changed(outcome: &UpdateOutcome) -> Vec<(&str, u32)> {
    outcome.results.iter().map(|(path, result)| (path.as_str(), *result.as_ref().unwrap())).collect()
}

fn reason_of(outcome: &UpdateOutcome, path: &str) -> Option<ErrorReason> {
    let (_, result) = outcome.results.iter().find(|(named, _)| named == path).unwrap();
    result.as_ref().err().unwrap().reason()
}

#[tokio::test]
async fn nice_of_the_main_thread_or_of_all_as_it_was_asked() {
    let agent = Agent::start();
    let victim = Victim::start(&["threads", "4"]);
    let client = operator(&agent);
    let before = nices(victim.pid())[0];
    let main = client.control().update(&victim.reference()).nice(17).reason("backup").request_id("nice-1");
    let outcome = main.await.unwrap();
    assert_eq!(changed(&outcome), [("nice", 1)]);
    assert_eq!((outcome.before.nice, outcome.after.nice), (Some(before), Some(17)));
    assert_eq!(nices(victim.pid()), [17, before, before, before]);
    let all = client.control().update(&victim.reference()).nice(18).all_threads(true).reason("test").await.unwrap();
    assert_eq!(changed(&all), [("nice", 4)]);
    assert_eq!(nices(victim.pid()), [18; 4]);
    assert_eq!(psutil(victim.pid(), "p.nice()"), "18");

    let record = |event: &str| {
        let mut lines = agent.audit().into_iter();
        lines.find(|line| line["event"] == event && line["request_id"] == "nice-1").unwrap()
    };
    let decision = record("decision");
    assert_eq!((decision["reason"].as_str(), decision["decision"].as_str()), (Some("backup"), Some("allowed")));
    assert_eq!(decision["targets"][0]["pid"], victim.pid());
    assert!(decision["arguments"].as_str().unwrap().contains("nice=17"), "{decision}");
    assert_eq!(record("outcome")["result"], format!("nice {before} to 17"));
}

#[tokio::test]
async fn io_priority_as_ionice_and_psutil_read_it() {
    let agent = Agent::start();
    let victim = Victim::start(&["threads", "3"]);
    let control = operator(&agent);
    let update = control.control().update(&victim.reference()).io_priority(IoClass::BestEffort, 6);
    assert_eq!(changed(&update.all_threads(true).reason("test").await.unwrap()), [("io_priority", 3)]);
    for thread in threads(victim.pid()) {
        if let Some(words) = said("ionice", &["-p", &thread.to_string()]) {
            assert_eq!(words.trim(), "best-effort: prio 6");
        }
    }
    let update = control.control().update(&victim.reference()).io_priority(IoClass::Idle, 0);
    let outcome = update.reason("test").await.unwrap();
    let after = outcome.after.io_priority.unwrap();
    assert_eq!((after.io_class(), after.level), (IoClass::Idle, 0));
    assert_eq!(psutil(victim.pid(), "int(p.ionice().ioclass)"), "3");
}

#[tokio::test]
async fn affinity_is_narrowed_and_all_means_all_that_the_cpuset_allows() {
    let agent = Agent::start();
    let victim = Victim::start(&["threads", "3"]);
    let control = operator(&agent);
    let whole = processors(victim.pid());
    let eligible = control.control().update(&victim.reference()).all_cpus().reason("test").await.unwrap();
    let all = eligible.after.cpu_affinity.clone();
    let last = *all.last().unwrap();
    let narrowed = control.control().update(&victim.reference()).cpu_affinity([last]).all_threads(true).reason("test");
    let outcome = narrowed.await.unwrap();
    assert_eq!(changed(&outcome), [("cpu_affinity", 3)]);
    assert_eq!((outcome.before.cpu_affinity, outcome.after.cpu_affinity), (all.clone(), vec![last]));
    assert_eq!(processors(victim.pid()), vec![last.to_string(); 3]);
    if let Some(words) = said("taskset", &["-cp", &victim.pid().to_string()]) {
        assert!(words.trim().ends_with(&format!(": {last}")), "{words}");
    }
    let widened = control.control().update(&victim.reference()).all_cpus().all_threads(true).reason("test");
    let outcome = widened.await.unwrap();
    assert_eq!(outcome.after.cpu_affinity, all);
    assert_eq!(processors(victim.pid()).len(), whole.len());
    assert_eq!(psutil(victim.pid(), "sorted(p.cpu_affinity())"), format!("{all:?}"));
}

#[tokio::test]
async fn limits_as_prlimit_and_psutil_read_them() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let control = operator(&agent);
    let update = control
        .control()
        .update(&victim.reference())
        .resource_limit(ResourceKind::Nofile, Limit::Of(77), Limit::Of(88))
        .soft_limit(ResourceKind::Core, Limit::Of(0));
    let outcome = update.reason("test").await.unwrap();
    assert_eq!(changed(&outcome), [("resource_limits", 0)]);
    assert_eq!(limit(victim.pid(), "Max open files"), ("77".to_owned(), "88".to_owned()));
    assert_eq!(limit(victim.pid(), "Max core file size").0, "0");
    assert_eq!(psutil(victim.pid(), "p.rlimit(psutil.RLIMIT_NOFILE)"), "(77, 88)");
    if let Some(words) = said("prlimit", &["--pid", &victim.pid().to_string(), "--nofile", "--raw", "--noheadings"]) {
        assert!(words.contains("77 88"), "{words}");
    }
    let value = |limit| Some(LimitValue { value: Some(Value::Limit(limit)) });
    let after = outcome.after.resource_limits;
    let of = |kind| after.iter().find(|limit| limit.resource() == kind).unwrap();
    assert_eq!((of(ResourceKind::Nofile).soft, of(ResourceKind::Nofile).hard), (value(77), value(88)));
    assert_eq!(after.len(), 2, "those that were named: {after:?}");

    // The kernel looks at what is left out, too.
    let above = control.control().update(&victim.reference()).soft_limit(ResourceKind::Nofile, Limit::Of(89));
    let outcome = above.reason("test").await.unwrap();
    assert_eq!(reason_of(&outcome, "resource_limits"), Some(ErrorReason::InvalidRequest));
    assert_eq!(limit(victim.pid(), "Max open files").0, "77");
}

#[tokio::test]
async fn the_adjustment_of_the_out_of_memory_killer() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let update = operator(&agent).control().update(&victim.reference()).oom_score_adjustment(900).reason("test").await;
    let outcome = update.unwrap();
    assert_eq!((changed(&outcome), outcome.after.oom_score_adjustment), (vec![("oom_score_adjustment", 0)], Some(900)));
    let file = fs::read_to_string(format!("/proc/{}/oom_score_adj", victim.pid())).unwrap();
    assert_eq!(file.trim(), "900");
}

/// A process of the agent's own user, whose nice can be raised and not lowered again without a capability.
fn of_nobody() -> Victim {
    let mut command = Command::new("python3");
    command.args(["-c", "import sys; print('ready', flush=True); sys.stdin.read()"]);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    Victim::start_command(command)
}

#[tokio::test]
async fn what_was_done_stays_done_when_another_setting_is_refused() {
    let agent = Agent::options().unprivileged().start();
    let victim = of_nobody();
    let control = operator(&agent);
    let first = control
        .control()
        .update(&victim.reference())
        .resource_limit(ResourceKind::Core, Limit::Of(0), Limit::Of(4096))
        .soft_limit(ResourceKind::Nice, Limit::Of(0))
        .nice(19);
    first.reason("test").await.unwrap().check().unwrap();
    let update = control
        .control()
        .update(&victim.reference())
        .nice(3)
        .oom_score_adjustment(700)
        .hard_limit(ResourceKind::Core, Limit::Unlimited)
        .reason("test");
    let outcome = update.await.unwrap();
    let paths: Vec<_> = outcome.results.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["nice", "oom_score_adjustment", "resource_limits"]);
    for (path, capability) in [("nice", "CAP_SYS_NICE"), ("resource_limits", "CAP_SYS_RESOURCE")] {
        assert_eq!(reason_of(&outcome, path), Some(ErrorReason::AgentLacksPrivilege), "{outcome:?}");
        let (_, result) = outcome.results.iter().find(|(named, _)| named == path).unwrap();
        let words = result.as_ref().unwrap_err().to_string();
        assert!(words.contains(capability), "{words}");
    }
    assert_eq!((outcome.after.nice, outcome.after.oom_score_adjustment), (Some(19), Some(700)));
    assert_eq!(nices(victim.pid()), [19]);
    assert_eq!(limit(victim.pid(), "Max core file size").1, "4096");
    let last = agent.audit().into_iter().rfind(|line| line["event"] == "outcome").unwrap();
    let words = last["result"].as_str().unwrap();
    assert!(words.starts_with("nice refused, AGENT_LACKS_PRIVILEGE"), "{words}");
    assert!(words.contains("oom_score_adjustment") && words.contains("to 700"), "{words}");

    // A dry run says the same beforehand.
    let dry = control.control().update(&victim.reference()).nice(2).hard_limit(ResourceKind::Core, Limit::Unlimited);
    let outcome = dry.dry_run(true).reason("test").await.unwrap();
    assert!(outcome.dry_run);
    for path in ["nice", "resource_limits"] {
        assert_eq!(reason_of(&outcome, path), Some(ErrorReason::AgentLacksPrivilege), "{outcome:?}");
    }
}

#[tokio::test]
async fn of_another_users_process_nothing_is_changed_and_the_capability_is_named() {
    if !is_root() {
        skipped("whoever is not root has no process of another user at hand that may be risked");
        return;
    }
    let agent = Agent::options().unprivileged().start();
    let victim = Victim::start(&["threads", "3"]);
    let before = (nices(victim.pid()), processors(victim.pid()), limit(victim.pid(), "Max open files"));
    for dry_run in [true, false] {
        let update = operator(&agent)
            .control()
            .update(&victim.reference())
            .nice(19)
            .io_priority(IoClass::Idle, 0)
            .cpu_affinity([0])
            .resource_limit(ResourceKind::Nofile, Limit::Of(10), Limit::Of(10))
            .oom_score_adjustment(1000)
            .all_threads(true)
            .dry_run(dry_run)
            .reason("test");
        let outcome = update.await.unwrap();
        assert_eq!(outcome.results.len(), 5);
        for (path, result) in &outcome.results {
            let error = result.as_ref().unwrap_err();
            assert_eq!(error.reason(), Some(ErrorReason::AgentLacksPrivilege), "{path}: {error}");
            assert!(error.to_string().contains("CAP_"), "{path}: {error}");
        }
    }
    assert_eq!(before, (nices(victim.pid()), processors(victim.pid()), limit(victim.pid(), "Max open files")));
    let capabilities = agent.client(Role::Reader).agent().capabilities().await.unwrap();
    for name in ["nice_other_users", "raise_resource_limits", "oom_other_users"] {
        let feature = capabilities.features.iter().find(|feature| feature.name == name).unwrap();
        assert!(!feature.available && feature.detail.contains("CAP_"), "{feature:?}");
    }
}

#[tokio::test]
async fn a_processor_that_the_host_cannot_have_is_named_and_nothing_is_done() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let before = nices(victim.pid());
    let update = operator(&agent).control().update(&victim.reference()).nice(19).cpu_affinity([0, 400_000]);
    let error = update.reason("test").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(error.to_string().contains("settings.cpu_affinity[1]"), "{error}");
    assert_eq!(nices(victim.pid()), before);
    assert!(agent.audit().iter().any(|line| line["event"] == "denial"), "the refusal is on record");
}

#[tokio::test]
async fn readers_and_inspectors_may_not_and_what_is_protected_stays_as_it_is() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let before = nices(victim.pid());
    for role in [Role::Reader, Role::Inspector] {
        let error = agent.client(role).control().update(&victim.reference()).nice(19).await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::RoleMissing), "{error}");
    }
    assert_eq!(nices(victim.pid()), before);
    for pid in [1, agent.pid()] {
        let error = operator(&agent).control().update(&reference_of(pid)).nice(19).reason("test").await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::ProtectedProcess), "{error}");
    }
    let reused = ProcessRef { start_ticks: 1, ..victim.reference() };
    let error = operator(&agent).control().update(&reused).nice(19).reason("test").await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::PidReused), "{error}");
}

#[tokio::test]
async fn threads_that_are_born_meanwhile_are_changed_too() {
    let script = "import sys, threading, time\n\
        def live(): time.sleep(0.005)\n\
        def bear():\n\
        \x20   while True:\n\
        \x20       threading.Thread(target=live, daemon=True).start(); time.sleep(0.001)\n\
        for _ in range(3): threading.Thread(target=bear, daemon=True).start()\n\
        print('ready', flush=True)\n\
        sys.stdin.read()\n";
    let agent = Agent::start();
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    let victim = Victim::start_command(command);
    let update = operator(&agent).control().update(&victim.reference()).nice(16).all_threads(true).reason("test");
    let outcome = update.await.unwrap();
    assert!(outcome.results[0].1.as_ref().is_ok_and(|threads| *threads >= 4), "{outcome:?}");
    for _ in 0..20 {
        for thread in threads(victim.pid()) {
            // It may have ended since it was listed.
            let Ok(stat) = fs::read_to_string(format!("/proc/{}/task/{thread}/stat", victim.pid())) else { continue };
            assert_eq!(stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16), Some("16"), "{stat}");
        }
    }
}
