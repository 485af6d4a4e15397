//! Files for their owner's eyes only: keys, certificates, contexts. Written whole or not at all.
//! Beside them what everybody may read, such as the certificate of an authority.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};

const OWNER_ONLY: u32 = 0o600;
const EVERYBODY_READS: u32 = 0o644;
const OWNER_ONLY_DIRECTORY: u32 = 0o700;

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail with [`io::ErrorKind::AlreadyExists`].
    Keep,
    /// Put the new one in its place.
    Replace,
}

/// Writes a file with mode 0600 in one step: readers see the old one or the new one, never half of one.
pub fn write(path: &Path, contents: &[u8], existing: Existing) -> io::Result<()> {
    write_with_mode(path, contents, existing, OWNER_ONLY)
}

/// The same with mode 0644, in place of what is there.
pub fn write_for_everybody(path: &Path, contents: &[u8]) -> io::Result<()> {
    write_with_mode(path, contents, Existing::Replace, EVERYBODY_READS)
}

fn write_with_mode(path: &Path, contents: &[u8], existing: Existing, mode: u32) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".procwire-")
        .permissions(fs::Permissions::from_mode(OWNER_ONLY))
        .tempfile_in(directory)?;
    // Not when it is made: that would leave it to the umask.
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    match existing {
        Existing::Keep => file.persist_noclobber(path)?,
        Existing::Replace => file.persist(path)?,
    };
    Ok(())
}

/// Makes a directory, and those above it, with mode 0700. One that is there already stays as it is.
pub fn create_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(OWNER_ONLY_DIRECTORY).create(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn files_and_directories_are_for_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/b");
        create_directory(&directory).unwrap();
        write(&directory.join("key"), b"secret", Existing::Keep).unwrap();
        assert_eq!((mode(&directory), mode(&directory.join("key"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "the temporary file is gone");
        write_for_everybody(&directory.join("certificate"), b"known").unwrap();
        assert_eq!(mode(&directory.join("certificate")), 0o644);
    }

    #[test]
    fn an_existing_file_is_replaced_only_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"old", Existing::Keep).unwrap();
        let error = write(&path, b"new", Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, b"new", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}
