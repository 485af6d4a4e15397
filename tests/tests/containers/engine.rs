//! A container engine, if there is one, and its commands.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
    process::{Command, Output, Stdio},
};

use procwire_tests::workspace;

/// "0": never try; "1": there is an engine, and it is an error if it does not answer.
const VARIABLE: &str = "PROCWIRE_TEST_DOCKER";

/// Docker, or what has its commands, and compose.
pub(crate) struct Engine {
    compose: Vec<&'static str>,
}

impl Engine {
    /// `None`, with the reason printed, if there is none.
    pub(crate) fn find() -> Option<Self> {
        let wanted = env::var(VARIABLE).unwrap_or_default();
        if wanted == "0" {
            return skip(&format!("{VARIABLE}=0"));
        }
        match Self::look() {
            Ok(engine) => Some(engine),
            Err(why) if wanted == "1" => panic!("{VARIABLE}=1, and yet {why}"),
            Err(why) => skip(&why),
        }
    }

    fn look() -> Result<Self, String> {
        // A daemon that hangs is none.
        answers(&["timeout", "10", "docker", "version", "--format", "{{.Server.Version}}"])
            .map_err(|why| format!("no container engine answers: {why}"))?;
        let programs = [vec!["docker", "compose"], vec!["docker-compose"]];
        let found = programs.into_iter().find(|program| answers(&[program.as_slice(), &["version"]].concat()).is_ok());
        let compose = found.ok_or("there is neither `docker compose` nor `docker-compose`")?;
        Ok(Self { compose })
    }

    /// A compose command on the file of the tree, by this project's name.
    pub(crate) fn compose(&self, project: &str) -> Command {
        let (program, rest) = self.compose.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(rest).args(["--project-name", project]).current_dir(workspace());
        command
    }
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip(why: &str) -> Option<Engine> {
    eprintln!("skipped: {why}");
    None
}

fn answers(words: &[&str]) -> Result<(), String> {
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
        Err(error) => Err(format!("{}: {error}", words[0])),
    }
}

/// A command of the engine.
pub(crate) fn docker<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("docker");
    command.args(arguments);
    command
}

/// Runs a command and demands that it succeeds; what it wrote to its standard output.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let output = tried(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command, however it ends.
pub(crate) fn tried(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Builds an image from a folder. An engine whose builder is not installed, or does not know images that were only just made, has an
/// older one.
pub(crate) fn build(folder: &Path, arguments: &[&str]) {
    let mut words: Vec<OsString> = ["build", "--quiet"].map(OsString::from).to_vec();
    words.extend(arguments.iter().map(OsString::from));
    words.push(folder.into());
    if !tried(&mut docker(&words)).status.success() {
        said(docker(&words).env("DOCKER_BUILDKIT", "0"));
    }
}
