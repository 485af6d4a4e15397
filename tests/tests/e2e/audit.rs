//! The audit trail of a real agent: what is in it, whether it can be trusted, and what becomes of it when things go wrong.

mod disk;
mod tampering;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use procwire_client::{Client, Error};
use procwire_proto::v1::{AuditStatus, ProcessRef};
use procwire_tests::{Agent, Role, Shell, Victim, waiting::eventually_async};
use serde_json::Value;

/// Asks what would be done; the decision is on record.
async fn try_out(client: &Client, target: &ProcessRef) -> Result<(), Error> {
    try_out_because(client, target, "to be on record").await
}

async fn try_out_because(client: &Client, target: &ProcessRef, reason: &str) -> Result<(), Error> {
    let termination = client.control().terminate(target).dry_run(true).reason(reason).await?;
    termination.outcome().await.map(drop)
}

async fn status(agent: &Agent) -> AuditStatus {
    agent.client(Role::Reader).agent().status().await.unwrap().audit.unwrap()
}

/// As `audit verify --head` takes it.
async fn head(agent: &Agent) -> String {
    let status = status(agent).await;
    format!("{}:{}", status.sequence, status.head_hash)
}

/// What `audit verify` says of these files, and its exit code.
fn verify(paths: &[&Path], more: &[&str]) -> (i32, String) {
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["audit", "verify"].into_iter().chain(paths).chain(more.iter().copied()).collect();
    let output = Shell::new().run(&arguments);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[track_caller]
fn assert_whole(paths: &[&Path], more: &[&str]) {
    let (code, said) = verify(paths, more);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("the chain is whole: "), "{said}");
}

