//! The command line tool as a person uses it, in processes of their own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
};

use procwire_tests::{Agent, Role, Shell, Victim, kernel_tells_exit_status, programs, waiting::eventually};
use serde_json::Value;

fn objects(text: &str) -> Vec<Value> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>().map(Result::unwrap);
    values.flat_map(|value| if let Value::Array(rows) = value { rows } else { vec![value] }).collect()
}

/// pid -> ppid, real uid, state, name as `ps -e` tells them.
fn ps() -> BTreeMap<u64, (u64, u64, String, String)> {
    let output = Command::new("ps").args(["-eo", "pid=,ppid=,ruid=,s=,comm="]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| {
        let mut rest = line;
        let mut word = || {
            let (first, after) = rest.trim_start().split_once(' ')?;
            rest = after;
            Some(first.to_owned())
        };
        let (pid, ppid, uid, state) = (word()?.parse().ok()?, word()?.parse().ok()?, word()?.parse().ok()?, word()?);
        Some((pid, (ppid, uid, state, rest.to_owned())))
    };
    text.lines().filter_map(row).collect()
}

/// The processes about which `procwire ps -o json` and `ps -e` disagree, of those that both have.
fn disagreements(rows: &[Value], told: &BTreeMap<u64, (u64, u64, String, String)>) -> BTreeSet<u64> {
    let mut faults = BTreeSet::new();
    for row in rows {
        let pid = row["pid"].as_u64().unwrap();
        let Some((ppid, uid, state, name)) = told.get(&pid) else { continue };
        let ours = (row["ppid"].as_u64(), row["uids"]["real"].as_u64(), letter(row["state"].as_str().unwrap()));
        if ours != (Some(*ppid), Some(*uid), state.as_str()) || !same_name(row["name"].as_str().unwrap(), name) {
            faults.insert(pid);
        }
    }
    faults
}

/// ps has the kernel's 15 bytes, marks zombies, and shows what is not printable as "?".
fn same_name(ours: &str, theirs: &str) -> bool {
    let theirs = theirs.trim_end_matches(" <defunct>");
    ours == theirs || theirs.contains('?') || (theirs.len() >= 15 && ours.starts_with(theirs))
}

fn letter(state: &str) -> &'static str {
    match state {
        "running" => "R",
        "sleeping" => "S",
        "disk_sleep" => "D",
        "stopped" => "T",
        "tracing_stop" => "t",
        "zombie" => "Z",
        "dead" => "X",
        "idle" => "I",
        other => panic!("{other}"),
    }
}

#[test]
fn ps_as_json_agrees_with_ps_on_pid_parent_name_uid_and_state() {
    let shell = Shell::new();
    let victims =
        [Victim::start(&["zombie", "1"]), Victim::named(b"odd name) S 1", "sleep"), Victim::start(&["threads", "5"])];
    victims[2].signal("STOP");
    // States change between the two, also back: each process of the first round must agree in one of the rounds, or be gone.
    let mut pending: Option<BTreeSet<u64>> = None;
    eventually("agreement", || {
        let (before, rows, after) = (ps(), objects(&shell.answer(&["ps", "-o", "json"])), ps());
        let pids: Vec<_> = rows.iter().map(|row| row["pid"].as_u64().unwrap()).collect();
        let steady = before.keys().filter(|pid| after.contains_key(pid)).collect::<Vec<_>>();
        assert!(steady.len() > 5);
        let missing = steady.into_iter().filter(|pid| !pids.contains(pid)).collect::<Vec<_>>();
        assert!(missing.is_empty(), "left out: {missing:?}");
        assert!(victims.iter().all(|victim| pids.contains(&u64::from(victim.pid()))));
        let pending = pending.get_or_insert_with(|| after.keys().copied().collect());
        let faults = disagreements(&rows, &before);
        pending.retain(|pid| after.contains_key(pid) && (faults.contains(pid) || !before.contains_key(pid)));
        pending.is_empty().then_some(())
    });
}

