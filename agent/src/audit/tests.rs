//! What the trail holds, and what it never holds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{fs, path::PathBuf};

use bytes::Bytes;
use procwire_proto::v1::ProcessRef;
use serde_json::Value;
use tempfile::TempDir;

use super::{repeats::KINDS_OF_A_PRINCIPAL, *};
use crate::access::Principal;

struct Trail {
    folder: TempDir,
    audit: Audit,
}

impl Trail {
    fn new() -> Trail {
        let folder = TempDir::new().unwrap();
        let audit = Audit::to_file(&folder.path().join("audit.jsonl")).unwrap();
        Trail { folder, audit }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// All but what the trail says of itself.
    fn lines(&self) -> Vec<Value> {
        self.all_lines().into_iter().filter(|line| line.get("method").is_some()).collect()
    }

    fn all_lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn head(&self) -> (u64, String) {
        let status = self.audit.status();
        (status.sequence, status.head_hash)
    }

    fn events(&self) -> Vec<String> {
        self.all_lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }

    async fn deny(&self, method: &str) {
        let principal = Principal::local();
        let record = denial(&principal, method);
        self.audit.record(record).await.unwrap();
    }
}

fn denial<'a>(principal: &'a Principal, method: &'a str) -> AuditRecord<'a> {
    AuditRecord {
        rule: "role operator",
        ..AuditRecord::new(AuditEvent::Denial, principal, method, AuditDecision::Denied)
    }
}

#[tokio::test]
async fn a_decision_is_one_line_whatever_the_strings_hold() {
    let trail = Trail::new();
    let reference =
        ProcessRef { pid: 42, start_ticks: 7, boot_id: Bytes::from_static(&[0xab; 16]), ..ProcessRef::default() };
    let principal = Principal::local();
    let targets = [AuditTarget { name: b"ev\nil\xff\x1b[2J", user_id: Some(1000), ..AuditTarget::from(&reference) }];
    let record = AuditRecord {
        event: AuditEvent::Decision,
        request_id: "r-1\n{}",
        reason: "\u{202e}deploy",
        targets: &targets,
        arguments: "signal=TERM",
        decision: AuditDecision::Allowed,
        ..denial(&principal, "/procwire.v1.ControlService/TerminateProcesses")
    };
    trail.audit.record(record).await.unwrap();

    let lines = trail.lines();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(line["event"], "decision");
    assert_eq!(line["decision"], "allowed");
    assert_eq!(line["principal"], "local");
    assert_eq!(line["roles"], "admin");
    assert_eq!(line["request_id"], r"r-1\n{}");
    assert_eq!(line["reason"], r"\u{202e}deploy");
    assert_eq!(line["targets"][0]["name"], r"ev\nil\xff\x1b[2J");
    assert_eq!(line["targets"][0]["boot_id"], "ab".repeat(16));
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
    assert!(line.get("result").is_none());
}

#[tokio::test]
async fn repeated_denials_are_counted_not_written() {
    let trail = Trail::new();
    for _ in 0..500 {
        trail.deny("/a").await;
    }
    trail.deny("/b").await;
    assert_eq!(trail.lines().len(), 2);
    trail.audit.finish("in order").await;
    let lines = trail.lines();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[2]["method"], &lines[2]["repeated"]), (&Value::from("/a"), &Value::from(499)));
    trail.deny("/a").await;
    assert_eq!(trail.lines().len(), 4, "after the count was written the next one is a first one again");
}

#[tokio::test]
async fn a_flood_of_kinds_of_one_caller_shares_one_count() {
    let trail = Trail::new();
    for number in 0..3000 {
        let line = Line::new(&denial(&Principal::local(), &format!("/{number}")));
        trail.audit.repeats().see(&line);
    }
    let counted = trail.audit.repeats().take_all();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].repeated, Some(3000 - KINDS_OF_A_PRINCIPAL as u64 - 1));
}

#[tokio::test]
async fn outcomes_are_never_counted_away() {
    let trail = Trail::new();
    let principal = Principal::local();
    for _ in 0..3 {
        let record = AuditRecord { event: AuditEvent::Outcome, result: Some("exited"), ..denial(&principal, "/a") };
        trail.audit.record(record).await.unwrap();
    }
    assert_eq!(trail.lines().len(), 3);
}

