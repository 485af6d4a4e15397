//! Reads a private key, unless others than its owner could.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::TlsError;

/// Bits of group and others.
const NOT_OWNER: u32 = 0o077;
/// Larger than any key in PEM.
const KEY_MAX_BYTES: u64 = 1 << 20;

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source: io::Error| TlsError::Unreadable { role: "tls.key", path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // Of the file that was opened, not of the name: it may be replaced meanwhile.
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & NOT_OWNER != 0 {
        return Err(TlsError::KeyTooOpen { path: path.to_owned(), mode: mode & 0o777 });
    }
    let mut pem = Vec::new();
    file.take(KEY_MAX_BYTES).read_to_end(&mut pem).map_err(unreadable)?;
    Ok(pem)
}
