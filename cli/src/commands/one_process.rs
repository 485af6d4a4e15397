//! Reading the one process that a command is about.

use procwire_client::v1::{FieldError, FieldErrorReason, Process};
use procwire_proto::escape;

use super::target::Target;
use crate::{connection::Connection, error::CliError, output::Output, render::unreadable};

/// Reads these fields of the process that is meant, and of no later one with its pid.
pub(crate) async fn read(target: Target, fields: &[&str], connection: &Connection) -> Result<Process, CliError> {
    let mut request = connection.client.processes().get(target.pid).fields(fields.iter().copied().chain(["ref"]));
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let process = request.await?.process.unwrap_or_default();
    if let Some(reference) = process.reference() {
        target.check(reference)?;
    }
    Ok(process)
}

/// An error if the field that a command is about is not there; a value that is incomplete is there.
pub(crate) fn require(process: &Process, path: &str, is_there: bool, is_local: bool) -> Result<(), CliError> {
    let Some(error) = process.errors.iter().find(|error| error.path == path).filter(|_| !is_there) else {
        return Ok(());
    };
    let reason = error.reason();
    let why = match reason {
        FieldErrorReason::PermissionDenied => {
            format!("{}; {}", reason.as_words(), unreadable::advice(is_local))
        }
        FieldErrorReason::Redacted => format!("{}; {}", reason.as_words(), unreadable::ROLE_ADVICE),
        _ if error.detail.is_empty() => reason.as_words(),
        _ => format!("{} ({})", reason.as_words(), escape::terminal(error.detail.as_bytes())),
    };
    let what = path.replace('_', " ");
    Err(CliError::Unreadable { what, pid: process.pid, why, reason })
}

/// Says what of these processes could not be read, and of each list that was cut, where.
pub(crate) fn note_unreadable(
    processes: &[Process],
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let mut is_denied = false;
    for process in processes {
        let (cut, absent): (Vec<_>, Vec<_>) =
            process.errors.iter().cloned().partition(|error| error.reason() == FieldErrorReason::Truncated);
        for FieldError { path, detail, .. } in cut {
            out.note(&format!("{} of process {} cut short: {detail}", path.replace('_', " "), process.pid))?;
        }
        for (reason, fields) in unreadable::by_reason(&absent) {
            out.note(&format!("process {} does not show {fields}: {reason}", process.pid))?;
        }
        is_denied |= absent.iter().any(|error| error.reason() == FieldErrorReason::PermissionDenied);
    }
    if is_denied {
        out.note(unreadable::advice(connection.is_local))?;
    }
    note_redacted(processes, out)
}

/// Says what role it takes to see what was kept back.
pub(crate) fn note_redacted(processes: &[Process], out: &mut Output) -> Result<(), CliError> {
    let mut errors = processes.iter().flat_map(|process| &process.errors);
    if errors.any(|error| error.reason() == FieldErrorReason::Redacted) {
        out.note(&format!("redacted: {}", unreadable::ROLE_ADVICE))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn process(reason: FieldErrorReason) -> Process {
        let error =
            FieldError { path: "open_files".to_owned(), reason: reason.into(), detail: "detail\x1b".to_owned() };
        Process { pid: 7, errors: vec![error], ..Process::default() }
    }

    #[test]
    fn a_missing_field_is_an_error_whose_exit_code_says_why() {
        use FieldErrorReason::{InvalidData, PermissionDenied, ProcessGone, Redacted, Timeout, Unsupported, Zombie};
        for (reason, exit) in [
            (PermissionDenied, Exit::Refused),
            (Redacted, Exit::Refused),
            (Zombie, Exit::TargetGone),
            (ProcessGone, Exit::TargetGone),
            (Timeout, Exit::StillRunning),
            (Unsupported, Exit::NotServed),
            (InvalidData, Exit::Failed),
        ] {
            let error = require(&process(reason), "open_files", false, true).unwrap_err();
            assert_eq!(error.exit(), exit, "{reason:?}");
            assert!(error.to_string().starts_with("the open files of process 7 cannot be read: "), "{error}");
        }
    }

    #[test]
    fn what_is_there_or_was_not_asked_for_is_no_error() {
        let cut = process(FieldErrorReason::Truncated);
        assert!(require(&cut, "open_files", true, true).is_ok());
        assert!(require(&cut, "environ", false, true).is_ok());
    }
}
