//! A policy file with the real agent over mutual TLS: each kind of rule really denies, a mistake changes nothing, a change is in force.

use std::{fs, path::PathBuf, time::Duration};

use procwire_client::{Client, Error, ErrorKind, Order, Signal};
use procwire_proto::v1::{
    BytesMatch, ErrorReason, FieldErrorReason, PolicyStatus, ProcessFilter, ProcessPredicate, ProcessRef,
    bytes_match::Match,
};
use procwire_tests::{
    Agent, AgentOptions, ControlGroup, Role, Victim, programs,
    waiting::{eventually, eventually_async, within_patience},
};
use tempfile::TempDir;

const ROLES: &str = "[[rule]]\nname = \"roles\"\neffect = \"allow\"\nwhen = \"role_allows\"\n";

fn denying(name: &str, when: &str) -> String {
    format!("{ROLES}[[rule]]\nname = \"{name}\"\neffect = \"deny\"\nwhen = '''{when}'''\n")
}

/// A policy file of a test.
struct PolicyFile(TempDir);

impl PolicyFile {
    fn new(text: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.replace(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("policy.toml")
    }

    /// At once, as whoever writes a policy should.
    fn replace(&self, text: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    fn options(&self) -> AgentOptions {
        Agent::options().set("policy.file", self.path().display())
    }
}

/// An agent that reads its policy once.
fn with_policy(text: &str) -> Agent {
    PolicyFile::new(text).options().start()
}

/// Sends SIGCONT, which changes nothing for a process that runs.
async fn touch(client: &Client, target: &ProcessRef) -> Result<(), Error> {
    client.control().signal(target, Signal::Cont).await.map(drop)
}

#[track_caller]
fn assert_denied(error: &Error, rule: &str) {
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::PermissionDenied, Some(ErrorReason::PolicyDenied)),
        "{error}"
    );
    assert!(error.to_string().contains(rule), "{error}");
}

/// An agent on which one rule denies; the victim that it is about is left alone, the other is not.
async fn only_the_one_is_left_alone(rule: &str, when: &str, spared: &Victim, other: &Victim) {
    let agent = with_policy(&denying(rule, when));
    let client = agent.client(Role::Operator);
    touch(&client, &other.reference()).await.unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_denied(&touch(&client, &spared.reference()).await.unwrap_err(), rule);
    let error = match client.control().terminate(&spared.reference()).reason("test").await {
        Err(error) => error,
        Ok(termination) => termination.outcome().await.unwrap_err(),
    };
    assert_denied(&error, rule);
    assert_denied(&client.control().update(&spared.reference()).nice(5).await.unwrap_err(), rule);
    assert!(spared.is_alive(), "{when}");
    let audit = agent.audit();
    let is_it = |line: &&serde_json::Value| {
        line["decision"] == "denied" && line["targets"][0]["pid"] == spared.pid() && line.to_string().contains(rule)
    };
    assert!(audit.iter().any(|line| is_it(&line)), "{when}: {audit:#?}");
}

#[tokio::test]
async fn a_rule_by_name_pid_or_program_denies() {
    let (spared, other) = (Victim::named(b"keeper", "sleep"), Victim::named(b"worker", "sleep"));
    only_the_one_is_left_alone("keepers", "acts && target.name == \"keeper\"", &spared, &other).await;
    only_the_one_is_left_alone("this pid", &format!("acts && target.pid == {}", spared.pid()), &spared, &other).await;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("database");
    programs::copy(&programs::victim(), &program);
    let mut command = std::process::Command::new(&program);
    command.arg("sleep");
    let of_program = Victim::start_command(command);
    let path = program.canonicalize().unwrap();
    let when = format!("acts && target.executable == \"{}\"", path.display());
    only_the_one_is_left_alone("the database", &when, &of_program, &other).await;
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "what cannot be tried is named")]
async fn a_rule_by_user_denies() {
    if !programs::is_root() {
        eprintln!("skipped: without root there are no processes of two users to act on");
        return;
    }
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(programs::victim()).arg("sleep");
    let (spared, other) = (Victim::start_command(command), Victim::start(&["sleep"]));
    only_the_one_is_left_alone("those of nobody", "acts && target.uid == 65534", &spared, &other).await;
    only_the_one_is_left_alone("not of root", "acts && target.user != \"root\"", &spared, &other).await;
}

#[tokio::test]
async fn a_rule_by_control_group_denies_and_so_does_protection() {
    let (Some(group), other) = (ControlGroup::make(), Victim::start(&["sleep"])) else { return };
    let within = |group: &ControlGroup| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("{}; exec \"$0\" sleep", group.entry())]).arg(programs::victim());
        Victim::start_command(command)
    };
    let spared = within(&group);
    let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", spared.pid())).unwrap();
    let Some(path) = cgroup.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| *path != "/") else {
        return;
    };
    only_the_one_is_left_alone("that group", &format!("acts && target.cgroup == \"{path}\""), &spared, &other).await;

    let agent = Agent::options().set("control.protected_cgroups", path).start();
    let client = agent.client(Role::Admin);
    let error = touch(&client, &spared.reference()).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::ProtectedProcess), "{error}");
    touch(&client, &other.reference()).await.unwrap();
}

