//! The commands that act, as a person uses them: what they do, what they print, and the exit codes that scripts decide on.

use std::fs;

use procwire_tests::{Agent, Role, Shell, Victim, kernel_tells_exit_status, waiting::eventually};
use serde_json::Value;

use crate::command_line::write_key;

fn pid_of(victim: &Victim) -> String {
    victim.pid().to_string()
}

/// The state letter of a process.
fn state(pid: u32) -> u8 {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.iter().rposition(|byte| *byte == b')').unwrap() + 2;
    stat[after_name]
}

#[test]
fn kill_sends_what_hands_type_and_tells_whom_it_hit() {
    let shell = Shell::new();
    let victim = Victim::start(&["ignore-term"]);
    let pid = pid_of(&victim);
    let said = shell.answer(&["kill", "-0", &pid]);
    assert!(said.contains("nothing is done"), "{said}");
    let said = shell.answer(&["kill", &pid, "--reason", "test"]);
    assert!(said.contains(&victim.reference().to_string()) && said.contains("SIGTERM sent"), "{said}");
    assert!(victim.is_alive(), "it ignores SIGTERM");
    let said = shell.answer(&["kill", "-9", &victim.reference().to_string()]);
    assert!(said.contains("SIGKILL sent"), "{said}");
    victim.ended();
    let said = shell.fails_with(3, &["kill", "-9", &pid]);
    assert!(said.contains(&pid), "{said}");
    shell.fails_with(4, &["kill", "1"]);
    for wrong in [&["kill", "-99", "7"][..], &["kill"], &["kill", "-9"], &["kill", "-9", "-1"], &["kill", "0"]] {
        shell.fails_with(2, wrong);
    }
    assert_eq!(shell.answer(&["kill", "-l", "9"]), "KILL\n");
    assert_eq!(shell.answer(&["kill", "-l", "TERM"]), "15\n");
    assert!(shell.answer(&["kill", "-l"]).contains("34 RTMIN"));
}

#[test]
fn a_later_process_with_the_same_pid_is_not_hit() {
    let shell = Shell::new();
    let victim = Victim::start(&["sleep"]);
    let another = format!("{}@{}", victim.pid(), victim.reference().start_ticks + 1);
    for command in [
        &["kill"][..],
        &["terminate"],
        &["wait"],
        &["suspend"],
        &["nice", "-n", "5"],
        &["nice"],
        &["ionice", "-c", "3"],
    ] {
        let said = shell.fails_with(3, &[command, &[&another]].concat());
        assert!(said.contains(&another), "{command:?}: {said}");
    }
    for command in ["affinity", "oom"] {
        shell.fails_with(3, &[command, &another, "0"]);
    }
    shell.fails_with(3, &["limit", &another, "core=0"]);
    // With another that is there: what is meant is that one alone, and never everybody.
    let other = Victim::start(&["sleep"]);
    let output = shell.run(&["kill", &another, &pid_of(&other)]);
    assert_eq!(output.status.code(), Some(8), "{output:?}");
    other.ended();
    assert!(victim.is_alive());
}

#[test]
fn suspend_and_resume_are_seen_in_the_state() {
    let shell = Shell::new();
    let victim = Victim::start(&["busy"]);
    let pid = pid_of(&victim);
    shell.answer(&["suspend", &pid]);
    eventually("the process to stop", || (state(victim.pid()) == b'T').then_some(()));
    shell.answer(&["resume", &pid]);
    eventually("the process to go on", || (state(victim.pid()) != b'T').then_some(()));
}

#[test]
fn pkill_and_killall_go_by_name_and_find_nothing_with_exit_code_1() {
    let shell = Shell::new();
    let name = format!("pk{}", std::process::id());
    let old = Victim::named(name.as_bytes(), "sleep");
    eventually("the next tick of the clock", || (fresh_ticks() > old.reference().start_ticks).then_some(()));
    let new = Victim::named(name.as_bytes(), "sleep");
    shell.answer(&["pkill", "--newest", "-KILL", "-x", &name]);
    new.ended();
    assert!(old.is_alive());
    // Not INT: what a shell starts in the background is born without it.
    shell.answer(&["killall", "-USR1", &name]);
    old.ended();
    for none in
        [&["pkill", "-x", &name][..], &["killall", &name], &["terminate", "--name", &name], &["wait", "--name", &name]]
    {
        let said = shell.fails_with(1, none);
        assert!(said.contains("no process matches"), "{none:?}: {said}");
    }
    shell.fails_with(2, &["pkill"]);
    shell.fails_with(2, &["terminate"]);
    shell.fails_with(2, &["terminate", "--except", "user=root"]);
    shell.fails_with(2, &["pkill", "-x", "("]);
}

