//! A trail of real calls, and what is done to it by somebody who can write the file.

use std::{fs, path::PathBuf, process::Command};

use procwire_tests::{Agent, Role, Victim, python, workspace};

use super::{assert_whole, head, try_out, verify};

/// The lines of a real trail, where it is, and its head.
async fn trail(agent: &Agent) -> (Vec<String>, String) {
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    for _ in 0..6 {
        try_out(&client, &victim.reference()).await.unwrap();
    }
    let text = fs::read_to_string(agent.path("audit.jsonl")).unwrap();
    (text.lines().map(|line| line.to_owned() + "\n").collect(), head(agent).await)
}

#[tokio::test]
async fn every_tampering_is_found_and_the_line_is_named() {
    let agent = Agent::start();
    let (lines, head) = trail(&agent).await;
    let file = agent.path("copy.jsonl");
    let check = |lines: &[String], more: &[&str]| {
        fs::write(&file, lines.concat()).unwrap();
        verify(&[&file], more)
    };
    assert_eq!(check(&lines, &[]).0, 0);

    let changed = |at: usize| {
        let mut lines = lines.clone();
        lines[at] = lines[at].replace("to be on record", "to be on retord");
        lines
    };
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat();
    let mut doubled = lines.clone();
    doubled.insert(4, lines[3].clone());
    let mut foreign = lines.clone();
    foreign.insert(4, "{\"event\":\"decision\"}\n".to_owned());
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    let mut torn = lines.clone();
    let last = torn.pop().unwrap();
    torn.push(last[..40].to_owned());
    for (what, lines, said) in [
        ("changed", changed(3), "copy.jsonl:4: record 4 was changed: the hash is not that of the text"),
        ("dropped", without(3), "copy.jsonl:4: before this line record 4 is missing"),
        ("its beginning dropped", without(0), "copy.jsonl:1: the beginning of the file is missing"),
        ("doubled", doubled, "copy.jsonl:4: record 4 was put in"),
        ("put in", foreign, "copy.jsonl:5: the line is no record of an audit trail, and was put in"),
        ("swapped", swapped, "copy.jsonl:5: record 4 was moved here"),
        ("torn", torn, "copy.jsonl:8: torn: 40 bytes of a line without its end"),
    ] {
        let (code, found) = check(&lines, &[]);
        assert_eq!(code, 1, "{what}: {found}");
        assert!(found.contains(said), "{what}: {found}");
        assert!(found.contains("THE CHAIN IS NOT WHOLE"), "{what}: {found}");
    }

    let shortened = &lines[..lines.len() - 2];
    assert_eq!(check(shortened, &[]).0, 0, "an end that is cut off is no break of the chain");
    let (code, found) = check(shortened, &["--head", &head]);
    assert!(code == 1 && found.contains("the end was cut off: records 7 to 8 are missing"), "{found}");
    assert_eq!(check(&[], &[]).0, 1, "an empty file is no trail");
    assert_eq!(check(&lines, &["--head", "7:xyz"]).0, 2);

    fs::write(&file, changed(3).concat()).unwrap();
    let output = procwire_tests::Shell::new().run(&["audit", "verify", file.to_str().unwrap(), "-o", "json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&verdict["whole"], &verdict["findings"][0]["line"]), (&false.into(), &4.into()));
    assert_eq!(verdict["findings"][0]["kind"], "changed");
}

#[tokio::test]
async fn a_trail_can_be_read_from_standard_input() {
    let agent = Agent::start();
    let (_, head) = trail(&agent).await;
    let shell = procwire_tests::Shell::new();
    let file = fs::File::open(agent.path("audit.jsonl")).unwrap();
    let output = shell.command(&["audit", "verify", "-", "--head", &head]).stdin(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn the_script_of_the_documentation_finds_the_same() {
    let agent = Agent::start();
    let (lines, head) = trail(&agent).await;
    let text = fs::read_to_string(workspace().join("docs/audit.md")).unwrap();
    let script = text.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
    let (program, copy) = (agent.path("verify.py"), agent.path("copy.jsonl"));
    fs::write(&program, script).unwrap();
    let run = |file: &PathBuf| Command::new(python::python()).arg(&program).arg(file).output().unwrap();
    let good = run(&agent.path("audit.jsonl"));
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert_eq!(String::from_utf8(good.stdout).unwrap().trim(), head);
    assert_whole(&[&agent.path("audit.jsonl")], &[]);
    let changed: Vec<String> = lines.iter().map(|line| line.replacen("operator", "operatos", 1)).collect();
    let dropped = [&lines[..3], &lines[4..]].concat();
    for bad in [changed, dropped] {
        fs::write(&copy, bad.concat()).unwrap();
        assert!(!run(&copy).status.success());
    }
}