#[tokio::test]
async fn a_trail_that_cannot_be_written_says_so() {
    let trail = Trail::new();
    fs::remove_dir_all(trail.folder.path()).unwrap();
    let principal = Principal::local();
    let record = AuditRecord { event: AuditEvent::Decision, ..denial(&principal, "/a") };
    let error = trail.audit.record(record).await.unwrap_err();
    assert!(error.to_string().starts_with("audit file /"), "{error}");
}

#[tokio::test]
async fn the_trail_goes_on_after_log_rotation() {
    let trail = Trail::new();
    trail.deny("/a").await;
    fs::rename(trail.path(), trail.folder.path().join("audit.jsonl.1")).unwrap();
    trail.deny("/b").await;
    let lines = trail.lines();
    assert_eq!((lines.len(), &lines[0]["method"]), (1, &Value::from("/b")));
}

#[test]
fn a_device_is_no_audit_file() {
    let error = Audit::to_file(Path::new("/dev/null")).unwrap_err();
    assert_eq!(error.to_string(), "audit file /dev/null: not a regular file");
}

#[test]
fn nobody_else_reads_the_trail() {
    use std::os::unix::fs::PermissionsExt as _;
    let trail = Trail::new();
    assert_eq!(fs::metadata(trail.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_waits_together_is_written_together_and_in_one_chain() {
    let trail = Trail::new();
    let principal = Principal::local();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (audit, principal) = (trail.audit.clone(), principal.clone());
        tasks.spawn(async move {
            let id = format!("r-{number}");
            let record = AuditRecord {
                request_id: &id,
                ..AuditRecord::new(AuditEvent::Decision, &principal, "/a", AuditDecision::Allowed)
            };
            audit.record(record).await.unwrap();
        });
    }
    tasks.join_all().await;
    let mut verifier = verify::Verifier::default();
    verifier.file("audit");
    fs::read_to_string(trail.path()).unwrap().lines().for_each(|line| verifier.line(line.as_bytes()));
    let verdict = verifier.finish();
    assert_eq!((verdict.findings, verdict.records), (vec![], 501));
    let head = verdict.head.unwrap();
    assert_eq!(trail.head(), (501, head.hash.to_string()), "the status tells the head");
}

#[tokio::test]
async fn the_agent_says_what_it_does_by_itself() {
    let trail = Trail::new();
    trail.audit.note_start("127.0.0.1:7443".parse().unwrap());
    trail.audit.note(AuditEvent::Reloaded, "what=policy", "12 rules");
    trail.audit.note_about(AuditEvent::ClientCutOff, &Principal::local(), "", "revoked");
    trail.audit.note_access(&Principal::local(), "/procwire.v1.ProcessService/GetProcess", "environ, unmasked");
    trail.audit.note_access(&Principal::local(), "/procwire.v1.ProcessService/GetProcess", "environ, unmasked");
    trail.audit.finish("in order").await;
    assert_eq!(trail.events(), ["begin", "start", "reloaded", "client_cut_off", "access", "access", "stop"]);
    let lines = trail.all_lines();
    assert_eq!((lines[2].get("principal"), lines[2].get("decision")), (None, None));
    assert_eq!((&lines[3]["principal"], lines[5]["repeated"].as_u64()), (&Value::from("local"), Some(1)));
}

#[tokio::test]
async fn what_is_past_is_written_when_the_trail_can_be_written_again() {
    let trail = Trail::new();
    let folder = trail.folder.path().to_owned();
    let aside = folder.with_extension("aside");
    fs::rename(&folder, &aside).unwrap();
    let principal = Principal::local();
    let record = |event| AuditRecord::new(event, &principal, "/a", AuditDecision::Allowed);
    trail.audit.record(record(AuditEvent::Decision)).await.unwrap_err();
    trail.audit.record(record(AuditEvent::Outcome)).await.unwrap_err();
    let status = trail.audit.status();
    assert_eq!(status.failures, 2);
    assert!(status.problem.starts_with("audit file /"), "{}", status.problem);
    fs::rename(&aside, &folder).unwrap();
    trail.audit.record(record(AuditEvent::Decision)).await.unwrap();
    assert_eq!(trail.events(), ["begin", "outcome", "decision"], "what was refused is not on record as done");
    let status = trail.audit.status();
    assert_eq!((status.failures, status.problem.as_str()), (2, ""));
}
