//! Units of systemd: of one that is played on a bus of the test's own, and of the host's where it runs.

use std::{process::Command, time::Duration};

use procwire_client::ErrorKind;
use procwire_proto::v1::{ErrorReason, FieldErrorReason};
use procwire_tests::{Agent, Role};

#[allow(dead_code, unreachable_pub, reason = "shared with the agent's own tests")]
#[path = "../../../agent/src/units/fake.rs"]
mod fake;

use fake::{Answer, BUS, Run};

fn agent_on(run: &Run) -> Agent {
    Agent::options().set("host.run", run.path().display()).start()
}

fn two_units(member: &str, _: &str) -> Answer {
    match member {
        "ListUnitsByPatterns" => {
            Answer::Units(vec![fake::listed("ssh.service", "active"), fake::listed("cron.service", "failed")])
        }
        "GetAll" => Answer::Properties(fake::service(&["/usr/sbin/x", "--password", "geheim"])),
        other => panic!("{other} was called"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_units_without_the_secrets_of_their_commands_and_an_inspector_with_them() {
    let run = Run::booted();
    run.answer(BUS, two_units);
    let agent = agent_on(&run);
    let list = agent.client(Role::Reader).system().units().await.unwrap();
    let names: Vec<_> = list.units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["ssh.service", "cron.service"]);
    let unit = &list.units[0];
    assert_eq!((unit.active_state.as_str(), unit.unit_file_state.as_str()), ("active", "enabled"));
    assert_eq!(
        (unit.main_pid, unit.memory_bytes, unit.tasks, unit.restarts),
        (Some(4711), Some(7 << 20), None, Some(3))
    );
    assert_eq!(unit.command, [&b"/usr/sbin/x"[..], b"--password", b"***"]);
    assert_eq!(list.summary.returned, 2);
    let errors: Vec<_> = list.summary.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    assert_eq!(errors, [("command", FieldErrorReason::Redacted)]);

    let list = agent.client(Role::Inspector).system().units().pattern("s*").active_state("active").await.unwrap();
    assert_eq!((list.units.len(), list.units[0].command[2].as_slice()), (1, &b"geheim"[..]));
    assert!(list.summary.errors.is_empty());
}

#[tokio::test]
async fn a_host_without_systemd_says_what_is_missing() {
    for (run, missing) in [(Run::bare(), "systemd/system"), (Run::booted(), "dbus/system_bus_socket")] {
        let error = agent_on(&run).client(Role::Reader).system().units().await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (ErrorKind::NotServed, Some(ErrorReason::UnsupportedByHost)));
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[tokio::test]
async fn patterns_and_states_that_cannot_be_meant_are_refused_by_name() {
    let agent = agent_on(&Run::bare());
    let client = agent.client(Role::Reader);
    let error = client.system().units().pattern("*").pattern("").await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some("patterns[1]")), "{error}");
    let error = client.system().units().active_state("running").await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some("active_states[0]")), "{error}");
    assert!(error.to_string().contains("inactive"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_hangs_holds_up_nobody_but_who_asks_it() {
    let run = Run::booted();
    run.answer(BUS, |_, _| Answer::Silence);
    let agent = Agent::options().set("host.run", run.path().display()).set("limits.host_slow_timeout", "300ms").start();
    let client = agent.client(Role::Reader);
    let units = tokio::spawn({
        let client = client.clone();
        async move { client.system().units().await }
    });
    client.system().get().fields(["load"]).await.unwrap();
    let error = units.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::HostReadTimeout), "{error}");
    client.system().get().fields(["load"]).timeout(Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn where_systemd_runs_its_units_are_those_of_systemctl() {
    let agent = Agent::start();
    let client = agent.client(Role::Inspector);
    let units = match client.system().units().pattern("*.service").pattern("*.slice").await {
        Ok(list) => list.units,
        Err(error) if error.reason() == Some(ErrorReason::UnsupportedByHost) => return skip(&error.to_string()),
        Err(error) => panic!("{error}"),
    };
    assert!(!units.is_empty());
    let mut compared = 0;
    for unit in &units {
        let properties =
            ["ActiveState", "SubState", "LoadState", "Description", "MainPID", "NRestarts", "ControlGroup"];
        let output = Command::new("systemctl").args(["show", "-p", &properties.join(","), "--", &unit.name]).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        if value("ActiveState") != Some(&unit.active_state) || value("SubState") != Some(&unit.sub_state) {
            // It has changed meanwhile.
            continue;
        }
        assert_eq!((value("LoadState"), value("Description")), (Some(&*unit.load_state), Some(&*unit.description)));
        let pid = value("MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0);
        assert_eq!((unit.main_pid, unit.restarts.map(|count| count.to_string()).as_deref()), (pid, value("NRestarts")));
        let cgroup = value("ControlGroup").filter(|path| !path.is_empty());
        assert_eq!(unit.cgroup.as_deref(), cgroup.map(str::as_bytes));
        compared += 1;
    }
    assert!(compared * 2 > units.len(), "only {compared} of {} held still", units.len());
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
