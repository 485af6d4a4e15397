//! Why units could not be listed.

use std::{fmt, io, path::PathBuf, time::Duration};

use zbus::fdo;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Connect,
    List,
}

/// systemd gives no list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitsError {
    #[error("systemd does not run on this host: there is no {}", missing.display())]
    NoSystemd { missing: PathBuf },
    #[error("systemd cannot be asked: nobody listens at {}, the system bus", missing.display())]
    NoBus { missing: PathBuf },
    #[error("systemd cannot be asked: it is not on the system bus: {detail}")]
    NotOnBus { detail: String },
    #[error("the bus refuses: {detail}")]
    Refused { detail: String },
    #[error("systemd did not answer within {after:?}")]
    TimedOut { after: Duration },
    #[error("{step}: the bus makes no sense: {detail}")]
    Garbled { step: Step, detail: String },
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connect => "connect to the system bus",
            Self::List => "list units",
        })
    }
}

impl UnitsError {
    pub(super) fn of(step: Step, error: &zbus::Error, timeout: Duration) -> Self {
        let detail = error.to_string();
        if is_timeout(error) {
            return Self::TimedOut { after: timeout };
        }
        let fdo = match error {
            zbus::Error::FDO(error) => error,
            zbus::Error::Handshake(_) if step == Step::Connect && detail.contains("REJECTED") => {
                return Self::Refused { detail };
            }
            _ => return Self::Garbled { step, detail },
        };
        match **fdo {
            fdo::Error::AccessDenied(_) | fdo::Error::AuthFailed(_) => Self::Refused { detail },
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) | fdo::Error::NoServer(_) => {
                Self::NotOnBus { detail }
            }
            _ => Self::Garbled { step, detail },
        }
    }
}

/// Of the agent's own clock, or of the bus.
pub(super) fn is_timeout(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::InputOutput(error) => error.kind() == io::ErrorKind::TimedOut,
        zbus::Error::FDO(error) => {
            matches!(**error, fdo::Error::NoReply(_) | fdo::Error::Timeout(_) | fdo::Error::TimedOut(_))
        }
        _ => false,
    }
}
