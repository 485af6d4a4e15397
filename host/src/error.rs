//! What can go wrong with the host as a whole; what goes wrong with one field of one process is a `FieldError` of its row.

use std::{io, path::PathBuf};

/// The host could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The kernel refused.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// The system call: `open`, `read`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel's text is not what its documentation says.
    #[error("{}: {detail}", path.display())]
    InvalidData {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl HostError {
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io { operation, path: path.into(), source: source.into() }
    }

    pub(crate) fn invalid(path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        Self::InvalidData { path: path.into(), detail: detail.into() }
    }
}
