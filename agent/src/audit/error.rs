//! Why the trail cannot be kept.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

/// Why a record could not be written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened or written.
    #[error("audit file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// A pipe or device can block, and cannot be made safe on disk; a link may lead elsewhere tomorrow.
    #[error("audit file {}: not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It may be somebody else's.
    #[error("audit file {}: {problem}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Two agents would break each other's chain.
    #[error("audit file {}: another agent writes to it; give each agent a file of its own", .0.display())]
    InUse(PathBuf),
    /// The record cannot be told in JSON.
    #[error("audit record: {0}")]
    Json(Arc<serde_json::Error>),
    /// More wait than may.
    #[error("audit file: {waiting} records wait to be written; the disk is too slow")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// The disk did not take it.
    #[error("audit file: the disk did not take the record within {0:?}")]
    Slow(Duration),
    /// The agent ended while the record was written.
    #[error("the audit record was interrupted by the end of the agent")]
    Interrupted,
}

impl AuditError {
    pub(super) fn io(path: &std::path::Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}
