//! How the tool ends. The numbers are part of its interface: scripts decide on them.

use procwire_client::ErrorKind;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done. A reader that closed the pipe counts as done.
    Success = 0,
    /// Something else failed, and the message says what; or nothing was found, as for pidof, pgrep and pkill everywhere.
    Failed = 1,
    /// The command line, the configuration or the request is wrong.
    Usage = 2,
    /// The process has ended, or its pid is another's now.
    TargetGone = 3,
    /// Not allowed: a role is missing, the kernel refused the agent, or the process is protected.
    Refused = 4,
    /// The process lives on, or the time ran out.
    StillRunning = 5,
    /// The agent could not be reached, or one side did not accept the other's certificate.
    NotConnected = 6,
    /// This agent or this kernel does not serve it.
    NotServed = 7,
    /// Of several processes it was done to some and not to others.
    Mixed = 8,
    /// Nothing was done: there were other than the expected number of processes, or nobody said yes.
    Unconfirmed = 9,
    /// Interrupted from the keyboard: 128 + SIGINT.
    Interrupted = 130,
}

impl Exit {
    /// For `--help`.
    pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    something else failed; the message says what (nothing of that name or port was found: pidof, pgrep, who-listens,
       env NAME, files --port, ifconfig NAME, nettop NAME, cgroups PATH, units PATTERN; no process matches: pkill,
       killall, and kill, terminate, wait, nice and the like with a selection)
  2    the command line, the configuration or the request is wrong
  3    the process has ended, or its pid is another's now
  4    not allowed: role missing, refused by the kernel, or process protected
  5    the process lives on, or the time ran out; of several, one at least
  6    the agent could not be reached, or a certificate was not accepted
  7    this agent or this kernel does not serve it
  8    of several processes it was done to some, and others were refused or gone
  9    not confirmed: another number than --expect says, or nobody said yes; nothing was done
  130  interrupted";

    /// The exit code of a failed call.
    pub(crate) fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Configuration | ErrorKind::InvalidRequest => Self::Usage,
            ErrorKind::NotFound | ErrorKind::PidReused | ErrorKind::HostRebooted => Self::TargetGone,
            ErrorKind::PermissionDenied | ErrorKind::Unauthenticated | ErrorKind::ProtectedProcess => Self::Refused,
            ErrorKind::Timeout => Self::StillRunning,
            ErrorKind::Resolve
            | ErrorKind::ConnectionRefused
            | ErrorKind::Unreachable
            | ErrorKind::ServerCertificate
            | ErrorKind::ClientCertificate
            | ErrorKind::Tls
            | ErrorKind::ConnectionLost => Self::NotConnected,
            ErrorKind::NotServed => Self::NotServed,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_code() {
        let all = [
            Exit::Success,
            Exit::Failed,
            Exit::Usage,
            Exit::TargetGone,
            Exit::Refused,
            Exit::StillRunning,
            Exit::NotConnected,
            Exit::NotServed,
            Exit::Mixed,
            Exit::Unconfirmed,
            Exit::Interrupted,
        ];
        let listed: Vec<u8> =
            Exit::HELP.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
        assert_eq!(listed, all.map(|exit| exit as u8));
    }
}
