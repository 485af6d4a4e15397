//! How long a host runs, in the words of uptime(1).

use std::{collections::BTreeSet, fmt, time::Duration};

use procwire_proto::v1::{System, UserSession};

use crate::render::clock::Clock;

/// One line as uptime(1) has it, and one about the boot.
#[derive(Debug)]
pub(crate) struct Uptime<'a> {
    pub(crate) system: &'a System,
    pub(crate) clock: &'a Clock,
}

impl fmt::Display for Uptime<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system, clock } = self;
        let now = system.sampled.as_ref().and_then(|sampled| sampled.wall.as_ref());
        write!(out, " {}", now.map_or_else(|| "--:--:--".to_owned(), |now| clock.time_of_day(now)))?;
        if let Some(uptime) = system.boot.as_ref().and_then(|boot| boot.uptime_ns) {
            write!(out, " up {}", in_words(Duration::from_nanos(uptime)))?;
        }
        if !system.errors.iter().any(|error| error.path == "users") {
            write!(out, ", {}", users(&system.users))?;
        }
        let load = system.load.unwrap_or_default();
        if let [Some(one), Some(five), Some(fifteen)] = [load.one_minute, load.five_minutes, load.fifteen_minutes] {
            write!(out, ", load average: {one:.2}, {five:.2}, {fifteen:.2}")?;
        }
        if let Some(threads) = threads(system) {
            write!(out, "\n threads {threads}")?;
        }
        if let Some(boot) = boot_time(system, clock) {
            write!(out, "\n booted {boot}")?;
        }
        Ok(())
    }
}

/// When the host was booted.
pub(crate) fn boot_time(system: &System, clock: &Clock) -> Option<String> {
    system.boot.as_ref().and_then(|boot| boot.time.as_ref()).map(|time| clock.full(time))
}

/// `3 days, 4:12`, `4:12`, `12 min`: as uptime(1).
fn in_words(up: Duration) -> String {
    let minutes = up.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        _ => format!("{days} days, "),
    };
    if hours > 0 { format!("{days}{hours}:{minutes:02}") } else { format!("{days}{minutes} min") }
}

/// As uptime(1) it counts sessions; of fewer users it says so.
fn users(sessions: &[UserSession]) -> String {
    let people = sessions
        .iter()
        .filter(|session| !matches!(session.session_class.as_deref(), Some(class) if is_machinery(class)));
    let names: Vec<&[u8]> = people.map(|session| session.name.as_slice()).collect();
    let different = names.iter().collect::<BTreeSet<_>>().len();
    let noun = |number, singular: &'static str, plural: &'static str| if number == 1 { singular } else { plural };
    match names.len() {
        number if number == different => format!("{number} {}", noun(number, "user", "users")),
        number => format!("{number} sessions of {different} {}", noun(different, "user", "users")),
    }
}

/// Sessions that systemd-logind keeps for itself and for login screens.
fn is_machinery(class: &str) -> bool {
    class.starts_with("manager")
        || class.starts_with("background")
        || matches!(class, "greeter" | "lock-screen" | "none")
}

/// What the load is made of just now.
fn threads(system: &System) -> Option<String> {
    let load = system.load?;
    let count = system.cpu.as_ref().and_then(|cpu| cpu.logical_count);
    let processors = match count {
        Some(1) => " on 1 processor".to_owned(),
        Some(count) => format!(" on {count} processors"),
        None => String::new(),
    };
    Some(format!("{} running or ready of {}{processors}", load.runnable_threads?, load.total_threads?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::v1::{Boot, Cpu, FieldError, FieldErrorReason, LoadAverage, SampleTime};

    use super::*;

    fn session(name: &[u8], class: Option<&str>) -> UserSession {
        UserSession { name: name.to_vec(), session_class: class.map(str::to_owned), ..UserSession::default() }
    }

    fn system() -> System {
        let moment = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        System {
            sampled: Some(SampleTime { wall: moment(1_795_293_305), ..SampleTime::default() }),
            boot: Some(Boot { time: moment(1_795_000_000), uptime_ns: Some(293_305_000_000_000), ..Boot::default() }),
            cpu: Some(Cpu { logical_count: Some(4), ..Cpu::default() }),
            load: Some(LoadAverage {
                one_minute: Some(0.5),
                five_minutes: Some(1.0),
                fifteen_minutes: Some(12.345),
                runnable_threads: Some(3),
                total_threads: Some(412),
            }),
            users: vec![session(b"alice", Some("user")), session(b"bob", None), session(b"bob", Some("manager"))],
            ..System::default()
        }
    }

    fn shown(system: &System) -> String {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        Uptime { system, clock: &clock }.to_string()
    }

    #[test]
    fn one_line_says_it_as_uptime_does() {
        assert_eq!(
            shown(&system()),
            " 20:35:05 up 3 days, 9:28, 2 users, load average: 0.50, 1.00, 12.35\n \
             threads 3 running or ready of 412 on 4 processors\n booted 2026-11-18 11:06:40 +00:00"
        );
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        let error = FieldError {
            path: "users".to_owned(),
            reason: FieldErrorReason::Unsupported.into(),
            ..FieldError::default()
        };
        assert_eq!(shown(&System { errors: vec![error], ..System::default() }), " --:--:--");
    }

    #[test]
    fn several_sessions_of_one_user_are_no_several_users() {
        let three = [session(b"a", None), session(b"a", None), session(b"b", None)];
        assert_eq!(users(&three), "3 sessions of 2 users");
        assert_eq!((users(&three[2..]), users(&[])), ("1 user".to_owned(), "0 users".to_owned()));
    }

    #[test]
    fn times_are_those_of_uptime() {
        for (seconds, wanted) in
            [(59, "0 min"), (3599, "59 min"), (3600, "1:00"), (86_400, "1 day, 0 min"), (176_400, "2 days, 1:00")]
        {
            assert_eq!(in_words(Duration::from_secs(seconds)), wanted);
        }
    }
}
