//! Files for their owner's eyes only: keys, certificates, contexts. Written whole or not at all.
//! Beside them what everybody may read, such as the certificate of an authority.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

const OWNER_ONLY: u32 = 0o600;
const OWNER_AND_GROUP_READ: u32 = 0o640;
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

/// Writes two files that belong together, a key and its certificate: both are made whole beside their places first, so that only
/// the time of one rename lies between them. What is replaced hands on its mode and its owner. The error names the file.
pub fn write_both(key: (&Path, &[u8]), other: (&Path, &[u8]), existing: Existing) -> Result<(), (PathBuf, io::Error)> {
    let prepare = |path: &Path, contents: &[u8], longest_mode: u32| {
        let file = prepared(path, contents, OWNER_ONLY)?;
        if let (Existing::Replace, Ok(old)) = (existing, fs::metadata(path)) {
            let made = file.as_file().metadata()?;
            if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
                fchown(file.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
            file.as_file().set_permissions(fs::Permissions::from_mode(old.mode() & longest_mode))?;
        }
        Ok(file)
    };
    let named = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let key_file = prepare(key.0, key.1, OWNER_AND_GROUP_READ).map_err(named(key.0))?;
    let other_file = prepare(other.0, other.1, EVERYBODY_READS).map_err(named(other.0))?;
    put(key_file, key.0, existing).map_err(named(key.0))?;
    put(other_file, other.0, existing).map_err(named(other.0))
}

fn write_with_mode(path: &Path, contents: &[u8], existing: Existing, mode: u32) -> io::Result<()> {
    put(prepared(path, contents, mode)?, path, existing)
}

fn prepared(path: &Path, contents: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".procwire-")
        .permissions(fs::Permissions::from_mode(OWNER_ONLY))
        .tempfile_in(directory)?;
    // Not when it is made: that would leave it to the umask.
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn put(file: NamedTempFile, path: &Path, existing: Existing) -> io::Result<()> {
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

    #[test]
    fn two_files_come_together_and_keep_what_their_owner_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("a.key"), folder.path().join("a.crt"));
        let both =
            |key_text: &[u8], text: &[u8], existing| write_both((&key, key_text), (&certificate, text), existing);
        both(b"k1", b"c1", Existing::Keep).unwrap();
        assert_eq!((mode(&key), mode(&certificate)), (0o600, 0o600));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&certificate, fs::Permissions::from_mode(0o644)).unwrap();
        both(b"k2", b"c2", Existing::Replace).unwrap();
        assert_eq!((mode(&key), mode(&certificate)), (0o640, 0o644), "a key is never for everybody");
        let (path, error) = both(b"k3", b"c3", Existing::Keep).unwrap_err();
        assert_eq!((path, error.kind()), (key.clone(), io::ErrorKind::AlreadyExists));
        assert_eq!((fs::read(&key).unwrap(), fs::read(&certificate).unwrap()), (b"k2".to_vec(), b"c2".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "temporary files are gone");
    }
}
