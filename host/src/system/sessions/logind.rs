//! Sessions of systemd-logind, from the files that its own library reads (sd-login(3)).

use std::{ffi::OsString, fs, io::ErrorKind, os::unix::ffi::OsStrExt as _, path::Path};

use procwire_proto::{Timestamp, v1::UserSession};

use super::{
    super::{
        answer::Answer,
        class_folder::natural_order,
        kept_file::{KeptFile, ReadBuffer, reason_of},
        parse::session::{self, Session},
    },
    is_there,
};
use crate::{Host, HostError};

/// No session file comes near.
const LONGEST_FILE_BYTES: usize = 64 << 10;

/// The sessions of users. Greeters, screen locks and the managers of users' services are sessions too and no logins; one that is
/// closing is over, and waits for processes that its user left behind.
pub(super) fn read(folder: &Path, host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) -> Result<(), HostError> {
    for name in names(folder)? {
        let id = name.to_string_lossy();
        match KeptFile::new(folder.join(&name)).read_start(buffer, LONGEST_FILE_BYTES) {
            Ok(text) => {
                let session = session::parse(text);
                if is_login(&session) && is_there(host, session.leader) {
                    answer.system.users.extend(row(&id, &session, host));
                }
            }
            // It ended between the list and the look.
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => answer.report("users", reason_of(&error), error.to_string()),
        }
    }
    Ok(())
}

/// Beside the sessions are their locks, `ID.ref`, and files that are being written, `.#ID...`.
fn names(folder: &Path) -> Result<Vec<OsString>, HostError> {
    let failed = |operation, error| HostError::io(operation, folder, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed("open", error))? {
        let name = entry.map_err(|error| failed("list", error))?.file_name();
        if name.as_bytes().iter().all(u8::is_ascii_alphanumeric) {
            names.push(name);
        }
    }
    names.sort_by(|one, other| natural_order(one).cmp(&natural_order(other)));
    Ok(names)
}

/// Of a version that does not tell classes, all are.
fn is_login(session: &Session<'_>) -> bool {
    session.class.as_ref().is_none_or(|class| class.starts_with(b"user"))
        && session.state.as_deref() != Some(b"closing")
}

/// None of a file that names nobody, because it has just begun to be written.
fn row(id: &str, session: &Session<'_>, host: &Host) -> Option<UserSession> {
    let text = |value: &Option<std::borrow::Cow<'_, [u8]>>| String::from_utf8(value.as_deref()?.to_vec()).ok();
    let bytes = |value: &Option<std::borrow::Cow<'_, [u8]>>| value.as_deref().map(<[u8]>::to_vec);
    let name = bytes(&session.user).or_else(|| Some(host.users().name(session.uid?)?.to_vec()));
    let started = session.started_us.and_then(|us| {
        let nanos = i32::try_from(us % 1_000_000).ok()?.checked_mul(1000)?;
        Some(Timestamp { seconds: i64::try_from(us / 1_000_000).ok()?, nanos })
    });
    (name.is_some() || session.uid.is_some()).then(|| UserSession {
        name: name.unwrap_or_default(),
        terminal: bytes(&session.terminal),
        host: bytes(&session.remote_host),
        started,
        pid: session.leader,
        session_id: Some(id.to_owned()),
        session_class: text(&session.class),
        session_kind: text(&session.kind),
        seat: text(&session.seat),
        uid: session.uid,
    })
}