#[test]
fn lists_have_one_json_object_per_process() {
    let shell = Shell::new();
    let text = shell.answer(&["ps", "-o", "ndjson", "--fields", "pid,name"]);
    assert!(text.lines().count() > 5);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(row["pid"].is_number(), "{row}");
    }
    assert!(objects(&shell.answer(&["ps", "-o", "json"])).len() > 5);
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let shell = Shell::new();
    let victim = Victim::named(b"\x1b[2J\n\xff\x07x", "sleep");
    for form in ["table", "wide"] {
        let output = shell.run(&["ps", "-o", form, "--color", "never"]);
        let text = String::from_utf8(output.stdout).expect("only text reaches the terminal");
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{form}");
        assert!(
            text.lines().any(|line| line.split_whitespace().any(|word| word == victim.pid().to_string())),
            "{form}"
        );
    }
    let named = shell.answer(&["ps", "--fields", "name,pid", "--color", "never"]);
    let row = named.lines().find(|line| line.trim_end().ends_with(&format!(" {}", victim.pid()))).unwrap();
    assert!(row.contains("[2J") && !row.contains('\u{1b}'), "{row:?}");
    let info = shell.answer(&["info", &victim.pid().to_string(), "--color", "never"]);
    assert!(!info.contains(['\u{1b}', '\u{7}']), "{info:?}");
}

#[test]
fn bytes_that_are_not_utf_8_are_lossless_in_json() {
    let shell = Shell::new();
    let victim = Victim::named(b"\xff\xfeodd", "sleep");
    let row = &objects(&shell.answer(&["info", &victim.pid().to_string(), "-o", "json"]))[0];
    let process = if row["process"].is_object() { &row["process"] } else { row };
    assert_eq!(process["name_base64"], "//5vZGQ=", "{row}");
}

