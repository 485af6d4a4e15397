//! Spellings that hands know from kill, pkill, killall and prlimit, put into the form that the definition of the command line has.

use std::ffi::{OsStr, OsString};

use procwire_client::v1::ResourceKind;

use crate::signals::parse_signal;

/// Options before the command that take their value from the next word.
const GLOBAL_WITH_VALUE: [&str; 13] = [
    "--context",
    "--endpoint",
    "--ca",
    "--cert",
    "--key",
    "--server-name",
    "--timeout",
    "--config",
    "--output",
    "-o",
    "--color",
    "--agent-spiffe-id",
    "--crl",
];

/// `kill -9 7` is `kill --signal=9 7`, `kill -0 7` is `kill --dry-run 7`, `limit 7 --nofile=10` is `limit 7 nofile=10`.
pub(crate) fn understood(typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = typed.collect();
    let Some(at) = command_of(&words) else { return words };
    let command = words.get(at).and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    let options = words.iter_mut().skip(at + 1).take_while(|word| *word != "--");
    match command.as_str() {
        "kill" | "pkill" | "killall" => {
            for word in options {
                if let Some(better) = word.to_str().and_then(as_signal) {
                    *word = better.into();
                    // What follows is no signal, whatever it looks like: -1 is nobody's pid.
                    break;
                }
            }
        }
        "limit" => {
            for word in options {
                if let Some(better) = word.to_str().and_then(as_limit) {
                    *word = better.into();
                }
            }
        }
        _ => {}
    }
    words
}

/// Where the command stands: the first word that is no option and no value of one.
fn command_of(words: &[OsString]) -> Option<usize> {
    let mut index = 1;
    while let Some(word) = words.get(index) {
        if !word.as_encoded_bytes().starts_with(b"-") {
            return Some(index);
        }
        index += if GLOBAL_WITH_VALUE.iter().any(|option| word == OsStr::new(option)) { 2 } else { 1 };
    }
    None
}

fn as_signal(word: &str) -> Option<String> {
    let name = word.strip_prefix('-')?;
    if name == "0" {
        return Some("--dry-run".to_owned());
    }
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_name =
        name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_uppercase() || b"0123456789+-".contains(&byte));
    // A number that is no signal is left to be refused as one.
    (is_number || (is_name && parse_signal(name).is_ok())).then(|| format!("--signal={name}"))
}

fn as_limit(word: &str) -> Option<String> {
    let (name, value) = word.strip_prefix("--")?.split_once('=')?;
    let is_resource = ResourceKind::from_str_name(&format!("RESOURCE_KIND_{}", name.to_ascii_uppercase())).is_some();
    is_resource.then(|| format!("{name}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(line: &str) -> String {
        let words = understood(line.split(' ').map(OsString::from));
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn signals_may_stand_alone() {
        for (typed, wanted) in [
            ("procwire kill -9 7", "procwire kill --signal=9 7"),
            ("procwire kill -KILL 7", "procwire kill --signal=KILL 7"),
            ("procwire kill -SIGRTMIN+2 7", "procwire kill --signal=SIGRTMIN+2 7"),
            ("procwire kill -0 7", "procwire kill --dry-run 7"),
            ("procwire kill -99 7", "procwire kill --signal=99 7"),
            ("procwire --context kill pkill -HUP -f x", "procwire --context kill pkill --signal=HUP -f x"),
            ("procwire -o json killall -TERM sh", "procwire -o json killall --signal=TERM sh"),
            ("procwire limit 7 --nofile=10:20 --yes", "procwire limit 7 nofile=10:20 --yes"),
        ] {
            assert_eq!(put(typed), wanted);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for typed in [
            "procwire",
            "procwire ps -9",
            "procwire kill -l",
            "procwire kill -P 7",
            "procwire pkill -u root -f sh",
            "procwire pkill -- -9",
            "procwire kill --signal 9 7",
            "procwire limit 7 --name=x",
            "procwire nice -n -5 7",
        ] {
            assert_eq!(put(typed), typed);
        }
        assert_eq!(put("procwire kill -9 -1"), "procwire kill --signal=9 -1", "and -1 is refused");
    }
}
