//! Where the kernel's files are.

use std::path::{Path, PathBuf};

/// The directories that everything is read below. [`Default`] is this machine; a container that mounts its host's `/proc` at
/// `/host/proc` says so here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// procfs.
    pub proc: PathBuf,
    /// sysfs.
    pub sys: PathBuf,
    /// User database and machine id.
    pub etc: PathBuf,
    /// Run-time state of services.
    pub run: PathBuf,
    /// Devices, for the names of terminals.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), etc: "/etc".into(), run: "/run".into(), dev: "/dev".into() }
    }
}

impl Roots {
    /// True if users are those of this machine, so that its name services may be asked for them.
    pub(crate) fn has_own_users(&self) -> bool {
        self.etc == Path::new("/etc")
    }
}
