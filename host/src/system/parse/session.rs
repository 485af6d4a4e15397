//! Session files of systemd-logind, `/run/systemd/sessions/ID`: lines `KEY=value` (src/login/logind-session.c, `session_save`).

use std::borrow::Cow;

use super::lines;

/// What is told of a session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::system) struct Session<'a> {
    pub(in crate::system) uid: Option<u32>,
    pub(in crate::system) user: Option<Cow<'a, [u8]>>,
    pub(in crate::system) state: Option<Cow<'a, [u8]>>,
    pub(in crate::system) class: Option<Cow<'a, [u8]>>,
    pub(in crate::system) kind: Option<Cow<'a, [u8]>>,
    pub(in crate::system) seat: Option<Cow<'a, [u8]>>,
    pub(in crate::system) terminal: Option<Cow<'a, [u8]>>,
    pub(in crate::system) remote_host: Option<Cow<'a, [u8]>>,
    pub(in crate::system) leader: Option<u32>,
    pub(in crate::system) started_us: Option<u64>,
}

/// Lines that are none, and keys that are not known, are passed over.
pub(in crate::system) fn parse(text: &[u8]) -> Session<'_> {
    let mut session = Session::default();
    for line in lines(text) {
        let Some((key, value)) = memchr::memchr(b'=', line).and_then(|end| line.split_at_checked(end)) else {
            continue;
        };
        let value = unquoted(value.get(1..).unwrap_or_default());
        if value.is_empty() {
            continue;
        }
        match key {
            b"UID" => session.uid = number(&value).and_then(|uid| u32::try_from(uid).ok()),
            b"USER" => session.user = Some(value),
            b"STATE" => session.state = Some(value),
            b"CLASS" => session.class = Some(value),
            b"TYPE" => session.kind = Some(value),
            b"SEAT" => session.seat = Some(value),
            b"TTY" => session.terminal = Some(value),
            b"REMOTE_HOST" => session.remote_host = Some(value),
            b"LEADER" => {
                session.leader = number(&value).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
            }
            b"REALTIME" => session.started_us = number(&value),
            _ => {}
        }
    }
    session
}

/// Values with other characters than those of names stand in quotes, and a backslash before what would end them (src/basic/env-file.c,
/// `write_env_var`).
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return Cow::Borrowed(value);
    };
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        plain.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    Cow::Owned(plain)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().all(u8::is_ascii_digit).then(|| crate::procfs::number(digits)).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# This is private data. Do not parse.\nUID=1000\nUSER=alice\nACTIVE=1\nIS_DISPLAY=0\nSTATE=active\nREMOTE=1\n\
        LEADER_FD_SAVED=1\nTYPE=tty\nORIGINAL_TYPE=tty\nCLASS=user\nSCOPE=session-3.scope\nFIFO=/run/systemd/sessions/3.ref\nTTY=pts/0\n\
        TTY_VALIDITY=from-utmp\nREMOTE_HOST=192.0.2.7\nSERVICE=sshd\nPOSITION=0\nLEADER=4711\nLEADER_PIDFDID=4711\nAUDIT=3\n\
        REALTIME=1790000000250000\nMONOTONIC=1234\n";

    #[test]
    fn a_session_over_the_network() {
        let text = |text: &'static str| Some(Cow::Borrowed(text.as_bytes()));
        let expected = Session {
            uid: Some(1000),
            user: text("alice"),
            state: text("active"),
            class: text("user"),
            kind: text("tty"),
            seat: None,
            terminal: text("pts/0"),
            remote_host: text("192.0.2.7"),
            leader: Some(4711),
            started_us: Some(1_790_000_000_250_000),
        };
        assert_eq!(parse(TEXT.as_bytes()), expected);
    }

    #[test]
    fn values_in_quotes() {
        let host = |text: &'static [u8]| parse(text).remote_host.unwrap().into_owned();
        assert_eq!(host(b"REMOTE_HOST=\"a b\"\n"), b"a b");
        assert_eq!(host(b"REMOTE_HOST=\"a\\\"\\\\b\"\n"), b"a\"\\b");
        assert_eq!(host(b"REMOTE_HOST=\"\n"), b"\"");
        assert_eq!(host(b"REMOTE_HOST=\"a\\\"\n"), b"a\\");
        assert_eq!(host(b"REMOTE_HOST=\xff=x"), b"\xff=x");
    }

    #[test]
    fn torn_and_odd_lines_say_nothing() {
        for odd in [
            "",
            "UID",
            "UID=",
            "UID=-1",
            "UID=4294967296",
            "UID=1x",
            "uid=1",
            "LEADER=0",
            "REALTIME=99999999999999999999",
            "=",
            "CLASS=\"\"",
        ] {
            assert_eq!(parse(odd.as_bytes()), Session::default(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text);
            parse(&[b"USER=\"", text.as_slice(), b"\""].concat());
        }
    }
}
