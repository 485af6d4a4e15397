//! What could not be read, said once and counted.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _};

use procwire_proto::v1::{FieldError, FieldErrorReason, Process};

/// One line about the fields of these processes that are absent or incomplete; `None` if all is there.
pub(crate) fn footnote(processes: &[Process], is_local: bool) -> Option<String> {
    // That a zombie has no arguments, no memory and no files is what a zombie is, and its row says that it is one.
    let is_worth_telling = |error: &&FieldError| error.reason() != FieldErrorReason::Zombie;
    let errors = || processes.iter().flat_map(|process| &process.errors).filter(is_worth_telling);
    let absent = count(errors().filter(|error| !is_incomplete(error)));
    let incomplete = count(errors().filter(|error| is_incomplete(error)));
    let denied = errors().any(|error| error.reason() == FieldErrorReason::PermissionDenied);

    let mut sentences = Vec::new();
    if let Some(absent) = absent {
        sentences.push(format!("{absent} not readable, shown as -"));
    }
    if let Some(incomplete) = incomplete {
        sentences.push(format!("{incomplete} incomplete"));
    }
    if denied {
        sentences.push(advice(is_local).to_owned());
    }
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

/// What to do where the agent keeps something back from this caller.
pub(crate) const ROLE_ADVICE: &str = "your certificate needs the role inspector, or admin for the environment in full";

/// What to do where permission was denied.
pub(crate) fn advice(is_local: bool) -> &'static str {
    advice_for(is_local, is_root())
}

/// Root needs no telling to become root: it is in a container that took the capabilities away, or a security module said no.
fn advice_for(is_local: bool, is_root: bool) -> &'static str {
    match (is_local, is_root) {
        (true, false) => "run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to read more",
        (true, true) => {
            "refused to root: CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH is missing, or a security module forbids it"
        }
        (false, _) => "the agent needs root, or CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to read more",
    }
}

/// Files of a process belong to its effective user (proc(5)).
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Reasons and, for each, the fields; parts of one message together: `io, namespaces (ipc, mount)`.
pub(crate) fn by_reason(errors: &[FieldError]) -> Vec<(String, String)> {
    let mut paths: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for error in errors {
        paths.entry(error.reason().as_words()).or_default().push(&error.path);
    }
    paths.into_iter().map(|(reason, paths)| (reason, fields(&paths))).collect()
}

fn fields(paths: &[&str]) -> String {
    let message = |path: &str| path.split_once('.').map(|(message, _)| message.to_owned());
    let groups = paths.chunk_by(|left, right| message(left).is_some() && message(left) == message(right));
    let named = groups.map(|group| match (group, group.first().and_then(|path| path.split_once('.'))) {
        ([_, _, ..], Some((message, _))) => {
            let parts = group.iter().filter_map(|path| Some(path.split_once('.')?.1)).collect::<Vec<_>>();
            format!("{message} ({})", parts.join(", "))
        }
        _ => group.join(", "),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    procwire_proto::escape::terminal(named.as_bytes()).into_owned()
}

/// The field is there, but not all of it.
fn is_incomplete(error: &FieldError) -> bool {
    matches!(error.reason(), FieldErrorReason::Truncated | FieldErrorReason::Redacted)
}

/// `412 fields (398 permission denied, 14 zombie)`, `3 fields (zombie)`.
fn count<'a>(errors: impl Iterator<Item = &'a FieldError>) -> Option<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for error in errors {
        *reasons.entry(error.reason().as_words()).or_default() += 1;
    }
    let total: usize = reasons.values().sum();
    let noun = if total == 1 { "field" } else { "fields" };
    (total > 0).then(|| format!("{total} {noun} ({})", counted_reasons(&reasons)))
}

/// The most frequent first; a single one needs no number.
pub(crate) fn counted_reasons(reasons: &BTreeMap<String, usize>) -> String {
    let mut reasons: Vec<_> = reasons.iter().collect();
    reasons.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    match reasons.as_slice() {
        [(reason, _)] => (*reason).clone(),
        _ => reasons.iter().map(|(reason, number)| format!("{number} {reason}")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn process(errors: &[(&str, FieldErrorReason)]) -> Process {
        let error = |(path, reason): &(&str, FieldErrorReason)| FieldError {
            path: (*path).to_owned(),
            reason: (*reason).into(),
            detail: String::new(),
        };
        Process { errors: errors.iter().map(error).collect(), ..Process::default() }
    }

    #[test]
    fn nothing_is_said_when_all_is_there() {
        assert_eq!(footnote(&[process(&[])], true), None);
        assert_eq!(footnote(&[process(&[("cmdline", FieldErrorReason::Zombie)])], true), None);
    }

    #[test]
    fn the_most_frequent_reason_comes_first() {
        use FieldErrorReason::{PermissionDenied, Redacted, Timeout, Zombie};
        let processes = [
            process(&[("cwd", Timeout), ("exe", PermissionDenied), ("io", PermissionDenied)]),
            process(&[("exe", Zombie), ("cmdline", Redacted)]),
        ];
        assert_eq!(
            footnote(&processes, true).unwrap(),
            format!(
                "3 fields (2 permission denied, 1 timeout) not readable, shown as -; 1 field (redacted) incomplete; {}",
                advice(true)
            )
        );
        assert!(
            footnote(&processes, false)
                .unwrap()
                .ends_with("the agent needs root, or CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to read more")
        );
    }

    #[test]
    fn root_is_not_told_to_become_root() {
        assert!(advice_for(true, false).starts_with("run as root"));
        assert!(advice_for(true, true).starts_with("refused to root"));
        assert_eq!(advice_for(false, true), advice_for(false, false));
    }

    #[test]
    fn reasons_name_their_fields() {
        use FieldErrorReason::{PermissionDenied, Unsupported};
        let process = process(&[("exe", PermissionDenied), ("sockets", Unsupported), ("io", PermissionDenied)]);
        assert_eq!(
            by_reason(&process.errors),
            [("permission denied".to_owned(), "exe, io".to_owned()), ("unsupported".to_owned(), "sockets".to_owned())]
        );
    }

    #[test]
    fn parts_of_a_message_are_named_together() {
        use FieldErrorReason::Zombie;
        let parts = ["io.read_bytes", "namespaces.ipc", "namespaces.mount", "exe", "cwd"].map(|path| (path, Zombie));
        let shown = "io.read_bytes, namespaces (ipc, mount), exe, cwd".to_owned();
        assert_eq!(by_reason(&process(&parts).errors), [("zombie".to_owned(), shown)]);
    }
}
