//! Who is logged in, and since when the host runs.

mod uptime;

use anstyle::Style;
use procwire_proto::{escape, v1::UserSession};

pub(crate) use self::uptime::{Uptime, boot_time};
use super::{
    clock::Clock,
    table::{Align, Column, Table},
    value::MISSING,
};

/// A row for each session, the oldest first.
pub(crate) fn session_table(sessions: &[UserSession], clock: &Clock) -> Table {
    let left = |header| Column::new(header, Align::Left);
    let mut table = Table::new(vec![
        left("USER"),
        left("TERMINAL"),
        left("FROM"),
        Column { may_be_cut: false, ..left("SINCE") },
        Column::new("PID", Align::Right),
        Column { drop_order: Some(1), ..left("SESSION") },
        Column { drop_order: Some(2), ..left("KIND") },
        Column { drop_order: Some(3), ..left("SEAT") },
    ]);
    let mut sessions: Vec<_> = sessions.iter().collect();
    sessions.sort_by_key(|session| session.started.map(|started| (started.seconds, started.nanos)));
    for session in sessions {
        let shown = |bytes: &[u8]| (!bytes.is_empty()).then(|| escape::terminal(bytes).into_owned());
        let cells = [
            shown(&session.name),
            session.terminal.as_deref().and_then(shown),
            session.host.as_deref().and_then(shown),
            session.started.map(|started| clock.full(&started)),
            session.pid.map(|pid| pid.to_string()),
            session.session_id.as_deref().and_then(|id| shown(id.as_bytes())),
            kind(session).and_then(|kind| shown(kind.as_bytes())),
            session.seat.as_deref().and_then(|seat| shown(seat.as_bytes())),
        ];
        let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned()));
        table.push(cells.collect(), Style::new());
    }
    table
}

/// How and as what somebody is logged in, as far as it says anything: `tty`, `wayland greeter`.
fn kind(session: &UserSession) -> Option<String> {
    let kind = session.session_kind.as_deref().filter(|kind| *kind != "unspecified");
    let class = session.session_class.as_deref().filter(|class| *class != "user");
    let words: Vec<_> = kind.into_iter().chain(class).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn printed(sessions: &[UserSession], width: Option<u16>) -> Vec<String> {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        let mut out = Vec::new();
        session_table(sessions, &clock).write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    fn sessions() -> Vec<UserSession> {
        let remote = UserSession {
            name: b"alice".to_vec(),
            terminal: Some(b"pts/0".to_vec()),
            host: Some(b"evil\n\x1b[2J\xff".to_vec()),
            started: Some(prost_types::Timestamp { seconds: 1_795_293_305, nanos: 0 }),
            pid: Some(4242),
            session_id: Some("3".to_owned()),
            session_class: Some("user".to_owned()),
            session_kind: Some("tty".to_owned()),
            ..UserSession::default()
        };
        let greeter = UserSession {
            name: b"gdm".to_vec(),
            started: Some(prost_types::Timestamp { seconds: 1_795_200_000, nanos: 0 }),
            session_class: Some("greeter".to_owned()),
            session_kind: Some("wayland".to_owned()),
            seat: Some("seat0".to_owned()),
            ..UserSession::default()
        };
        vec![remote, greeter]
    }

    #[test]
    fn the_oldest_session_comes_first_and_what_is_unknown_is_a_dash() {
        assert_eq!(
            printed(&sessions(), None),
            [
                r"USER  TERMINAL FROM              SINCE                       PID SESSION KIND            SEAT",
                r"gdm   -        -                 2026-11-20 18:40:00 +00:00    - -       wayland greeter seat0",
                r"alice pts/0    evil\n\x1b[2J\xff 2026-11-21 20:35:05 +00:00 4242 3       tty             -",
            ]
        );
    }

    #[test]
    fn it_fits_80_columns_without_losing_who_and_when() {
        let lines = printed(&sessions(), Some(80));
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:?}");
        assert!(
            lines[2].starts_with("alice pts/0") && lines[2].contains("2026-11-21 20:35:05 +00:00 4242"),
            "{lines:?}"
        );
        assert_eq!(printed(&sessions(), Some(200)), printed(&sessions(), None));
    }
}
