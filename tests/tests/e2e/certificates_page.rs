//! What docs/certificates.md tells people to type works, in the order in which it stands there.

use std::{fs, process::Command};

use procwire_tests::{Shell, programs};

fn page() -> String {
    fs::read_to_string(procwire_tests::workspace().join("docs/certificates.md")).unwrap()
}

/// Boxes of commands that are complete by themselves; those for which there would have to be hosts are marked `bash`.
fn boxes(page: &str) -> Vec<&str> {
    page.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_commands_of_the_page_work_one_after_the_other() {
    let shell = Shell::new();
    let page = page();
    let boxes = boxes(&page);
    assert!(boxes.len() >= 7, "only {} boxes were found", boxes.len());
    let mut path = programs::procwire().parent().unwrap().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    for commands in boxes {
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PROCWIRE_")) {
            command.env_remove(name);
        }
        command.args(["-eu", "-c", commands]).current_dir(shell.home());
        command.env("HOME", shell.home()).env_remove("XDG_CONFIG_HOME").env("PATH", &path);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let states: Vec<_> = shell
        .rows(&["pki", "list"])
        .iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned()))
        .collect();
    for (name, state) in
        [("web1", "good"), ("alice", "good"), ("alice", "revoked"), ("db1", "revoked"), ("bob", "good")]
    {
        assert!(states.contains(&(name.to_owned(), state.to_owned())), "{name} {state}: {states:?}");
    }
}

#[test]
fn the_page_names_settings_and_commands_that_there_are() {
    let page = page();
    let settings = Command::new(programs::procwired()).arg("--print-config").output().unwrap();
    let settings = String::from_utf8(settings.stdout).unwrap();
    let mut keys = 0;
    for key in page.split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '.')) {
        if let Some(name) = key.trim_end_matches('.').strip_prefix("tls.").filter(|name| !["crt", "key"].contains(name))
        {
            keys += 1;
            assert!(settings.contains(name), "{key} is no setting");
        }
    }
    assert!(keys >= 5, "only {keys} settings were found");
    let shell = Shell::new();
    for rest in page.split("procwire pki ").skip(1) {
        let command: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        assert!(shell.run(&["pki", &command, "--help"]).status.success(), "procwire pki {command}");
    }
}