#[test]
fn a_pipe_that_closes_early_is_no_failure() {
    let shell = Shell::new();
    let _many = Victim::start(&["spawn", "300"]);
    let mut child = shell.command(&["ps", "-o", "wide"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_reading_command_answers_from_the_embedded_agent() {
    let shell = Shell::new();
    let own = std::process::id().to_string();
    let reading: &[&[&str]] =
        &[&["ps"], &["info", &own], &["system"], &["agent", "info"], &["agent", "capabilities"], &["agent", "status"]];
    for command in reading {
        for form in ["table", "json"] {
            let text = shell.answer(&[command, ["-o", form].as_slice()].concat());
            assert!(!text.trim().is_empty(), "{command:?} -o {form}");
        }
    }
    let info = &objects(&shell.answer(&["agent", "info", "-o", "json"]))[0];
    assert_eq!(info["caller"]["principal"], "local", "{info}");
    let pids: Vec<_> = objects(&shell.answer(&["ps", "-o", "json", "--fields", "pid"]))
        .iter()
        .map(|row| row["pid"].to_string())
        .collect();
    assert!(pids.contains(&own));
}

#[test]
fn terminate_and_wait_work_without_any_set_up_and_tell_by_their_exit_code() {
    let shell = Shell::new();
    let polite = Victim::start(&["exit-on-term", "5"]);
    let text = shell.answer(&["terminate", &polite.pid().to_string(), "--reason", "test", "--color", "never"]);
    let wanted = if kernel_tells_exit_status() { "exit code 5" } else { "unknown" };
    assert!(text.contains(wanted), "{text}");
    assert_eq!(polite.ended().code(), Some(5));

    let stubborn = Victim::start(&["ignore-term"]);
    let pid = stubborn.pid().to_string();
    let (code, _) = shell.failure(&["terminate", &pid, "--give-up", "--grace", "200ms", "--reason", "test"]);
    assert_eq!(code, 5, "it lives on");
    let (code, _) = shell.failure(&["wait", &pid, "--timeout", "200ms"]);
    assert_eq!(code, 5, "the time ran out");
    let (code, said) = shell.failure(&["terminate", "1", "--reason", "test"]);
    assert_eq!(code, 4, "pid 1 is protected: {said}");
    let gone = polite.pid().to_string();
    let (code, said) = shell.failure(&["wait", &gone]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains(&gone), "{said}");
    assert!(stubborn.is_alive());
}

#[test]
fn a_mistyped_field_is_a_usage_error_that_names_it() {
    let shell = Shell::new();
    let (code, said) = shell.failure(&["ps", "--fields", "pid,nmae"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("nmae") && said.contains("`procwire agent capabilities`"), "{said}");
}

/// Follows the advice that the tool prints, word for word, with the agent and the tool as separate processes.
#[test]
fn certificates_made_by_pki_and_the_lines_it_advises_work_between_separate_processes() {
    let shell = Shell::new();
    shell.answer(&["pki", "init"]);
    let agent_advice = shell.answer(&["pki", "issue", "agent", "here", "--san", "IP:127.0.0.1"]);
    let client_advice = shell.answer(&["pki", "issue", "client", "alice", "--role", "operator"]);
    shell.answer(&["pki", "issue", "client", "bob", "--role", "reader"]);
    for key in ["ca.key", "here.key", "alice.key", "bob.key"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(shell.path("procwire-pki").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }

    let line = advised(&agent_advice, "procwired ").replace("0.0.0.0:7443", "127.0.0.1:0");
    let mut agent = Command::new(programs::procwired())
        .args(line.split_whitespace().skip(1))
        .args(["--address-file", "address"])
        .current_dir(shell.home())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = eventually("the address of the agent", || {
        if agent.try_wait().unwrap().is_some() {
            let mut said = String::new();
            agent.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("{line}: {said}");
        }
        fs::read_to_string(shell.path("address")).ok().filter(|text| !text.is_empty())
    });

    let line =
        advised(&client_advice, "procwire context add").replace("NAME", "here").replace("HOST:7443", address.trim());
    let words: Vec<_> = line.split_whitespace().skip(1).collect();
    shell.answer(&words);
    shell.answer(&["context", "use", "here"]);
    assert!(shell.answer(&["context", "list"]).contains("here"));
    let info = &objects(&shell.answer(&["agent", "info", "-o", "json"]))[0];
    assert_eq!(info["caller"]["principal"], "alice", "{info}");

    let endpoint = format!("https://{}", address.trim());
    let as_bob = [
        "--endpoint",
        &endpoint,
        "--ca",
        "procwire-pki/ca.crt",
        "--cert",
        "procwire-pki/bob.crt",
        "--key",
        "procwire-pki/bob.key",
    ];
    let rows = objects(&shell.answer(&[&as_bob, ["ps", "-o", "json"].as_slice()].concat()));
    assert!(rows.iter().any(|row| row["pid"] == agent.id()), "the agent is not in its own table");
    let victim = Victim::start(&["sleep"]);
    let pid = victim.pid().to_string();
    let (code, said) = shell.failure(&[&as_bob, ["terminate", &pid, "--reason", "test"].as_slice()].concat());
    assert_eq!(code, 4, "{said}");
    shell.answer(&["terminate", &pid, "--reason", "test"]);
    victim.ended();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let (code, said) = shell.failure(&["agent", "info"]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains(address.trim()), "{said}");
}

/// The advised line that begins like this, put together where it is broken for reading.
fn advised(advice: &str, beginning: &str) -> String {
    let advice = advice.replace("\\\n", " ");
    let line = advice.lines().map(str::trim).find(|line| line.starts_with(beginning));
    line.unwrap_or_else(|| panic!("no advice on {beginning}: {advice}")).to_owned()
}

#[test]
fn watch_streams_samples_until_it_is_told_to_stop() {
    let agent = Agent::start();
    let shell = Shell::new();
    let identity = agent.pki.client(Role::Reader);
    write_key(&shell.path("reader.key"), &identity.key_pem);
    fs::write(shell.path("reader.crt"), &identity.certificate_pem).unwrap();
    let (endpoint, ca) = (agent.endpoint(), agent.path("ca.crt"));
    let arguments =
        ["--endpoint", &endpoint, "--ca", ca.to_str().unwrap(), "--cert", "reader.crt", "--key", "reader.key"];
    let mut child = shell
        .command(&[&arguments, ["watch", "system", "--interval", "100ms", "-o", "ndjson"].as_slice()].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let samples = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()).take(5).collect::<Vec<_>>();
    assert_eq!(samples.len(), 5);
    assert!(samples.iter().any(|sample| sample.to_string().contains("available_bytes")), "{samples:?}");
    procwire_tests::signal(child.id(), "INT");
    eventually("the end of the watch", || child.try_wait().unwrap());
}

pub(crate) fn write_key(path: &Path, pem: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, pem).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_demo_shows_everything_and_cleans_up() {
    let shell = Shell::new();
    let temporary = shell.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let output = shell.command(&["demo"]).env("TMPDIR", &temporary).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.lines().count() > 20, "{text}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "the demo left something behind");
}
