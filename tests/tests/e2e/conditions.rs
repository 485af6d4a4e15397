//! Processes and hosts in conditions that are not the usual ones: what every field says then, and why it is absent.

mod hidepid;

use std::{os::unix::process::CommandExt as _, process::Command};

use procwire_proto::v1::{FieldErrorReason, Process};
use procwire_tests::{NOBODY, Victim};

/// Why this field, or the first part of it, is absent.
fn reason(process: &Process, path: &str) -> Option<FieldErrorReason> {
    let is_of = |error: &str| error.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    process.errors.iter().find(|error| is_of(&error.path)).map(procwire_proto::v1::FieldError::reason)
}

/// A process of the user that unprivileged agents are; the tests must be root's.
fn of_nobody() -> Victim {
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; read -r line; :"]).env("WHOSE", "nobody's");
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    Victim::start_command(command)
}