/// A control group below one that is removed with the test.
struct GroupBelow(PathBuf);

impl Drop for GroupBelow {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        // A group goes when the last of its processes has been reaped.
        eventually("the group to be empty", || match fs::remove_dir(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => None,
            _ => Some(()),
        });
    }
}

/// The unit is in the path of the group, so that a group with a unit's name stands for it.
#[tokio::test]
async fn a_rule_by_unit_denies_and_so_does_protection() {
    let (Some(group), other) = (ControlGroup::make(), Victim::start(&["sleep"])) else { return };
    let tree = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .map(std::path::Path::new)
        .into_iter()
        .find(|tree| tree.join("cgroup.controllers").exists())
        .unwrap();
    let below = GroupBelow(tree.join(group.path().trim_start_matches('/')).join("keeper.service"));
    let folder = &below.0;
    fs::create_dir(folder).unwrap();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &format!("echo $$ > {}/cgroup.procs; exec \"$0\" sleep", folder.display())])
        .arg(programs::victim());
    let spared = Victim::start_command(command);
    only_the_one_is_left_alone("units", "acts && target.unit == \"keeper.service\"", &spared, &other).await;
    let agent = Agent::options().set("control.protected_units", "other.service, keep*").start();
    let error = touch(&agent.client(Role::Admin), &spared.reference()).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::ProtectedProcess), "{error}");
    touch(&agent.client(Role::Admin), &other.reference()).await.unwrap();
    drop(spared);
}

#[tokio::test]
async fn a_rule_by_principal_or_method_denies_before_the_call_is_read() {
    let when = "principal.name == \"test-operator\" && method == \"GetSystem\"";
    let agent = with_policy(&denying("not for operators", when));
    let error = agent.client(Role::Operator).system().get().await.unwrap_err();
    assert_denied(&error, "not for operators");
    assert_eq!(error.metadata()["rule"], "not for operators");
    agent.client(Role::Reader).system().get().await.unwrap();
    agent.client(Role::Operator).agent().info().await.unwrap();
    let audit = agent.audit();
    assert!(audit.iter().any(|line| line["rule"] == "rule not for operators"), "{audit:#?}");
}

#[tokio::test]
async fn a_rule_by_signal_denies_that_signal_and_the_escalation_to_it() {
    let agent = with_policy(&denying("no kill", "signal == \"KILL\""));
    let client = agent.client(Role::Operator);
    let victim = Victim::start(&["sleep"]);
    touch(&client, &victim.reference()).await.unwrap();
    assert_denied(&client.control().kill(&victim.reference()).await.unwrap_err(), "no kill");
    let escalating = match client.control().terminate(&victim.reference()).reason("test").await {
        Err(error) => error,
        Ok(termination) => termination.outcome().await.unwrap_err(),
    };
    assert_denied(&escalating, "no kill");
    assert!(victim.is_alive());
    client.control().update(&victim.reference()).nice(3).await.unwrap().check().unwrap();
}

#[tokio::test]
async fn a_rule_by_setting_denies_that_setting() {
    let agent = with_policy(&denying("no oom", "\"oom_score_adjustment\" in settings"));
    let client = agent.client(Role::Operator);
    let victim = Victim::start(&["sleep"]);
    client.control().update(&victim.reference()).nice(3).await.unwrap().check().unwrap();
    let error = client.control().update(&victim.reference()).nice(4).oom_score_adjustment(500).await.unwrap_err();
    assert_denied(&error, "no oom");
}

