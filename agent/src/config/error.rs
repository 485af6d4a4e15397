//! What can be wrong with a configuration, each in one sentence that names the key.

use std::{io, path::PathBuf};

use super::Source;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("configuration file {}: {detail}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong and where, on one line.
        detail: String,
    },
    /// A key that does not exist.
    #[error("{key}: unknown key ({origin}){suggestion}")]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Where it was written.
        origin: Source,
        /// "; did you mean ...?" or nothing.
        suggestion: String,
    },
    /// A value that its key cannot have.
    #[error("{key}: {problem} ({origin})")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
        /// Where it was written.
        origin: Source,
    },
    /// A key that must be set and is not.
    #[error("{key}: not set; {remedy}")]
    Missing {
        /// The key.
        key: &'static str,
        /// How to set it.
        remedy: String,
    },
    /// `--set` without "=".
    #[error("--set {0}: not of the form key=value")]
    NoAssignment(String),
}
