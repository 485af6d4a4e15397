//! The names that a policy may compare with. A name that is not among them would match nothing, so it is an error when the policy is
//! loaded.

use procwire_proto::v1::Signal;

use super::Disclosure;
use crate::access::{PERMISSIONS, Role};

/// The last part of the paths of the methods that change processes.
const ACTS: [&str; 3] = ["SignalProcesses", "TerminateProcesses", "UpdateProcess"];

/// What ProcessSettings has, as an update mask names it.
const SETTINGS: [&str; 5] = ["nice", "io_priority", "cpu_affinity", "resource_limits", "oom_score_adjustment"];

/// Real-time signals have numbers, no names: signal(7).
const REAL_TIME_SIGNALS: std::ops::RangeInclusive<i32> = 34..=64;

/// A closed set of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Methods,
    Roles,
    DataClasses,
    Signals,
    Settings,
}

impl Words {
    pub(super) fn has(self, word: &str) -> bool {
        match self {
            Self::Methods => methods().any(|method| method == word),
            Self::Roles => Role::ALL.iter().any(|role| role.name() == word),
            Self::DataClasses => Disclosure::ALL.iter().any(|disclosure| disclosure.name() == word),
            Self::Signals => {
                Signal::from_code(word).is_some_and(|signal| signal.as_code() == word)
                    || word
                        .parse()
                        .is_ok_and(|number: i32| REAL_TIME_SIGNALS.contains(&number) && number.to_string() == word)
            }
            Self::Settings => SETTINGS.contains(&word),
        }
    }

    /// "is no method; ...", in the words of whoever reads the error.
    pub(super) fn complaint(self, word: &str) -> String {
        match self {
            Self::Methods => {
                format!("{word:?} is no method; methods are named without their service, such as \"ListProcesses\"")
            }
            Self::Roles => format!("{word:?} is no role; reader, inspector, operator and admin are"),
            Self::DataClasses => {
                let names: Vec<&str> = Disclosure::ALL.iter().map(|disclosure| disclosure.name()).collect();
                format!("{word:?} is no data class; {} are", names.join(", "))
            }
            Self::Signals => {
                format!(
                    "{word:?} is no signal; signals are named without SIG, such as \"TERM\", real-time ones by number"
                )
            }
            Self::Settings => format!("{word:?} is no setting; {} are", SETTINGS.join(", ")),
        }
    }
}

/// "ListProcesses" of "/procwire.v1.ProcessService/ListProcesses".
pub(crate) fn short_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The name of a signal in a policy.
pub(crate) fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) if signal != Signal::Unspecified => signal.as_code().to_owned(),
        _ => number.to_string(),
    }
}

/// Every method, without its service.
pub(super) fn methods() -> impl Iterator<Item = &'static str> {
    PERMISSIONS.iter().map(|row| short_name(row.method))
}

/// True for methods that change processes: they have a target.
pub(crate) fn acts(method: &str) -> bool {
    ACTS.contains(&method)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use procwire_proto::v1::ProcessSettings;

    use super::*;

    #[test]
    fn names_without_their_service_are_distinct() {
        assert_eq!(methods().collect::<BTreeSet<_>>().len(), PERMISSIONS.len());
        assert!(ACTS.iter().all(|act| Words::Methods.has(act)));
        assert!(!Words::Methods.has("/procwire.v1.ProcessService/ListProcesses"));
    }

    #[test]
    fn signals_are_named_as_on_the_command_line() {
        for (number, name) in [(15, "TERM"), (9, "KILL"), (34, "34"), (64, "64")] {
            assert_eq!(signal_name(number), name);
            assert!(Words::Signals.has(name), "{name}");
        }
        for odd in ["SIGTERM_", "9", "033", "034", "65", "", "term ", "UNSPECIFIED"] {
            assert!(!Words::Signals.has(odd), "{odd:?}");
        }
    }

    #[test]
    fn all_settings_of_the_wire_are_known() {
        let text = include_str!("../../../proto/procwire/v1/control_service.proto");
        let body = text.split("message ProcessSettings {").nth(1).unwrap().split('}').next().unwrap();
        let declared: Vec<&str> = body
            .lines()
            .filter_map(|line| line.trim().split_once(" = ").map(|(declaration, _)| declaration))
            .filter(|declaration| !declaration.starts_with("//"))
            .filter_map(|declaration| declaration.rsplit(' ').next())
            .collect();
        assert_eq!(declared, SETTINGS);
        let _ = ProcessSettings::default();
    }
}
