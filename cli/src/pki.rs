//! A small certificate authority for people without one: an authority, agents' and clients' certificates.
//! Everything an agent decides on is in the certificate: the principal is its common name, the role its organisation.

mod authority;
mod certificate;
mod directory;
mod inspect;
mod leaf;
mod profile;
mod provision;
mod registry;
mod revocation;
mod serial;
mod subject;
#[cfg(test)]
mod tests;

pub use authority::{Authority, Issued};
pub use directory::{Directory, ListWritten, RenewOptions, Renewal, Revocation, RevokeTarget, Stored};
pub use inspect::{Contents, Inspection, Judge, facts, inspect};
pub use leaf::{Leaf, Purpose, check_group};
pub use profile::{AgentProfile, ClientProfile, Role, SubjectName, Validity, check_name, local_names};
pub use provision::{Found, Provision, Provisioned};
pub use registry::{Entry, Known, Registry};
pub use revocation::{Reason, RevocationList, Revoked};
pub use serial::Serial;

/// What can go wrong while certificates are made or kept.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A name that cannot be a common name and a file name.
    #[error("name {name:?}: {problem}")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A subject alternative name that is neither `DNS:...` nor `IP:...`.
    #[error("subject alternative name {text:?}: {problem}")]
    SubjectName {
        /// What was given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A group that cannot be one.
    #[error("group {name:?}: {problem}")]
    Group {
        /// What was given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A serial number that cannot be one.
    #[error("serial number {text:?}: {problem}")]
    Serial {
        /// What was given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A certificate to revoke that is not known.
    #[error("{text}: {problem}")]
    UnknownTarget {
        /// The name, serial number or file.
        text: String,
        /// Why it cannot be revoked.
        problem: &'static str,
    },
    /// A certificate that cannot be renewed.
    #[error("renew {}: {problem}", path.display())]
    NotRenewable {
        /// Its file.
        path: std::path::PathBuf,
        /// Why not.
        problem: &'static str,
    },
    /// What was issued and revoked cannot be told.
    #[error("{}: {problem}", path.display())]
    Registry {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process works in the directory and does not end.
    #[error("another `procwire pki` has worked in {} for more than 30 seconds; try again when it is done", directory.display())]
    Busy {
        /// The directory.
        directory: std::path::PathBuf,
    },
    /// A certificate that would outlive its authority, or end before it begins.
    #[error("validity: {problem}")]
    Validity {
        /// What is wrong with it.
        problem: String,
    },
    /// A file that is there already.
    #[error("{} exists already; --force replaces it", path.display())]
    Exists {
        /// Which.
        path: std::path::PathBuf,
    },
    /// There is no authority in the directory.
    #[error("{} not found: make the authority first with `procwire pki init --dir {}`", path.display(), directory.display())]
    NoAuthority {
        /// The file that is missing.
        path: std::path::PathBuf,
        /// The directory it was looked for in.
        directory: std::path::PathBuf,
    },
    /// A file could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or key could not be made or understood.
    #[error("{what}: {source}")]
    Certificate {
        /// What was being made or read.
        what: &'static str,
        /// What the certificate library said.
        source: rcgen::Error,
    },
    /// The system gave no random numbers.
    #[error("random serial number: {0}")]
    Random(getrandom::Error),
}
