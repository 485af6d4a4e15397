//! Disks that are full, and files that cannot be written: control is refused, reads go on, and all is well again by itself.
#![allow(clippy::print_stderr, reason = "what is skipped says why")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use procwire_client::{Client, ErrorKind};
use procwire_proto::v1::{ErrorReason, ProcessRef};
use procwire_tests::{Agent, Role, Victim, waiting::eventually_async};

use super::{assert_whole, head, status, try_out};

/// Tells of each decision whether it was possible.
async fn is_refused(client: &Client, target: &ProcessRef) -> bool {
    match try_out(client, target).await {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.reason(), Some(ErrorReason::AuditUnavailable), "{error}");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            true
        }
    }
}

/// Control is refused and says why; reads go on; nothing was done.
async fn assert_only_reads_go_on(agent: &Agent, victim: &Victim) {
    let client = agent.client(Role::Operator);
    let error = match client.control().terminate(&victim.reference()).reason("not on record").await {
        Err(error) => error,
        Ok(termination) => termination.outcome().await.expect_err("it was done"),
    };
    assert_eq!(error.reason(), Some(ErrorReason::AuditUnavailable), "{error}");
    assert!(victim.is_alive());
    agent.client(Role::Reader).processes().list().await.expect("reads go on");
    let status = status(agent).await;
    assert!(status.failures > 0 && status.problem.starts_with("audit file "), "{status:?}");
}

/// It works again, without anybody having told the agent.
async fn assert_all_is_well_again(agent: &Agent, victim: &Victim, file: &Path) {
    let client = agent.client(Role::Operator);
    eventually_async("the trail to be written again", || async {
        (!is_refused(&client, &victim.reference()).await).then_some(())
    })
    .await;
    client.control().terminate(&victim.reference()).reason("on record").await.unwrap().outcome().await.unwrap();
    victim.ended();
    assert_eq!(status(agent).await.problem, "");
    assert_whole(&[file], &["--head", &head(agent).await]);
}

#[tokio::test]
async fn a_file_that_may_not_grow_stops_control_until_it_may() {
    if !Command::new("prlimit").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no prlimit(1), which could lift the limit again");
        return;
    }
    let script = "trap '' XFSZ; ulimit -S -f 24; exec \"$@\"";
    let agent = Agent::options().started_by(["sh", "-c", script, "sh"]).start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    while !is_refused(&client, &victim.reference()).await {}
    assert_only_reads_go_on(&agent, &victim).await;
    assert_whole(&[&agent.path("audit.jsonl")], &[]);
    let lifted =
        Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &agent.pid().to_string()]).output().unwrap();
    if !lifted.status.success() {
        eprintln!("skipped: the limit cannot be lifted: {}", String::from_utf8_lossy(&lifted.stderr));
        return;
    }
    assert_all_is_well_again(&agent, &victim, &agent.path("audit.jsonl")).await;
}

/// A small disk of its own below the agent's audit file.
const SMALL_DISK: &str = "mkdir small && mount -t tmpfs -o size=64k,mode=0700 small small && : >audit.jsonl && (umask 077; : >small/audit) \
     && mount --bind small/audit audit.jsonl && exec \"$@\"";

#[tokio::test]
async fn a_full_disk_stops_control_until_there_is_room() {
    let trial = tempfile::tempdir().unwrap();
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", SMALL_DISK, "sh", "true"])
        .current_dir(trial.path())
        .output();
    if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        eprintln!("skipped: no disk can be mounted in a namespace of one's own: {tried:?}");
        return;
    }
    let agent = Agent::options().started_by(["unshare", "--mount", "sh", "-c", SMALL_DISK, "sh"]).start();
    let small = PathBuf::from(format!("/proc/{}/root{}", agent.pid(), agent.path("small").display()));
    let victim = Victim::start(&["sleep"]);
    let filler = small.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    // What is left of the page that the trail ends in.
    let client = agent.client(Role::Operator);
    while !is_refused(&client, &victim.reference()).await {}
    assert_only_reads_go_on(&agent, &victim).await;
    assert_whole(&[&small.join("audit")], &[]);
    drop(file);
    fs::remove_file(&filler).unwrap();
    assert_all_is_well_again(&agent, &victim, &small.join("audit")).await;
}

#[tokio::test]
async fn a_file_that_is_gone_and_cannot_be_made_stops_control_until_it_can() {
    let agent = Agent::start();
    let victim = Victim::start(&["sleep"]);
    let (file, aside) = (agent.path("audit.jsonl"), agent.path("aside.jsonl"));
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    assert_only_reads_go_on(&agent, &victim).await;
    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    assert_all_is_well_again(&agent, &victim, &file).await;
}

#[tokio::test]
async fn an_agent_starts_on_a_full_disk_and_says_so_later() {
    // Nothing can be written from the start: not even that it has started.
    let agent = Agent::options().full_disk().start();
    let victim = Victim::start(&["sleep"]);
    assert_only_reads_go_on(&agent, &victim).await;
}