fn events(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_trail_says_who_did_what_and_how_it_came_out() {
    let mut agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let target = victim.reference();
    let client = agent.client(Role::Operator);
    let request = client.control().terminate(&target).reason("end\u{1b}[2J of test").request_id("r-1");
    request.await.unwrap().outcome().await.unwrap();
    agent.client(Role::Reader).control().terminate(&target).reason("denied").await.unwrap_err();
    client.control().terminate(&target).signal(77).reason("nonsense").await.unwrap_err();
    let head = head(&agent).await;
    agent.terminate();
    agent.ended().await;

    let records = agent.audit();
    assert_eq!(events(&records), ["begin", "start", "decision", "outcome", "denial", "denial", "stop"]);
    for (record, number) in records.iter().zip(1..) {
        assert_eq!(record["seq"], number);
    }
    for record in &records[2..4] {
        assert_eq!((&record["request_id"], &record["reason"]), (&"r-1".into(), &r"end\x1b[2J of test".into()));
        assert_eq!(record["targets"][0]["pid"], victim.pid());
        assert!(record["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{record}");
        assert!(!record["serial"].as_str().unwrap().is_empty() && record["roles"] == "operator", "{record}");
    }
    assert_whole(&[&agent.path("audit.jsonl")], &["--head", &head]);
}

#[tokio::test]
async fn people_find_what_they_look_for() {
    let agent = Agent::start();
    let victims = [Victim::start(&["sleep"]), Victim::start(&["sleep"])];
    let client = agent.client(Role::Operator);
    for victim in &victims {
        client.control().terminate(&victim.reference()).reason("sweep").await.unwrap().outcome().await.unwrap();
    }
    let (shell, file) = (Shell::new(), agent.path("audit.jsonl"));
    let file = file.to_str().unwrap();
    let pid = victims[1].pid().to_string();
    let table = shell.answer(&["audit", "show", file, "--pid", &pid, "--event", "outcome"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("TerminateProcesses") && table.contains("exited signal=TERM"), "{table}");
    let text = fs::read_to_string(file).unwrap();
    let raw = shell.answer(&["audit", "show", file, "--method", "terminateprocesses", "-o", "json"]);
    assert_eq!(raw.lines().count(), 4);
    assert!(raw.lines().all(|line| text.lines().any(|written| written == line)), "lines come as they are");
    assert_eq!(shell.answer(&["audit", "show", file, "-o", "ndjson"]), text, "and can be checked again");
    let tail = shell.answer(&["audit", "tail", file, "-n", "1"]);
    assert!(tail.contains(" outcome ") && tail.contains("because: sweep"), "{tail}");
    shell.fails_with(2, &["audit", "show", "none.jsonl"]);
    shell.fails_with(2, &["audit", "verify", "none.jsonl"]);
}

#[tokio::test]
async fn a_trail_is_followed_through_rotation() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    let file = agent.path("audit.jsonl");
    try_out(&client, &victim.reference()).await.unwrap();
    let mut command = Shell::new().command(&["audit", "tail", "-f", "-n", "2", file.to_str().unwrap()]);
    let mut tail = Ended(command.current_dir("/").stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains(" start; version="));
    assert!(lines.next().unwrap().unwrap().contains(" decision "));
    try_out(&client, &victim.reference()).await.unwrap();
    assert!(lines.next().unwrap().unwrap().contains(" decision "));
    fs::rename(&file, agent.path("audit.jsonl.1")).unwrap();
    try_out(&client, &victim.reference()).await.unwrap();
    assert!(lines.next().unwrap().unwrap().contains(" continue: goes on from record 4 "));
    assert!(lines.next().unwrap().unwrap().contains(" decision "));
}

/// A program that would go on for ever.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_chain_goes_on_through_restarts_crashes_and_torn_lines() {
    let mut agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let file = agent.path("audit.jsonl");
    try_out(&agent.client(Role::Operator), &victim.reference()).await.unwrap();
    agent.terminate();
    agent.ended().await;
    agent.start_again();
    try_out(&agent.client(Role::Operator), &victim.reference()).await.unwrap();
    agent.crash();
    let torn = fs::read_to_string(&file).unwrap() + "{\"seq\":7,\"prev\":\"00";
    fs::write(&file, torn).unwrap();
    assert_eq!(verify(&[&file], &[]).0, 1);
    agent.start_again();
    try_out(&agent.client(Role::Operator), &victim.reference()).await.unwrap();

    let records = agent.audit();
    let expected = ["begin", "start", "decision", "stop", "start", "decision", "mend", "start", "decision"];
    assert_eq!(events(&records), expected);
    assert_eq!(records[6]["result"], "took out half a record of 19 bytes behind record 6");
    assert_whole(&[&file], &["--head", &head(&agent).await]);
}

#[tokio::test]
async fn a_chain_goes_on_through_rotations() {
    let mut agent = Agent::options().set("audit.rotate_size", "64KiB").set("audit.keep", 2).start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    let oldest = agent.path("audit.jsonl.2");
    while !oldest.exists() {
        try_out_because(&client, &victim.reference(), &"x".repeat(1024)).await.unwrap();
    }
    let files = [agent.path("audit.jsonl"), agent.path("audit.jsonl.1"), oldest];
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    assert_whole(&files, &["--head", &head(&agent).await]);
    let (code, said) = verify(&[files[0], files[2]], &[]);
    assert!(code == 1 && said.contains(" are missing"), "{said}");

    // Moved away by something else, while it runs and while it does not.
    fs::rename(files[0], agent.path("audit.jsonl-1")).unwrap();
    try_out(&client, &victim.reference()).await.unwrap();
    agent.terminate();
    agent.ended().await;
    fs::rename(files[0], agent.path("audit.jsonl-2")).unwrap();
    agent.start_again();
    let moved = [agent.path("audit.jsonl-1"), agent.path("audit.jsonl-2")];
    let all: Vec<&Path> = files.iter().copied().chain(moved.iter().map(PathBuf::as_path)).collect();
    assert_whole(&all, &["--head", &head(&agent).await]);
}

#[tokio::test]
async fn who_reads_the_values_of_an_environment_is_on_record() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let read = |role| {
        let client = agent.client(role);
        let reference = victim.reference();
        async move { client.processes().get(&reference).fields(["environ"]).await.unwrap() }
    };
    read(Role::Inspector).await;
    read(Role::Admin).await;
    let record = eventually_async("the record of the access", || async {
        agent.audit().into_iter().find(|record| record["event"] == "access")
    });
    let record = record.await;
    assert_eq!((&record["arguments"], &record["roles"]), (&"environ, values without secrets".into(), &"admin".into()));
    assert_eq!(agent.audit().iter().filter(|record| record["event"] == "access").count(), 1, "the inspector got names");
}

#[tokio::test]
async fn an_agent_does_not_take_a_file_that_others_can_change() {
    let mut agent = Agent::start();
    agent.terminate();
    agent.ended().await;
    let file = agent.path("audit.jsonl");
    assert!(Command::new("chmod").arg("g+w").arg(&file).status().unwrap().success());
    let log = agent.log();
    let mut second = Command::new(procwire_tests::programs::procwired());
    let paths = ["agent.crt", "agent.key", "ca.crt"].map(|name| agent.path(name));
    second.args(["--listen", "127.0.0.1:0", "--config", "/dev/null", "--audit-file"]).arg(&file);
    second
        .arg("--tls-certificate")
        .arg(&paths[0])
        .arg("--tls-key")
        .arg(&paths[1])
        .arg("--tls-client-ca")
        .arg(&paths[2]);
    for check in [&[][..], &["--check"]] {
        let output = Command::new(second.get_program()).args(second.get_args()).args(check).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && said.contains("others than its owner can write it"), "{said}\n{log}");
    }
}
