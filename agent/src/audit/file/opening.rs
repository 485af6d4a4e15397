//! Opens the file, if nobody else could change it.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::audit::AuditError;

/// The user who can write every file anyway.
const ROOT: u32 = 0;
/// Writing by the group and by others.
const WRITTEN_BY_OTHERS: u32 = 0o022;

/// For this agent alone: as long as the file is open no other agent gets it.
pub(super) fn open(path: &Path) -> Result<File, AuditError> {
    let io = AuditError::io(path);
    // Asked before opening: opening a pipe would wait for its reader.
    let named = fs::symlink_metadata(path);
    if let Ok(metadata) = &named {
        demand_own(path, metadata)?;
    }
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(&io)?;
    let metadata = file.metadata().map_err(&io)?;
    demand_own(path, &metadata)?;
    match named {
        Ok(named) if (named.dev(), named.ino()) != (metadata.dev(), metadata.ino()) => {
            return Err(unsafe_file(path, "it was replaced while it was opened".to_owned()));
        }
        Ok(_) => {}
        Err(_) => sync_folder(path),
    }
    lock(path, &file)?;
    Ok(file)
}

/// Makes nothing and takes no lock: the agent that is being checked may be running.
pub(super) fn check(path: &Path) -> Result<(), AuditError> {
    let io = AuditError::io(path);
    match fs::symlink_metadata(path) {
        Ok(metadata) => {
            demand_own(path, &metadata)?;
            OpenOptions::new().read(true).append(true).open(path).map_err(io)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = folder(path);
            let metadata = fs::metadata(folder).map_err(AuditError::io(folder))?;
            if !metadata.is_dir() {
                return Err(AuditError::io(folder)(io::ErrorKind::NotADirectory.into()));
            }
        }
        Err(error) => return Err(io(error)),
    }
    Ok(())
}

/// On disk is only what its folder knows of.
pub(super) fn sync_folder(path: &Path) {
    let folder = folder(path);
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::warn!(folder = %folder.display(), %error, "the folder of the audit trail cannot be made safe on disk");
    }
}

/// The folder that has this name.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// True if nobody but the agent's user and root can write to it.
pub(super) fn is_own(metadata: &Metadata) -> bool {
    problem(metadata).is_none()
}

fn demand_own(path: &Path, metadata: &Metadata) -> Result<(), AuditError> {
    if metadata.is_symlink() {
        return Err(unsafe_file(path, "it is a symbolic link; name the file itself".to_owned()));
    }
    if !metadata.is_file() {
        return Err(AuditError::NotAFile(path.to_owned()));
    }
    problem(metadata).map_or(Ok(()), |problem| Err(unsafe_file(path, problem)))
}

fn problem(metadata: &Metadata) -> Option<String> {
    let (owner, own, mode) = (metadata.uid(), procwire_host::own_user(), metadata.mode());
    if owner != own && owner != ROOT {
        Some(format!("it belongs to user {owner}, who could change it; give it to user {own}"))
    } else if mode & WRITTEN_BY_OTHERS != 0 {
        Some(format!("others than its owner can write it (mode {:o}); chmod go-w", mode & 0o777))
    } else if metadata.nlink() > 1 {
        Some(format!("it has {} names (hard links); leave it one", metadata.nlink()))
    } else {
        None
    }
}

fn unsafe_file(path: &Path, problem: String) -> AuditError {
    AuditError::Unsafe { path: path.to_owned(), problem }
}

fn lock(path: &Path, file: &File) -> Result<(), AuditError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(AuditError::InUse(path.to_owned())),
        // Not every filesystem has locks (flock(2): ENOLCK, EOPNOTSUPP).
        Err(TryLockError::Error(error)) => {
            tracing::warn!(path = %path.display(), %error, "the audit file cannot be locked; see to it that no other agent writes to it");
            Ok(())
        }
    }
}
