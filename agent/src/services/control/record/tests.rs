#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::v1::ErrorReason;
use serde_json::Value;
use tempfile::TempDir;

use super::*;

struct Trail {
    folder: TempDir,
    audit: Audit,
    caller: Principal,
}

impl Trail {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let audit = Audit::to_file(&folder.path().join("audit")).unwrap();
        Self { folder, audit, caller: Principal::local() }
    }

    fn action(&self) -> Action<'_> {
        Action {
            caller: &self.caller,
            method: "SignalProcesses",
            request_id: "r-1",
            reason: "because",
            arguments: "signal=TERM",
            dry_run: false,
        }
    }

    /// Lines of control actions so far.
    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("audit")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["method"] == "/procwire.v1.ControlService/SignalProcesses").collect()
    }
}

fn targets(count: u32) -> Vec<ProcessRef> {
    (1..=count).map(|pid| ProcessRef { pid, start_ticks: 7, ..ProcessRef::default() }).collect()
}

fn failure(text: &str) -> Failure {
    Failure::new(ErrorReason::PolicyDenied, text)
}

#[tokio::test]
async fn what_all_targets_share_is_said_once() {
    let trail = Trail::new();
    let targets = targets(2);
    Record::decision(trail.action(), targets.iter().map(|target| (target, "role operator")))
        .write(&trail.audit)
        .await
        .unwrap();
    let results = ["signalled", "refused, gone"];
    Record::outcome(trail.action(), targets.iter().zip(results)).write(&trail.audit).await.unwrap();
    let lines = trail.lines();
    assert_eq!((&lines[0]["rule"], &lines[0]["decision"]), (&Value::from("role operator"), &Value::from("allowed")));
    assert_eq!(lines[0]["targets"][1].get("rule"), None);
    assert_eq!((lines[1].get("result"), &lines[1]["event"]), (None, &Value::from("outcome")));
    assert_eq!(lines[1]["targets"][0]["result"], "signalled");
    assert_eq!(lines[1]["targets"][1]["result"], "refused, gone");
}

#[tokio::test]
async fn thousands_of_outcomes_are_all_on_record_in_lines_of_bounded_length() {
    let trail = Trail::new();
    let targets = targets(2000);
    let results = targets.iter().map(|target| (target, format!("exited code={}", target.pid)));
    Record::outcome(trail.action(), results).write(&trail.audit).await.unwrap();
    let lines = trail.lines();
    assert_eq!(lines.len(), 2000_usize.div_ceil(TARGETS_PER_LINE));
    let mut seen = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["part"]["number"], index + 1);
        assert_eq!(line["part"]["of"], lines.len());
        let named = line["targets"].as_array().unwrap();
        assert!(named.len() <= TARGETS_PER_LINE);
        seen.extend(named.iter().map(|target| {
            assert_eq!(target["result"], format!("exited code={}", target["pid"]));
            u32::try_from(target["pid"].as_u64().unwrap()).unwrap()
        }));
    }
    assert!(seen.into_iter().eq(1..=2000));
}

#[tokio::test]
async fn a_refusal_of_thousands_is_one_line_that_says_how_many() {
    let trail = Trail::new();
    let targets = targets(1000);
    let failure = failure("no");
    Record::refusal(trail.action(), targets.iter().map(|target| (target, &failure))).write(&trail.audit).await.unwrap();
    let lines = trail.lines();
    assert_eq!((lines.len(), &lines[0]["targets_total"]), (1, &Value::from(1000)));
    assert_eq!(lines[0]["targets"].as_array().unwrap().len(), TARGETS_PER_LINE);
    assert_eq!((&lines[0]["rule"], &lines[0]["decision"]), (&Value::from("POLICY_DENIED: no"), &Value::from("denied")));
}

#[tokio::test]
async fn a_dry_run_of_thousands_is_one_line_that_says_how_many() {
    let trail = Trail::new();
    let targets = targets(5000);
    let action = Action { dry_run: true, ..trail.action() };
    Record::decision(action, targets.iter().map(|target| (target, "role operator"))).write(&trail.audit).await.unwrap();
    let lines = trail.lines();
    assert_eq!((lines.len(), &lines[0]["targets_total"]), (1, &Value::from(5000)));
    assert_eq!(lines[0]["targets"].as_array().unwrap().len(), TARGETS_PER_LINE);
    assert_eq!((&lines[0]["rule"], &lines[0]["decision"]), (&Value::from("role operator"), &Value::from("dry_run")));
}

#[tokio::test]
async fn refusals_for_several_reasons_keep_each() {
    let trail = Trail::new();
    let targets = targets(2);
    let failures = [failure("one"), failure("two")];
    Record::refusal(trail.action(), targets.iter().zip(&failures)).write(&trail.audit).await.unwrap();
    let line = &trail.lines()[0];
    assert_eq!(line["rule"], "several, POLICY_DENIED: one");
    assert_eq!(line["targets"][1]["rule"], "POLICY_DENIED: two");
}

#[tokio::test]
async fn what_was_not_even_parsed_is_cut() {
    let trail = Trail::new();
    let targets = targets(5000);
    let long = "\u{e4}".repeat(100_000);
    let action = Action { request_id: &long, reason: &long, arguments: &long, ..trail.action() };
    Record::unacceptable(action, &targets, &failure(&long)).write(&trail.audit).await.unwrap();
    let line = &trail.lines()[0];
    assert_eq!(line["targets_total"], 5000);
    assert_eq!(line["targets"].as_array().unwrap().len(), TARGETS_OF_AN_UNACCEPTABLE_REQUEST);
    assert!(line.to_string().len() < 20_000, "{} bytes", line.to_string().len());
}

#[tokio::test]
async fn a_record_without_targets_is_a_line_too() {
    let trail = Trail::new();
    Record::decision(trail.action(), Vec::<(&ProcessRef, &str)>::new()).write(&trail.audit).await.unwrap();
    assert_eq!(trail.lines().len(), 1);
}