/// The tick at which a process that is started now starts.
fn fresh_ticks() -> u64 {
    let child = Victim::start(&["sleep"]);
    child.reference().start_ticks
}

#[test]
fn of_several_each_has_its_own_outcome_and_the_exit_code_says_so() {
    let shell = Shell::new();
    let polite = Victim::start(&["exit-on-term", "5"]);
    let stubborn = Victim::start(&["ignore-term"]);
    let (one, two) = (pid_of(&polite), pid_of(&stubborn));
    let yes = ["--yes", "--expect", "2", "--reason", "test"];
    let said = shell.fails_with(9, &["terminate", &one, &two]);
    assert!(said.contains("--expect 2"), "{said}");

    let output = shell.run(&[&["terminate", &one, "1"][..], &yes].concat());
    assert_eq!(output.status.code(), Some(8), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let end = if kernel_tells_exit_status() { "ended: exit code 5" } else { "ended: " };
    assert!(said.contains(end) && said.contains("refused: ") && said.contains("1 ended, 1 refused"), "{said}");
    assert_eq!(polite.ended().code(), Some(5));

    let polite = Victim::start(&["exit-on-term", "5"]);
    let both = ["terminate", &pid_of(&polite), &two, "--give-up", "--grace", "200ms"];
    let output = shell.run(&[&both[..], &yes].concat());
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 ended, 1 still running"), "{output:?}");
    polite.ended();

    let another = Victim::start(&["ignore-term"]);
    let (a, b) = (two, pid_of(&another));
    let events = shell.answer(&[&["terminate", &a, &b, "--grace", "0s", "-o", "ndjson"][..], &yes].concat());
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["plan"]["targets"].as_array().unwrap().len(), 2, "{events:?}");
    assert_eq!(events.last().unwrap()["summary"]["exited"], 2, "{events:?}");
    another.ended();
    stubborn.ended();
}

#[test]
fn a_tree_is_ended_whole_and_only_as_large_as_was_said() {
    let shell = Shell::new();
    let tree = Victim::start(&["spawn", "3"]);
    let pid = pid_of(&tree);
    let below = || shell.pids(&["--under", &pid]).len();
    assert_eq!(below(), 3);
    let said = shell.fails_with(9, &["terminate", "--tree", &pid]);
    assert!(said.contains("--expect 4"), "{said}");
    shell.fails_with(9, &["terminate", "--tree", &pid, "--yes", "--expect", "3"]);
    shell.answer(&["terminate", "--tree", &pid, "--dry-run"]);
    assert_eq!(below(), 3);
    let said = shell.answer(&["terminate", "--tree", &pid, "--yes", "--expect", "4", "--reason", "test"]);
    assert!(said.contains("4 ended"), "{said}");
    tree.ended();
}

#[test]
fn waiting_for_several_tells_of_each_and_may_be_for_any() {
    let shell = Shell::new();
    let first = Victim::start(&["sleep"]);
    let second = Victim::start(&["sleep"]);
    let (one, two) = (pid_of(&first), pid_of(&second));
    shell.fails_with(5, &["wait", &one, &two, "--timeout", "100ms"]);
    let mut waiting = shell.command(&["wait", "--any", &one, &two]);
    let waiting = waiting.stdout(std::process::Stdio::piped()).spawn().unwrap();
    first.signal("KILL");
    first.ended();
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(second.is_alive());
    second.signal("KILL");
    second.ended();
    shell.fails_with(3, &["wait", &one, &two]);
}

