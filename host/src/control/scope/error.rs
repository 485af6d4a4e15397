//! Why it cannot be told what belongs to a target, or not be held.

use rustix::io::Errno;

use super::super::ControlError;

/// What belongs to a target cannot be told or held, and nothing was done to it.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// One of the processes cannot be opened.
    #[error(transparent)]
    Process(#[from] ControlError),
    /// The group is one that is never acted on as a whole.
    #[error("control group {path} is never acted on as a whole: {why}; name processes with the scope process or tree")]
    ProtectedGroup {
        /// The group, escaped.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// The process is in no group that the agent could act on.
    #[error("process {pid} is in no control group that the agent can act on: {why}; use the scope process or tree")]
    NoGroup {
        /// The process.
        pid: u32,
        /// Why.
        why: &'static str,
    },
    /// More processes than descriptors: each is held by some, so that no other process can be hit.
    #[error(
        "{found} processes and more belong to the targets, and the agent may open no more than {limit} files; nothing was done to the rest; raise its limit (LimitNOFILE= of its unit, ulimit -n) or name fewer targets"
    )]
    Descriptors {
        /// How many were opened.
        found: usize,
        /// RLIMIT_NOFILE.
        limit: u64,
    },
    /// A file of procfs or of the control group cannot be read.
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was tried: "read".
        operation: &'static str,
        /// The file, escaped.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl ScopeError {
    pub(crate) fn io(operation: &'static str, path: impl Into<String>, errno: Errno) -> Self {
        Self::Io { operation, path: path.into(), source: errno.into() }
    }
}
