//! The command line tool as a person runs it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{programs, waiting::TIME_FOR_A_CALL};

/// `procwire` in a home of its own, so that nobody's contexts get in.
pub struct Shell {
    home: TempDir,
}

impl Shell {
    /// With an empty home.
    #[allow(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Its home, which is also where it works.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file of its home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    /// The tool with these arguments, to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(programs::procwire());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PROCWIRE_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.home()).env("HOME", self.home()).env_remove("XDG_CONFIG_HOME");
        command.env("PROCWIRE_TIMEOUT", format!("{}s", TIME_FOR_A_CALL.as_secs()));
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it prints when it succeeds; nothing in it acts on a terminal.
    #[track_caller]
    pub fn answer(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{arguments:?}: {text:?}");
        text
    }

    /// The rows of its answer as JSON.
    #[track_caller]
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        serde_json::from_str(&self.answer(&[arguments, &["-o", "json"]].concat())).unwrap()
    }

    /// The pids that `ps` answers with.
    #[track_caller]
    pub fn pids(&self, arguments: &[&str]) -> BTreeSet<u32> {
        let rows = self.rows(&[&["ps", "--fields", "pid"], arguments].concat());
        rows.iter().map(|row| u32::try_from(row["pid"].as_u64().unwrap()).unwrap()).collect()
    }

    /// Exit code and what it says when it fails.
    #[track_caller]
    pub fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// What it says when it fails with this exit code.
    #[track_caller]
    pub fn fails_with(&self, code: i32, arguments: &[&str]) -> String {
        let (found, said) = self.failure(arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
        said
    }
}