#[tokio::test]
async fn a_rule_by_data_class_withholds_it_and_refuses_filters_by_it() {
    let text = denying("no environ", "data_class in [\"environ\", \"cmdline\"]");
    let agent = with_policy(&text);
    let client = agent.client(Role::Admin);
    let victim = Victim::start(&["sleep"]);
    let fields = ["name", "environ", "cmdline", "open_files"];
    let got = client.processes().get(victim.pid()).fields(fields).await.unwrap().process.unwrap();
    let listed = client.processes().list().fields(fields).await.unwrap();
    let row = listed.processes.iter().find(|row| row.pid == victim.pid()).unwrap();
    for row in [&got, row] {
        assert!(row.name.is_some());
        for path in ["environ", "cmdline"] {
            let error = row.errors.iter().find(|error| error.path == path).unwrap_or_else(|| panic!("{row:?}"));
            assert_eq!(error.reason(), FieldErrorReason::Redacted);
            assert!(error.detail.contains("rule no environ"), "{error:?}");
        }
        assert!(row.environ.is_empty() && row.cmdline.is_empty(), "{row:?}");
        assert!(
            row.errors.iter().all(|error| error.path != "open_files" || error.reason() != FieldErrorReason::Redacted)
        );
    }
    let capabilities = client.agent().capabilities().await.unwrap();
    let environ = capabilities.process_fields.iter().find(|field| field.path == "environ").unwrap();
    assert!(environ.detail.contains("rule no environ"), "{environ:?}");

    // By what a filter or an order answers it could be found out letter by letter.
    let by_cmdline = ProcessPredicate {
        cmdline: Some(BytesMatch { r#match: Some(Match::Prefix(b"a".to_vec())) }),
        ..ProcessPredicate::default()
    };
    for filter in [
        ProcessFilter { allow: vec![by_cmdline.clone()], deny: vec![] },
        ProcessFilter { allow: vec![], deny: vec![by_cmdline.clone()] },
    ] {
        let error = client.processes().list().fields(["name"]).filter(filter).await.unwrap_err();
        assert_denied(&error, "no environ");
    }
    // No key of an order is of these classes.
    for path in ["cmdline", "environ"] {
        let error = client.processes().list().fields(["name"]).order_by([Order::ascending(path)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    }
    let by_name = client.processes().list().fields(["name"]).order_by([Order::ascending("name")]).await.unwrap();
    assert!(!by_name.processes.is_empty(), "what is not withheld is ordered by");
}

#[tokio::test]
async fn the_quota_of_a_rule_is_kept() {
    let text = "[[rule]]\nname = \"few\"\neffect = \"allow\"\nwhen = \"acts && role_allows\"\nquota = \"3/1h\"\n\
        [[rule]]\nname = \"reads\"\neffect = \"allow\"\nwhen = \"!acts && role_allows\"\n";
    let agent = with_policy(text);
    let client = agent.client(Role::Operator);
    let victim = Victim::start(&["sleep"]);
    for _ in 0..3 {
        touch(&client, &victim.reference()).await.unwrap();
    }
    let error = touch(&client, &victim.reference()).await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::QuotaExceeded), "{error}");
    touch(&agent.client(Role::Admin), &victim.reference()).await.unwrap();
    client.system().get().await.unwrap();
}

#[tokio::test]
async fn without_a_rule_that_allows_it_nobody_may_do_anything() {
    let agent = with_policy("[[rule]]\nname = \"info\"\neffect = \"allow\"\nwhen = 'method == \"GetInfo\"'\n");
    for role in [Role::Reader, Role::Admin] {
        let client = agent.client(role);
        client.agent().info().await.unwrap();
        assert_eq!(client.system().get().await.unwrap_err().reason(), Some(ErrorReason::PolicyDenied));
    }
}

async fn policy(client: &Client) -> PolicyStatus {
    client.agent().status().await.unwrap().policy.unwrap()
}

#[tokio::test]
async fn a_changed_policy_is_in_force_and_one_with_a_mistake_leaves_the_last_good_one() {
    let file = PolicyFile::new(ROLES);
    let agent = file.options().start();
    let client = agent.client(Role::Reader);
    let before = policy(&client).await;
    assert_eq!((before.rules, before.problem.as_str()), (1, ""));
    client.system().get().await.unwrap();

    file.replace(&denying("x", "method == \"GetSytem\""));
    let told = eventually_async("the mistake to be told", || async {
        Some(policy(&client).await).filter(|status| !status.problem.is_empty())
    })
    .await;
    assert!(told.problem.contains("\"GetSytem\" is no method") && told.problem.contains("line"), "{}", told.problem);
    assert_eq!((told.sha256, told.rules), (before.sha256, 1));
    client.system().get().await.unwrap();

    // A stream that goes on ends with the policy that does not allow it.
    let mut samples = client.system().watch().interval(Duration::from_millis(200)).reconnect(false).await.unwrap();
    within_patience("the first event", samples.next()).await.unwrap();
    file.replace(&denying("closed", "method in [\"GetSystem\", \"WatchSystem\"]"));
    let ended = within_patience("the stream to end", async {
        loop {
            match samples.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended without a word"),
                Err(error) => return error,
            }
        }
    })
    .await;
    assert_denied(&ended, "closed");
    assert_denied(&client.system().get().await.unwrap_err(), "closed");
    let after = policy(&client).await;
    assert_eq!((after.rules, after.problem.as_str()), (2, ""));
    let audit = agent.audit();
    for event in ["reloaded", "reload_refused"] {
        assert!(audit.iter().any(|line| line["event"] == event), "{event}: {audit:#?}");
    }
}

#[tokio::test]
async fn an_agent_with_a_policy_that_is_none_does_not_start() {
    let file = PolicyFile::new("[[rule]]\nname = \"x\"\neffect = \"allow\"\nwhen = \"role_alows\"\n");
    let mut agent = file.options().expected_to_fail().start();
    eventually("the agent to give up", || (!agent.is_running()).then_some(()));
    let log = agent.log();
    assert!(log.contains("line 4: rule \"x\"") && log.contains("role_alows"), "{log}");
}
