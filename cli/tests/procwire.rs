//! The tool as its users meet it: what it prints, on which stream, and its exit code.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use serde_json::Value;

/// The tool, untouched by the configuration of whoever runs the tests.
fn procwire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_procwire"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PROCWIRE_")) {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

fn run(arguments: &[&str]) -> Output {
    procwire().args(arguments).output().unwrap()
}

fn exit_code(arguments: &[&str]) -> i32 {
    run(arguments).status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A process that exits with 7 on SIGTERM, or when it is dropped.
struct Target {
    child: Child,
    /// Waiting for a child closes its standard input, and this one ends when it is closed.
    _lifeline: Option<ChildStdin>,
}

impl Target {
    fn start() -> Self {
        Self::start_as("procwire")
    }

    fn start_as(name: &str) -> Self {
        let mut command = procwire();
        command.arg0(name).arg("demo-child").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let lifeline = child.stdin.take();
        Self { child, _lifeline: lifeline }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn json_has_one_object_per_process() {
    let own = std::process::id();
    let array: Vec<Value> = serde_json::from_slice(&run(&["ps", "-o", "json"]).stdout).unwrap();
    let lines = text(&run(&["ps", "-o", "ndjson"]).stdout);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for processes in [array, lines] {
        let found: Vec<_> = processes.iter().filter(|process| process["pid"] == own).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["ppid"].as_u64().unwrap(), u64::from(std::os::unix::process::parent_id()));
    }
}

#[test]
fn columns_follow_the_fields() {
    let output = run(&["ps", "--fields", "name,pid"]);
    assert!(output.status.success());
    let table = text(&output.stdout);
    assert_eq!(table.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(), ["NAME", "PID"]);
}

#[test]
fn an_unknown_field_is_a_usage_error_that_says_what_was_meant() {
    let output = run(&["ps", "--fields", "pid,memory.resident"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("memory.resident_bytes"), "{}", text(&output.stderr));
}

#[test]
fn a_hostile_name_is_shown_and_not_obeyed() {
    let target = Target::start_as("evil\n\u{1b}[2J\u{202e}");
    for arguments in [&["ps"][..], &["ps", "-o", "wide"], &["ps", "--fields", "pid,cmdline"], &["info", &target.pid()]]
    {
        let output = run(arguments);
        let shown = text(&output.stdout);
        assert!(shown.contains(r"evil\n\x1b[2J\u{202e} demo-child"), "{arguments:?}: {shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{arguments:?}");
    }
    let json = text(&run(&["info", &target.pid(), "-o", "json"]).stdout);
    assert!(!json.contains(['\u{1b}', '\u{202e}']));
    let process: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(process["cmdline"][0], "evil\n\u{1b}[2J\u{202e}");
}

#[test]
fn nothing_is_coloured_or_cut_without_a_terminal() {
    let long = "x".repeat(500);
    let _target = Target::start_as(&long);
    let output = procwire().args(["ps"]).env("COLUMNS", "40").output().unwrap();
    assert!(text(&output.stdout).contains(&long));
    assert!(!text(&output.stdout).contains('\u{1b}'));
    let coloured = procwire().args(["ps", "--color", "always"]).env("NO_COLOR", "1").output().unwrap();
    assert!(text(&coloured.stdout).contains('\u{1b}'));
}

#[test]
fn a_process_is_terminated_and_its_exit_status_told() {
    let mut target = Target::start();
    let pid = target.pid();
    // The kernel tells the agent how a process ended once its parent has asked.
    let dry_run = run(&["terminate", &pid, "--dry-run"]);
    assert!(dry_run.status.success() && text(&dry_run.stdout).contains("nothing is done"));
    assert!(target.child.try_wait().unwrap().is_none());
    let terminate = procwire().args(["terminate", &pid, "-o", "ndjson"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(target.child.wait().unwrap().code(), Some(7));
    let output = terminate.wait_with_output().unwrap();
    assert!(output.status.success());
    let events: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["plan"]["signal"], "term");
    assert_eq!(events[1]["progress"]["signalled"]["signal"], "term");
    let exited = &events[2]["progress"]["exited"];
    assert!(exited["code"] == 7 || exited.get("unknown").is_some(), "{exited}");
    assert_eq!(events[3]["summary"]["exited"], 1);
}

#[test]
fn waiting_out_the_time_is_no_success() {
    let target = Target::start();
    let output = run(&["wait", &target.pid(), "--timeout", "0s"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stdout).contains("still running"));
}

#[test]
fn exit_codes_say_what_was_wrong() {
    let target = Target::start();
    let reused = format!("{}@1", target.pid());
    let folder = tempfile::tempdir().unwrap();
    let pki = folder.path().to_str().unwrap();
    assert_eq!(exit_code(&["pki", "init", "--dir", pki]), 0);
    assert_eq!(exit_code(&["pki", "issue", "client", "me", "--role", "reader", "--dir", pki]), 0);
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (ca, cert, key) = (file("ca.crt"), file("me.crt"), file("me.key"));
    // Port 1 of the loopback: nobody listens there.
    let remote = ["--endpoint", "https://127.0.0.1:1", "--ca", &ca, "--cert", &cert, "--key", &key, "ps"];
    for (arguments, wanted) in [
        (&["nonsense"][..], 2),
        (&["ps", "--context", "nowhere"], 2),
        (&["ps", "--endpoint", "https://127.0.0.1:1"], 2),
        (&["pidof", "no program has this name"], 1),
        (&["pgrep", "-x", "no program has this name"], 1),
        (&["pgrep"], 2),
        (&["ps", "--sort", "nonsense"], 2),
        (&["ps", "4194304"], 3),
        (&["info", "4194304"], 3),
        (&["terminate", &reused], 3),
        (&["wait", &reused], 3),
        (&["terminate", "1"], 4),
        (&remote, 6),
        (&["--version"], 0),
        (&["ps", "--help"], 0),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(wanted), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_closed_pipe_is_success() {
    for arguments in [
        &["ps"][..],
        &["ps", "-o", "ndjson"],
        &["tree"],
        &["mem", "-o", "json"],
        &["watch", "system", "--interval", "100ms"],
    ] {
        let mut child = procwire().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_watch_ends_after_its_samples() {
    let output = run(&["watch", "system", "--interval", "100ms", "--count", "2", "-o", "ndjson", "--fields", "load"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 2);
}

#[test]
fn contexts_are_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let with_config = |arguments: &[&str]| {
        let output = procwire().args(arguments).env("XDG_CONFIG_HOME", folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    with_config(&["context", "add", "web", "--endpoint", "https://web:7443"]);
    let listed: Vec<Value> = serde_json::from_str(&with_config(&["context", "list", "-o", "json"])).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["in_use"]), (&Value::from("web"), &Value::from(true)));
    with_config(&["context", "use", "local"]);
    assert!(with_config(&["ps", "-n", "1"]).contains("PID"));
    with_config(&["context", "remove", "web"]);
    assert_eq!(with_config(&["context", "list", "-o", "json"]), "[]\n");
}

#[test]
fn the_demonstration_shows_it_all_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = procwire().arg("demo").env("TMPDIR", folder.path()).output().unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", text(&output.stderr));
    for wanted in
        ["connected as alice", "COMMAND", "BUSY%", "ended: exit", "needs the role operator", "procwire pki init"]
    {
        assert!(shown.contains(wanted), "{wanted:?} is not in:\n{shown}");
    }
    let longest = shown.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 100, "{longest}");
    assert_eq!(left_in(folder.path()), Vec::<String>::new());
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
