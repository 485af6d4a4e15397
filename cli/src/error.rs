//! Why a command failed, and the exit code that says so.

use std::io;

use procwire_client::v1::FieldErrorReason;

use crate::{
    contexts::{ConfigError, ContextError},
    exit::Exit,
    pki::PkiError,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was typed makes no sense together.
    #[error("{0}")]
    Usage(String),
    /// The configuration file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A context that is not there, or is.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Certificates could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A call failed.
    #[error("{}", in_terms_of_the_tool(&.0.to_string()))]
    Call(#[from] procwire_client::Error),
    /// The process that was meant is not there any more.
    #[error("{0}")]
    TargetGone(String),
    /// What the command is about could not be read.
    #[error("the {what} of process {pid} cannot be read: {why}")]
    Unreadable {
        /// The field in words.
        what: String,
        /// Whose.
        pid: u32,
        /// Why not, and what to do about it.
        why: String,
        /// Decides on the exit code.
        reason: FieldErrorReason,
    },
    /// What the command is about could not be read on the host.
    #[error("the {what} of the host cannot be read: {why}")]
    HostUnreadable {
        /// The section in words.
        what: String,
        /// Why not, and what to do about it.
        why: String,
        /// Decides on the exit code.
        reason: FieldErrorReason,
    },
    /// More than one process would have been hit and that was not confirmed.
    #[error("{0}")]
    Unconfirmed(String),
    /// The keyboard said stop before anything was done.
    #[error("{0}")]
    Interrupted(String),
    /// Nothing on the host has the name that was typed.
    #[error("{0}")]
    NothingFound(String),
    /// The agent inside this process did not start.
    #[error("the agent inside this process: {0}")]
    Embedded(String),
    /// The answer could not be written.
    #[error("write the answer: {0}")]
    Output(#[from] io::Error),
    /// The demonstration did not come out as it should.
    #[error("demo: {0}")]
    Demo(String),
}

/// Agents advise programs, which call methods; people type commands.
fn in_terms_of_the_tool(text: &str) -> String {
    text.replace("GetCapabilities lists every field", "`procwire agent capabilities` lists every field")
}

impl CliError {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            // Whoever reads the answer has enough of it, as `head` has.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
            Self::Usage(_) | Self::Config(_) | Self::Context(_) => Exit::Usage,
            Self::Pki(
                PkiError::Name { .. }
                | PkiError::SubjectName { .. }
                | PkiError::Validity { .. }
                | PkiError::Group { .. }
                | PkiError::Serial { .. }
                | PkiError::UnknownTarget { .. },
            ) => Exit::Usage,
            Self::Call(error) => Exit::of_kind(error.kind()),
            Self::TargetGone(_) => Exit::TargetGone,
            Self::Unconfirmed(_) => Exit::Unconfirmed,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Unreadable { reason, .. } | Self::HostUnreadable { reason, .. } => match reason {
                FieldErrorReason::PermissionDenied | FieldErrorReason::Redacted => Exit::Refused,
                FieldErrorReason::Zombie | FieldErrorReason::ProcessGone => Exit::TargetGone,
                FieldErrorReason::Timeout => Exit::StillRunning,
                FieldErrorReason::Unsupported => Exit::NotServed,
                _ => Exit::Failed,
            },
            Self::NothingFound(_) | Self::Pki(_) | Self::Embedded(_) | Self::Output(_) | Self::Demo(_) => Exit::Failed,
        }
    }
}
