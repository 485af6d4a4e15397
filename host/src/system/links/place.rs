//! Whose interfaces are read: those of the agent's network namespace, or of the host whose procfs it was given.

use std::{
    fs::File,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
};

use procwire_proto::v1::FieldErrorReason;
use rustix::io::Errno;

use super::by_files::Files;
use crate::{
    Host,
    netlink::{Entering, within},
    system::answer::Failure,
};

/// Where the interfaces of a host are.
pub(super) struct Place {
    is_own: bool,
    /// `/proc/PID/ns/net` of a process of the host.
    namespace: PathBuf,
    net: PathBuf,
    sys: PathBuf,
}

/// Why the kernel cannot be asked.
#[derive(Debug)]
pub(super) enum NoSocket {
    /// Never, and why.
    Refused(String),
    /// This time: the machine is short of something.
    Failed(Failure),
}

impl Place {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            is_own: host.has_own_network(),
            namespace: host.namespace_process().join("ns/net"),
            net: net_folder(host),
            sys: host.roots().sys.clone(),
        }
    }

    /// Opens something in the namespace of the host.
    pub(super) fn enter<T: Send>(&self, open: impl FnOnce() -> Result<T, NoSocket> + Send) -> Result<T, NoSocket> {
        if self.is_own {
            return open();
        }
        let refused = |what: &dyn std::fmt::Display| NoSocket::Refused(format!("{}: {what}", self.namespace.display()));
        let namespace = File::open(&self.namespace).map_err(|error| refused(&error))?;
        within(namespace.as_fd(), open).map_err(|error| match error {
            NoSocket::Refused(why) => refused(&why),
            failed @ NoSocket::Failed(_) => failed,
        })
    }

    /// The files that stand in for netlink.
    pub(super) fn files(&self, no_netlink: String) -> Files {
        // Which interfaces /sys has depends on who mounted it: our own has ours, whatever procfs we were given.
        let is_ours_alone = !self.is_own && self.sys == Path::new("/sys");
        Files::new(&self.net, (!is_ours_alone).then(|| self.sys.join("class/net")), no_netlink)
    }
}

/// `/proc/net` of the host.
pub(in crate::system) fn net_folder(host: &Host) -> PathBuf {
    let own = host.roots().proc.join("net");
    if host.has_own_namespaces() {
        return own;
    }
    // A captured tree may have one and not the other.
    let folder = host.namespace_process().join("net");
    if folder.is_dir() { folder } else { own }
}

impl NoSocket {
    pub(super) fn from_socket(errno: Errno) -> Self {
        match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => Self::Failed(failed(errno)),
            // A sandbox, another kernel.
            _ => Self::Refused(format!("netlink: {errno}")),
        }
    }
}

/// What the kernel said to a question by netlink.
pub(super) fn failed(errno: Errno) -> Failure {
    let reason = match errno {
        Errno::PERM | Errno::ACCESS => FieldErrorReason::PermissionDenied,
        Errno::OPNOTSUPP | Errno::INVAL | Errno::AFNOSUPPORT => FieldErrorReason::Unsupported,
        Errno::AGAIN | Errno::TIMEDOUT => FieldErrorReason::Timeout,
        _ => FieldErrorReason::ReadFailed,
    };
    Failure { reason, detail: format!("netlink: {errno}") }
}

impl From<Entering> for NoSocket {
    fn from(entering: Entering) -> Self {
        match entering {
            Entering::Refused(errno) => Self::Refused(format!("setns: {errno}")),
            Entering::NoThread => Self::Failed(failed(Errno::AGAIN)),
        }
    }
}