#[test]
fn settings_are_shown_set_and_read_back() {
    let shell = Shell::new();
    let victim = Victim::start(&["threads", "3"]);
    let pid = pid_of(&victim);
    let of = |field: &str| shell.rows(&["ps", &pid, "--fields", field])[0].clone();

    let said = shell.answer(&["nice", "-n", "7", &pid, "--reason", "test"]);
    assert!(said.contains("nice 0 -> 7"), "{said}");
    assert_eq!(of("nice")["nice"], 7);
    assert!(shell.answer(&["nice", &pid]).contains(" 7 "), "shown without a value");
    let threads = shell.answer(&["nice", "--threads", &pid]);
    assert_eq!(threads.matches(" 0 ").count(), 2, "the main thread alone was changed: {threads}");
    shell.answer(&["nice", "-n", "9", "--threads", "-p", &pid]);
    let threads = shell.answer(&["nice", "--threads", &pid]);
    assert_eq!(threads.matches(" 9 ").count(), 3, "{threads}");

    shell.answer(&["ionice", "-c", "2", "-n", "7", &pid]);
    let priority = &of("io_priority")["io_priority"];
    assert_eq!(
        (priority["io_class"].as_str(), priority["level"].as_u64()),
        (Some("best_effort"), Some(7)),
        "{priority}"
    );
    assert!(shell.answer(&["ionice", &pid]).contains("best effort 7"));

    let all: Vec<u64> =
        of("cpu_affinity")["cpu_affinity"].as_array().unwrap().iter().map(|cpu| cpu.as_u64().unwrap()).collect();
    let one = all[0].to_string();
    shell.answer(&["affinity", &pid, &one]);
    assert_eq!(of("cpu_affinity")["cpu_affinity"], serde_json::json!([all[0]]));
    let said = shell.answer(&["affinity", "-p", &pid, "all"]);
    assert!(said.contains("processors"), "{said}");
    assert_eq!(of("cpu_affinity")["cpu_affinity"], serde_json::json!(all));

    shell.answer(&["limit", &pid, "nofile=100:200", "--core=0"]);
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let of_files: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(of_files[3..5], ["100", "200"]);
    let said = shell.answer(&["limit", &pid, "nofile"]);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("100") && said.contains("200"), "{said}");

    shell.answer(&["oom", &pid, "500"]);
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap(), "500\n");
    assert!(shell.answer(&["oom", &pid]).contains("500 (score "));
    let answer: Value = serde_json::from_str(&shell.answer(&["oom", &pid, "600", "-o", "ndjson"])).unwrap();
    let adjustment = |when: &str| answer[when]["oom_score_adjustment"].as_i64();
    assert_eq!((adjustment("before"), adjustment("after")), (Some(500), Some(600)), "{answer}");

    for wrong in [
        &["nice", "-n", "20", &pid][..],
        &["ionice", "-c", "4", &pid],
        &["ionice", "-c", "3", "-n", "2", &pid],
        &["ionice", "--threads", &pid],
        &["affinity", &pid, "3-1"],
        &["affinity", &pid, "0", "1"],
        &["oom", &pid, "1001"],
        &["limit", &pid, "nofiles=1"],
        &["limit", &pid, "core=1", "nofile"],
        &["nice"],
        &["limit", "core=0"],
    ] {
        shell.fails_with(2, wrong);
    }
}

#[test]
fn a_request_id_is_done_once() {
    let shell = Shell::new();
    let agent = Agent::start();
    let identity = agent.pki.client(Role::Operator);
    fs::write(shell.path("olga.crt"), &identity.certificate_pem).unwrap();
    write_key(&shell.path("olga.key"), &identity.key_pem);
    let (endpoint, ca) = (agent.endpoint(), agent.path("ca.crt"));
    let operator = ["--endpoint", &endpoint, "--ca", ca.to_str().unwrap(), "--cert", "olga.crt", "--key", "olga.key"];
    let victim = Victim::start(&["sleep"]).asleep();
    let pid = pid_of(&victim);
    let suspend = ["suspend", &pid, "--request-id", "once-1", "--reason", "test"];
    shell.answer(&[&operator[..], &suspend].concat());
    eventually("the process to stop", || (state(victim.pid()) == b'T').then_some(()));
    victim.signal("CONT");
    eventually("the process to go on", || (state(victim.pid()) == b'S').then_some(()));
    shell.answer(&[&operator[..], &suspend].concat());
    assert_eq!(state(victim.pid()), b'S', "the same answer, and no second signal");
    let other = ["suspend", &pid, "--request-id", "once-1", "--reason", "another"];
    let said = shell.fails_with(1, &[&operator[..], &other].concat());
    assert!(said.contains("request_id"), "{said}");
}
