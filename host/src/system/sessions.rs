//! Section `users`: who is logged in, by utmp(5), or by systemd-logind where nobody writes one any more.

mod logind;

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use procwire_proto::{
    Timestamp,
    system_fields::bit,
    v1::{FieldErrorReason, UserSession},
};

use super::{
    answer::Answer,
    kept_file::{KeptFile, ReadBuffer},
    parse::utmp::{Login, logins},
};
use crate::{Host, HostError};

/// Where logins are recorded. Nothing stays open: a record that is replaced by another file would be read for ever.
pub(super) struct Sessions {
    /// The first that is there counts.
    utmp: Vec<PathBuf>,
    logind: PathBuf,
}

impl Sessions {
    pub(super) fn new(host: &Host) -> Self {
        let run = &host.roots().run;
        let mut utmp = vec![run.join("utmp")];
        if run == Path::new("/run") {
            // Of distributions where the one is not a link to the other.
            utmp.push("/var/run/utmp".into());
        }
        Self { utmp, logind: run.join("systemd/sessions") }
    }

    pub(super) fn read(&self, host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(bit::USERS) {
            return;
        }
        for path in &self.utmp {
            match KeptFile::new(path.clone()).read(buffer) {
                Ok(text) => {
                    let logins = logins(text).filter(|login| is_there(host, login.pid));
                    answer.system.users = logins.map(|login| session(&login)).collect();
                    return;
                }
                Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return answer.unreadable(bit::USERS, &error),
            }
        }
        logind::read(&self.logind, host, buffer, answer).unwrap_or_else(|error| self.nobody_knows(&error, answer));
    }

    fn nobody_knows(&self, error: &HostError, answer: &mut Answer) {
        match error {
            HostError::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                let utmp = self.utmp.first().map(|path| path.display().to_string()).unwrap_or_default();
                let detail = format!("no record of logins: neither {utmp} nor {} is there", self.logind.display());
                answer.absent(bit::USERS, FieldErrorReason::Unsupported, &detail);
            }
            error => answer.unreadable(bit::USERS, error),
        }
    }
}

fn session(login: &Login<'_>) -> UserSession {
    UserSession {
        name: login.user.to_vec(),
        terminal: Some(login.line.to_vec()).filter(|line| !line.is_empty()),
        host: Some(login.host.to_vec()).filter(|host| !is_local(host)),
        started: Some(Timestamp {
            seconds: login.seconds,
            nanos: i32::try_from(login.microseconds).unwrap_or(0).saturating_mul(1000),
        }),
        pid: login.pid,
        ..UserSession::default()
    }
}

/// Nothing, or a display of this machine: ":0", ":0.0".
fn is_local(host: &[u8]) -> bool {
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match host.strip_prefix(b":") {
        None => host.is_empty(),
        Some(display) => display.splitn(2, |byte| *byte == b'.').all(is_number),
    }
}

/// False of a record that a session left behind when it ended without a word, as who(1) judges it. A record that names no process is
/// believed, and all are where procfs hides others' processes, of which the first is one.
fn is_there(host: &Host, pid: Option<u32>) -> bool {
    let exists = |pid: u32| host.roots().proc.join(pid.to_string()).exists();
    pid.is_none_or(|pid| exists(pid) || !exists(1))
}

#[cfg(test)]
mod tests;
