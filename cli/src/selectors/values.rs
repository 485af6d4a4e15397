//! Values of selectors, from what people type.

use std::{convert::Infallible, ffi::OsString, ops::RangeInclusive, os::unix::ffi::OsStrExt as _, time::Duration};

use procwire_client::{ProcessRef, v1::ProcessState};

/// Windows over which agents measure the use of processors.
const USAGE_WINDOWS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);

/// A user, by name or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum User {
    Name(String),
    Id(u32),
}

/// A pid.
pub(crate) fn parse_pid(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|pid| (1..=ProcessRef::MAX_PID).contains(pid));
    pid.ok_or_else(|| format!("a pid is a number from 1 to {}", ProcessRef::MAX_PID))
}

/// A window over which the use of processors is measured. A pid after `--cpu` is taken for one, so the message says where pids go.
pub(crate) fn parse_usage_window(text: &str) -> Result<Duration, &'static str> {
    let window = humantime::parse_duration(text).ok().filter(|window| USAGE_WINDOWS.contains(window));
    window.ok_or("a time from 10ms to 60s, with its unit; pids stand before --cpu")
}

/// The beginning of the path of a program; the kernel knows programs by their whole paths only.
pub(super) fn parse_program(path: OsString) -> Result<OsString, &'static str> {
    if path.as_bytes().starts_with(b"/") { Ok(path) } else { Err("a program goes by its whole path, from / on") }
}

pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

pub(super) fn parse_user(text: &str) -> Result<User, String> {
    match text.parse() {
        Ok(id) => Ok(User::Id(id)),
        Err(_) if text.is_empty() => Err("a user has a name or a number".to_owned()),
        Err(_) => Ok(User::Name(text.to_owned())),
    }
}

/// A letter as ps shows it (`D`), or the name (`disk-sleep`).
pub(super) fn parse_state(text: &str) -> Result<ProcessState, String> {
    let letter = match text.as_bytes() {
        [letter] => ProcessState::from_letter(*letter),
        _ => None,
    };
    let name = text.to_ascii_uppercase().replace(['-', ' '], "_");
    let named = || ProcessState::from_str_name(&format!("PROCESS_STATE_{name}"));
    letter.or_else(named).filter(|state| *state != ProcessState::Unspecified).ok_or_else(|| {
        "states are R running, S sleeping, D disk-sleep, T stopped, t tracing-stop, Z zombie, X dead, I idle, P parked".to_owned()
    })
}

/// The path of a terminal, which may be typed without `/dev/`.
pub(super) fn parse_terminal(text: &str) -> Result<OsString, Infallible> {
    Ok(if text.starts_with('/') { text.into() } else { format!("/dev/{text}").into() })
}

/// The name of a unit, which may be typed without `.service`, as for systemctl.
pub(super) fn parse_unit(text: &str) -> Result<String, Infallible> {
    let has_type = [".service", ".scope", ".slice"].iter().any(|ending| text.ends_with(ending));
    Ok(if has_type { text.to_owned() } else { format!("{text}.service") })
}

pub(super) fn parse_container(text: &str) -> Result<String, String> {
    if text.chars().count() < 12 {
        return Err("a container is named by at least 12 characters of its id".to_owned());
    }
    Ok(text.to_owned())
}

/// `100M`, `1.5GiB`, `4096`; units of 1024.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    const WRONG: &str = "a size is a number with K, M, G or T, in units of 1024: 100M";
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default().to_ascii_uppercase();
    let power = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" if unit.contains('I') => return Err(WRONG.to_owned()),
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(WRONG.to_owned()),
    };
    let number: f64 = digits.parse().map_err(|_| WRONG.to_owned())?;
    let bytes = number * 1024_f64.powi(power);
    if !(0.0..=2_f64.powi(63)).contains(&bytes) {
        return Err(WRONG.to_owned());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    Ok(bytes as u64)
}

/// `50%` or `50` is half of one processor.
pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    Ok(number.ok_or("a share of a processor is a percentage: 50%")? / 100.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_units_of_1024() {
        for (text, wanted) in
            [("0", 0), ("4096", 4096), ("1k", 1024), ("100M", 104_857_600), ("1.5GiB", 1_610_612_736), ("2TB", 2 << 40)]
        {
            assert_eq!(parse_bytes(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "M", "-1", "1x", "1 M", "1iB", "1e30T", "nan", "inf", "1MM"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn windows_are_those_that_agents_measure_over() {
        assert_eq!(parse_usage_window("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_usage_window("1m"), Ok(Duration::from_secs(60)));
        for wrong in ["", "0s", "9ms", "61s", "1h", "1234", "-1s"] {
            assert!(parse_usage_window(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn programs_go_by_whole_paths() {
        assert!(parse_program("/bin/sh".into()).is_ok() && parse_program("/opt/*".into()).is_ok());
        assert!(parse_program("sh".into()).is_err() && parse_program(OsString::new()).is_err());
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!((parse_percent("50%"), parse_percent("150")), (Ok(0.5), Ok(1.5)));
        for wrong in ["", "%", "-1%", "NaN", "inf", "a"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn states_go_by_letter_or_name() {
        for (text, wanted) in [
            ("Z", ProcessState::Zombie),
            ("zombie", ProcessState::Zombie),
            ("t", ProcessState::TracingStop),
            ("T", ProcessState::Stopped),
            ("disk-sleep", ProcessState::DiskSleep),
            ("disk_sleep", ProcessState::DiskSleep),
        ] {
            assert_eq!(parse_state(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "q", "unspecified", "ZZ"] {
            assert!(parse_state(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn terminals_units_and_users_are_completed() {
        assert_eq!(parse_terminal("pts/3"), parse_terminal("/dev/pts/3"));
        assert_eq!(parse_unit("ssh"), parse_unit("ssh.service"));
        assert_eq!(parse_unit("user.slice").unwrap(), "user.slice");
        assert_eq!(parse_unit("a.b").unwrap(), "a.b.service");
        assert_eq!((parse_user("0"), parse_user("www")), (Ok(User::Id(0)), Ok(User::Name("www".to_owned()))));
        assert!(parse_user("").is_err() && parse_port("0").is_err() && parse_pid("0").is_err());
        assert!(parse_container("abc").is_err());
    }
}
