//! One at a time: two that issue at once would each write a registry without the other's certificate.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{PkiError, io_error};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Held while a directory is changed; the system lets go of it with the process.
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file lets go")] File);

impl Lock {
    /// Waits for whoever has it.
    #[allow(clippy::disallowed_methods, reason = "a command of its own, with nothing beside it that could be held up")]
    pub(super) fn take(directory: &Path) -> Result<Self, PkiError> {
        let path = directory.join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(PkiError::Busy { directory: directory.to_owned() }),
                Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
            }
        }
    }
}
