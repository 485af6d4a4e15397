//! Before more than one process is hit: what is shown, what is asked, and who else can answer.

use std::process::Command;

use procwire_tests::{Shell, Terminal, Victim, signal, waiting::eventually};

/// Victims that share a name which nobody else on the host has, hostile in the middle.
fn namesakes(count: usize, tag: char) -> (String, Vec<Victim>) {
    let name = format!("{tag}\x1b[{}", std::process::id());
    let victims = (0..count).map(|_| Victim::named(name.as_bytes(), "sleep")).collect();
    (name, victims)
}

#[test]
fn several_processes_are_shown_and_the_question_can_be_answered_no_and_yes() {
    let shell = Shell::new();
    let (name, victims) = namesakes(3, 'q');
    let mut terminal = Terminal::start(shell.command(&["terminate", "--name", &name]));
    let shown = terminal.wait_for("[y/N]");
    let targets: Vec<String> = victims.iter().map(|victim| victim.reference().to_string()).collect();
    assert!(targets.iter().all(|target| shown.contains(target)), "{shown}");
    assert!(shown.contains("End these 3 processes (SIGTERM, 10.0 s of grace, then SIGKILL)?"), "{shown}");
    assert!(!shown.contains(&name), "the name acts on the terminal: {shown:?}");
    terminal.type_line("n");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(9), "{shown}");
    assert!(shown.contains("nothing was done"), "{shown}");
    assert!(victims.iter().all(Victim::is_alive));

    let mut terminal = Terminal::start(shell.command(&["terminate", "--name", &name]));
    terminal.wait_for("[y/N]");
    terminal.type_line("y");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(0), "{shown}");
    assert!(shown.contains("3 ended"), "{shown}");
    for (victim, target) in victims.iter().zip(targets) {
        victim.ended();
        assert!(shown.contains(&format!("\x1b[2K{target}")), "a line that is written over: {shown:?}");
    }
}

#[test]
fn a_question_that_is_interrupted_is_answered_no() {
    let shell = Shell::new();
    let (name, victims) = namesakes(2, 'i');
    let terminal = Terminal::start(shell.command(&["pkill", "--name", &name]));
    terminal.wait_for("[y/N]");
    let pid = terminal.pid();
    // The answer to the signal is there once the question is: the handler is set when the keyboard is read.
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?.trim().to_owned();
        (u64::from_str_radix(&mask, 16).unwrap() & 2 != 0).then_some(())
    };
    eventually("the tool to listen to the keyboard", caught);
    signal(pid, "INT");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(130), "{shown}");
    assert!(shown.contains("nothing was done"), "{shown}");
    assert!(victims.iter().all(Victim::is_alive));
}

#[test]
fn what_was_typed_before_the_question_does_not_answer_it() {
    let shell = Shell::new();
    let (name, victims) = namesakes(2, 'e');
    let tool = shell.command(&["terminate", "--name", &name]);
    // It starts once the first line is read, and then the second is typed already.
    let mut late = Command::new("sh");
    late.args(["-c", "read -r go && exec \"$@\"", "sh"]).arg(tool.get_program()).args(tool.get_args());
    late.current_dir(shell.home());
    for (variable, value) in tool.get_envs() {
        match value {
            Some(value) => late.env(variable, value),
            None => late.env_remove(variable),
        };
    }
    let mut terminal = Terminal::start(late);
    terminal.type_line("go\ny");
    terminal.wait_for("[y/N]");
    terminal.type_line("n");
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(9), "{shown}");
    assert!(victims.iter().all(Victim::is_alive));
}

#[test]
fn one_process_is_not_asked_about() {
    let shell = Shell::new();
    let (name, victims) = namesakes(1, 'o');
    let target = victims[0].reference().to_string();
    let terminal = Terminal::start(shell.command(&["pkill", "--name", &name]));
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(0), "{shown}");
    assert!(!shown.contains("[y/N]") && shown.contains(&target), "{shown}");
    victims[0].ended();
}

#[test]
fn where_nobody_can_be_asked_the_number_must_be_typed_and_right() {
    let shell = Shell::new();
    let (name, victims) = namesakes(3, 'n');
    for command in ["terminate", "kill", "suspend"] {
        let refused = |more: &[&str]| shell.fails_with(9, &[&[command, "--name", &name], more].concat());
        for (more, wanted) in [
            (&[][..], "add --yes --expect 3"),
            (&["--yes"], "add --expect 3"),
            (&["--yes", "--expect", "2"], "not the 2"),
            (&["--yes", "--expect", "4"], "not the 4"),
            (&["--yes", "--at-most", "2"], "more than the 2"),
            (&["--dry-run", "--expect", "2"], "not the 2"),
        ] {
            let said = refused(more);
            assert!(said.contains(wanted) && said.contains("nothing was done"), "{command} {more:?}: {said}");
        }
    }
    shell.fails_with(9, &["killall", &name]);
    shell.fails_with(9, &["nice", "-n", "5", "--name", &name]);
    shell.fails_with(9, &["pkill", &format!("^n.\\[{}$", std::process::id())]);
    assert!(victims.iter().all(Victim::is_alive));

    let said = shell.answer(&["terminate", "--name", &name, "--yes", "--expect", "3"]);
    assert!(said.contains("3 ended"), "{said}");
    assert!(said.contains(&format!(r"n\x1b[{}: ", std::process::id())), "{said}");
    for victim in victims {
        victim.ended();
    }
}

#[test]
fn a_dry_run_asks_nothing_and_does_nothing() {
    let shell = Shell::new();
    let (name, victims) = namesakes(2, 'd');
    for command in [&["terminate"][..], &["pkill"], &["kill", "-9"], &["suspend"], &["nice", "-n", "7"]] {
        let said = shell.answer(&[command, &["--name", &name, "--dry-run"]].concat());
        assert!(said.contains("nothing is done"), "{command:?}: {said}");
        for victim in &victims {
            assert!(said.contains(&victim.reference().to_string()), "{command:?}: {said}");
        }
    }
    assert!(victims.iter().all(Victim::is_alive));
    for victim in &victims {
        let row = &shell.rows(&["ps", &victim.pid().to_string(), "--fields", "nice,state"])[0];
        assert_eq!((row["nice"].as_i64(), row["state"].as_str()), (Some(0), Some("sleeping")), "{row}");
    }
}

#[test]
fn a_pattern_never_means_the_tool_itself_or_what_started_it() {
    let shell = Shell::new();
    // Its own arguments match, and nobody else's do.
    let unique = format!("only-{}-here", std::process::id());
    let output = shell.run(&["pkill", "-9", "-f", &unique]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no process matches") && said.contains("left out"), "{said}");

    // A pattern that means everybody: this test is what started the tool.
    let output = shell.run(&["pkill", "-f", ".", "--dry-run", "-o", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("({})", std::process::id())), "{said}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let means_this = |result: &serde_json::Value| result["target"]["ref"]["pid"] == std::process::id();
    assert!(!answer["results"].as_array().unwrap().iter().any(means_this));
}
