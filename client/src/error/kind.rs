//! What kind of failure it was.

use procwire_proto::v1::ErrorReason;

/// What kind of failure an [`Error`](crate::Error) is: what a program decides on.
///
/// Kinds up to [`ConnectionLost`](Self::ConnectionLost) are found by the SDK before or below the call; the agent may not
/// have heard of it. [`Timeout`](Self::Timeout) comes from either side. The others are the agent's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client was built from something unusable: an endpoint that is no address, a certificate or key that cannot be
    /// read. The message names the argument or the file.
    Configuration,
    /// The name of the host could not be resolved to an address.
    Resolve,
    /// The host answered that nothing listens on the port.
    ConnectionRefused,
    /// The host could not be reached: no route, a network that is down, a connector that failed.
    Unreachable,
    /// The agent's certificate was not accepted: another authority, another name, expired.
    ServerCertificate,
    /// The agent did not accept this client's certificate, or missed one.
    ClientCertificate,
    /// TLS 1.3 or HTTP/2 could not be agreed on; something else than an agent may listen there.
    Tls,
    /// The connection broke while the call was under way. Whether the agent acted on it is not known.
    ConnectionLost,
    /// The time for the call, for connecting, or for the agent's own reading ran out.
    Timeout,
    /// The agent cannot answer just now: it is starting, stopping or cannot write its audit record.
    Unavailable,
    /// The connection carries no identity that the agent accepts.
    Unauthenticated,
    /// The caller's roles do not include this call, a policy denies it, or the agent itself lacks the privilege.
    PermissionDenied,
    /// There is no such process, or no such path or unit.
    NotFound,
    /// The pid belongs to another process now than the one named.
    PidReused,
    /// The reference was made before the host's last boot.
    HostRebooted,
    /// The target is one that is never signalled.
    ProtectedProcess,
    /// The state of the host does not fit the request in another way.
    FailedPrecondition,
    /// A field of the request is malformed; [`Error::field`](crate::Error::field) names it.
    InvalidRequest,
    /// The request id was used before with other contents.
    Conflict,
    /// A limit of the agent or a quota of the caller is reached.
    LimitReached,
    /// This version of the agent, or the host's kernel, does not do it.
    NotServed,
    /// This reader was too slow for too long and was cut off.
    ReaderTooSlow,
    /// A list or a termination ended without its summary: it was cut short.
    CutShort,
    /// The agent could not do it for reasons of its own.
    AgentFailed,
    /// The answer is not one that an agent gives.
    Protocol,
}

impl ErrorKind {
    /// True if the same call may well succeed a little later, unchanged.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Resolve
            | Self::ConnectionRefused
            | Self::Unreachable
            | Self::ConnectionLost
            | Self::Timeout
            | Self::Unavailable
            | Self::LimitReached
            | Self::ReaderTooSlow
            | Self::CutShort => true,
            Self::Configuration
            | Self::ServerCertificate
            | Self::ClientCertificate
            | Self::Tls
            | Self::Unauthenticated
            | Self::PermissionDenied
            | Self::NotFound
            | Self::PidReused
            | Self::HostRebooted
            | Self::ProtectedProcess
            | Self::FailedPrecondition
            | Self::InvalidRequest
            | Self::Conflict
            | Self::NotServed
            | Self::AgentFailed
            | Self::Protocol => false,
        }
    }

    /// What a reason of the agent means; `None` for one that this version does not know.
    pub(crate) fn of_reason(reason: ErrorReason) -> Option<Self> {
        Some(match reason {
            ErrorReason::Unspecified => return None,
            ErrorReason::InvalidRequest | ErrorReason::UnknownField => Self::InvalidRequest,
            ErrorReason::ProcessGone | ErrorReason::NotFound => Self::NotFound,
            ErrorReason::PidReused => Self::PidReused,
            ErrorReason::HostRebooted => Self::HostRebooted,
            ErrorReason::ProtectedProcess => Self::ProtectedProcess,
            ErrorReason::RoleMissing | ErrorReason::AgentLacksPrivilege | ErrorReason::PolicyDenied => {
                Self::PermissionDenied
            }
            ErrorReason::NoIdentity | ErrorReason::CertificateRevoked => Self::Unauthenticated,
            ErrorReason::NotServed | ErrorReason::KernelTooOld | ErrorReason::UnsupportedByHost => Self::NotServed,
            ErrorReason::LimitReached | ErrorReason::QuotaExceeded => Self::LimitReached,
            ErrorReason::HostReadTimeout => Self::Timeout,
            ErrorReason::ShuttingDown | ErrorReason::AuditUnavailable => Self::Unavailable,
            ErrorReason::ConfirmCountMismatch => Self::FailedPrecondition,
            ErrorReason::HostReadFailed | ErrorReason::Internal => Self::AgentFailed,
            ErrorReason::ClientTooSlow => Self::ReaderTooSlow,
            ErrorReason::RequestIdConflict => Self::Conflict,
        })
    }

    /// What a gRPC code means where no reason came with it.
    pub(crate) fn of_code(code: tonic::Code) -> Self {
        use tonic::Code;
        match code {
            // Whoever reads this has not cancelled the call, so the agent's timer did: tonic answers CANCELLED, others
            // DEADLINE_EXCEEDED, to the same end.
            Code::Cancelled | Code::DeadlineExceeded => Self::Timeout,
            Code::InvalidArgument => Self::InvalidRequest,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::Conflict,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::ResourceExhausted => Self::LimitReached,
            Code::FailedPrecondition | Code::Aborted => Self::FailedPrecondition,
            Code::Unimplemented => Self::NotServed,
            Code::Unavailable => Self::Unavailable,
            Code::DataLoss | Code::Internal | Code::Unknown => Self::AgentFailed,
            // Agents do not send it; tonic says it of a message that is longer than any agent's.
            Code::Ok | Code::OutOfRange => Self::Protocol,
        }
    }
}
