//! The file of the audit trail: appended to whole lines at a time, on disk when [`AuditFile::append`] returns.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Why a record could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened or written.
    #[error("audit file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A pipe or device can block, and cannot be made safe on disk.
    #[error("audit file {}: not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The record cannot be told in JSON.
    #[error("audit record: {0}")]
    Json(serde_json::Error),
    /// The agent ended while the record was written.
    #[error("the audit record was interrupted by the end of the agent")]
    Interrupted,
}

#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// A write ended in the middle of a line; the next one starts on a new line.
    torn: bool,
}

impl AuditFile {
    pub(super) fn open(path: &Path) -> Result<AuditFile, AuditError> {
        let file = open_regular(path)?;
        Ok(AuditFile { path: path.to_owned(), file, torn: false })
    }

    /// Writes one line and waits for the disk.
    pub(super) fn append(&mut self, mut line: String) -> Result<(), AuditError> {
        if !self.is_current() {
            // Moved away by log rotation: the trail goes on in a new file of the same name.
            self.file = open_regular(&self.path)?;
            self.torn = false;
        }
        line.push('\n');
        if self.torn {
            line.insert(0, '\n');
        }
        self.torn = true;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| {
            self.torn = false;
            self.file.sync_data()
        });
        written.map_err(|source| AuditError::Io { path: self.path.clone(), source })
    }

    fn is_current(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(open)) => identity(named) == identity(open),
            _ => false,
        }
    }
}

fn open_regular(path: &Path) -> Result<File, AuditError> {
    // Asked before opening: opening a pipe would wait for its reader.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(AuditError::NotAFile(path.to_owned()));
    }
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    opened.map_err(|source| AuditError::Io { path: path.to_owned(), source })
}
