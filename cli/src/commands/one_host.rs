//! Reading the sections of the host that a command is about.

use std::{collections::BTreeMap, time::Duration};

use procwire_client::v1::{FieldError, FieldErrorReason, System};
use procwire_proto::escape;

use crate::{
    connection::Connection, error::CliError, output::Output, render::unreadable, selectors::parse_usage_window,
};

/// Reads these fields of the host, with rates over a window if there is one.
pub(crate) async fn read(
    fields: impl IntoIterator<Item = &str>,
    window: Option<Duration>,
    connection: &Connection,
) -> Result<System, CliError> {
    let mut request = connection.client.system().get().fields(fields);
    if let Some(window) = window {
        request = request.usage_window(window);
    }
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    Ok(request.await?.system.unwrap_or_default())
}

/// A window to measure rates over.
pub(crate) fn parse_window(text: &str) -> Result<Duration, &'static str> {
    parse_usage_window(text).map_err(|_| "a time from 10ms to 60s, with its unit")
}

/// An error if the section that a command is about is not there because it could not be read.
pub(crate) fn require(system: &System, path: &str, is_there: bool, is_local: bool) -> Result<(), CliError> {
    let Some(error) = errors_below(system, path).next().filter(|_| !is_there) else { return Ok(()) };
    let why = in_words(error);
    let why = match error.reason() {
        FieldErrorReason::PermissionDenied => format!("{why}; {}", unreadable::advice(is_local)),
        _ => why,
    };
    Err(CliError::HostUnreadable { what: path.replace(['_', '.'], " "), why, reason: error.reason() })
}

/// Says what could not be read of a section that is there, each reason once. What this host does not have is no news, and JSON says it.
pub(crate) fn note_unreadable(
    system: &System,
    path: &str,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let worth_telling = |error: &&FieldError| error.reason() != FieldErrorReason::Unsupported;
    for error in errors_below(system, path).filter(worth_telling) {
        reasons.entry(in_words(error)).or_default().push(&error.path);
    }
    for (reason, paths) in reasons {
        out.note(&format!("{} cannot be read: {reason}", escape::terminal(paths.join(", ").as_bytes())))?;
    }
    if errors_below(system, path).any(|error| error.reason() == FieldErrorReason::PermissionDenied) {
        out.note(unreadable::advice(connection.is_local))?;
    }
    Ok(())
}

/// Why a field is absent or incomplete, safe to print.
fn in_words(error: &FieldError) -> String {
    match error.detail.as_str() {
        "" => error.reason().as_words(),
        detail => format!("{} ({})", error.reason().as_words(), escape::terminal(detail.as_bytes())),
    }
}

/// What is said of a section, of parts of it, or of the message that it is part of.
fn errors_below<'a>(system: &'a System, path: &'a str) -> impl Iterator<Item = &'a FieldError> {
    let is_within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    system.errors.iter().filter(move |error| is_within(&error.path, path) || is_within(path, &error.path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn system(path: &str, reason: FieldErrorReason) -> System {
        let error = FieldError { path: path.to_owned(), reason: reason.into(), detail: "no \x1b file".to_owned() };
        System { errors: vec![error], ..System::default() }
    }

    #[test]
    fn a_section_that_could_not_be_read_is_an_error_whose_exit_code_says_why() {
        use FieldErrorReason::{InvalidData, PermissionDenied, Timeout, Unsupported};
        for (reason, exit) in [
            (PermissionDenied, Exit::Refused),
            (Unsupported, Exit::NotServed),
            (Timeout, Exit::StillRunning),
            (InvalidData, Exit::Failed),
        ] {
            let error = require(&system("pressure.cpu", reason), "pressure", false, false).unwrap_err();
            assert_eq!(error.exit(), exit, "{reason:?}");
            assert!(error.to_string().starts_with("the pressure of the host cannot be read: "), "{error}");
            assert!(error.to_string().contains(r"(no \x1b file)"), "{error}");
        }
    }

    #[test]
    fn what_is_there_or_is_another_section_is_no_error() {
        let system = system("network.interfaces", FieldErrorReason::Unsupported);
        assert!(require(&system, "network.interfaces", true, false).is_ok());
        assert!(require(&system, "network.protocols", false, false).is_ok());
        assert!(require(&system, "net", false, false).is_ok());
        assert!(require(&system, "network.interfaces.addresses", false, false).is_err());
        assert!(require(&system, "network", false, false).is_err());
    }

    #[test]
    fn windows_are_those_that_agents_measure_over() {
        assert_eq!(parse_window("1s"), Ok(Duration::from_secs(1)));
        for wrong in ["", "0s", "1ms", "2m", "1"] {
            assert!(parse_window(wrong).is_err(), "{wrong}");
        }
    }
}
