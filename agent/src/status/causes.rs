//! What can go wrong, in words: one constructor for each kind, and the conversions from the errors of the layers below.

use std::{io, time::Duration};

use procwire_host::{ControlError, DiskUsageError, HostError, ScopeError};
use procwire_proto::{UnknownPath, v1::ErrorReason};

use super::Failure;
use crate::host_pool::{Lane, PoolError};

impl Failure {
    /// A field of the request is malformed. `problem` reads on from the field's name: "is shorter than 100 ms".
    pub fn invalid(path: impl Into<String>, problem: impl Into<String>) -> Self {
        let (path, problem) = (path.into(), problem.into());
        Self::new(ErrorReason::InvalidRequest, format!("{path} {problem}")).with_field(path, problem)
    }

    /// The mask in the field `mask` of the request names a path that the message does not have.
    pub fn unknown_path(mask: &str, unknown: &UnknownPath) -> Self {
        let path = format!("{mask}.paths[{}]", unknown.index);
        let suggestion = unknown.suggestion.unwrap_or_default();
        Self::new(ErrorReason::UnknownField, format!("{path}: {unknown}; GetCapabilities lists every field"))
            .with_field(path, unknown.to_string())
            .with_metadata("path", &unknown.path)
            .with_metadata("suggestion", suggestion)
    }

    /// A method, or a part of a request, that is designed but not served by this version.
    pub fn not_served(what: &str, instead: &str) -> Self {
        Self::new(
            ErrorReason::NotServed,
            format!(
                "{what} is not served by this version of the agent; {instead}; GetCapabilities lists what is served"
            ),
        )
        .with_metadata("what", what)
    }

    /// A field of a request that is designed but not served by this version.
    pub fn field_not_served(path: &str, instead: &str) -> Self {
        Self::not_served(path, instead).with_field(path, "is not served by this version of the agent")
    }

    /// No process has this pid.
    pub fn process_gone(pid: u32) -> Self {
        Self::new(
            ErrorReason::ProcessGone,
            format!("no process has pid {pid}: it has exited or never was; list the processes again"),
        )
        .with_metadata("pid", &pid)
    }

    /// The pid belongs to another process than the one named.
    pub fn pid_reused(pid: u32) -> Self {
        Self::new(
            ErrorReason::PidReused,
            format!(
                "pid {pid} now belongs to another process than the one asked for, which has exited; look at it again before acting"
            ),
        )
        .with_metadata("pid", &pid)
    }

    /// The reference was made before the last boot.
    pub fn host_rebooted(pid: u32) -> Self {
        Self::new(
            ErrorReason::HostRebooted,
            format!("the reference to pid {pid} is from before the host's last boot, so that process is gone; list the processes again"),
        )
        .with_metadata("pid", &pid)
    }

    /// The connection carries no verified identity.
    pub fn no_identity() -> Self {
        Self::new(
            ErrorReason::NoIdentity,
            "the connection carries no verified identity; connect with a client certificate",
        )
    }

    /// The certificate of this connection does not count any more.
    pub fn certificate_revoked() -> Self {
        Self::new(
            ErrorReason::CertificateRevoked,
            "the certificate of this connection does not count any more: it was revoked or denied, or it has ended; \
             connect with one that does",
        )
    }

    /// The caller's roles do not include this method.
    pub fn role_missing(method: &str, needed: &str, have: &str) -> Self {
        let have_words = if have.is_empty() { "none" } else { have };
        Self::new(
            ErrorReason::RoleMissing,
            format!(
                "{method} needs the role {needed} and the caller has {have_words}; \
                 use a certificate whose organisation (O) names that role"
            ),
        )
        .with_metadata("method", method)
        .with_metadata("needed", needed)
        .with_metadata("have", have)
    }

    /// The caller's roles do not include what this field of the request would tell.
    pub fn field_needs_role(path: impl Into<String>, needed: &str, have: &str) -> Self {
        let path = path.into();
        let problem = format!("needs the role {needed}");
        Self::new(ErrorReason::RoleMissing, format!("{path} needs the role {needed} and the caller has {have}"))
            .with_metadata("needed", needed)
            .with_metadata("have", have)
            .with_field(path, problem)
    }

    /// More rows than are kept while they are put in order.
    pub fn order_too_large(most_bytes: usize) -> Self {
        Self::new(
            ErrorReason::LimitReached,
            format!(
                "to put these rows in order, all of them take more than the {} MiB that the agent keeps; \
                 give a limit, or leave out order_by and sort on your side",
                most_bytes >> 20
            ),
        )
        .with_quota("order_by", format!("at most {most_bytes} bytes"))
        .with_field("limit", "is missing or too large for an order of so many rows")
    }

    /// A stated limit is reached. One that begins with "limits." is a key of the configuration.
    pub fn limit_reached(limit: &str, value: usize, retry_after: Duration) -> Self {
        let remedy = if limit.starts_with("limits.") { ", or raise it in the agent's configuration" } else { "" };
        Self::new(
            ErrorReason::LimitReached,
            format!("the limit {limit} = {value} is reached; retry in {retry_after:?}{remedy}"),
        )
        .with_quota(limit, format!("at most {value}"))
        .with_metadata("limit", limit)
        .with_metadata("value", &value)
        .with_retry_after(retry_after)
    }

    /// The kernel did not answer in time.
    pub fn host_read_timeout(after: Duration) -> Self {
        Self::new(
            ErrorReason::HostReadTimeout,
            format!(
                "the kernel did not answer within {after:?}: the host is overloaded or a process holds its memory lock; \
                 retry, or leave out cmdline and other fields that wait for it"
            ),
        )
        .with_metadata("cap_ms", &after.as_millis())
    }

    /// The agent is going down.
    pub fn shutting_down(retry_after: Duration) -> Self {
        Self::new(ErrorReason::ShuttingDown, format!("the agent is shutting down; retry in {retry_after:?}"))
            .with_retry_after(retry_after)
    }

    /// The connection is about to be closed for its age.
    pub fn connection_aged() -> Self {
        Self::new(ErrorReason::ShuttingDown, "the connection has reached its age limit; call again on a new one")
            .with_retry_after(Duration::ZERO)
    }

    /// The audit record cannot be written.
    pub fn audit_unavailable(cause: &dyn std::error::Error) -> Self {
        Self::new(
            ErrorReason::AuditUnavailable,
            format!(
                "the audit record cannot be written, so nothing was done: {cause}; see to the agent's audit file and retry"
            ),
        )
    }

    /// The caller read a stream too slowly.
    pub fn client_too_slow(limit: Duration) -> Self {
        Self::new(
            ErrorReason::ClientTooSlow,
            format!(
                "the caller took nothing from the stream for {limit:?} and was cut off; read faster or ask for less"
            ),
        )
        .with_metadata("limit_ms", &limit.as_millis())
    }

    /// The agent did what it never should.
    pub fn internal(what: &str) -> Self {
        Self::new(ErrorReason::Internal, format!("{what}; this is a defect of the agent, its log says more"))
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match &error {
            HostError::Io { source, path, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                lacks_privilege(&error).with_metadata("path", &path.display())
            }
            HostError::Io { path, .. } | HostError::InvalidData { path, .. } => {
                Self::new(ErrorReason::HostReadFailed, error.to_string()).with_metadata("path", &path.display())
            }
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::QueueFull { lane: Lane::Quick | Lane::Slow | Lane::Heavy | Lane::Device, queue } => {
                Self::limit_reached("limits.host_queue", queue, Duration::from_secs(1))
            }
            PoolError::QueueFull { lane: Lane::Control, queue } => {
                Self::limit_reached("control_queue", queue, Duration::from_secs(1))
            }
            PoolError::NoThread { .. } => Self::new(ErrorReason::LimitReached, error.to_string())
                .with_quota(
                    "threads",
                    "what the system lets the agent start (TasksMax, RLIMIT_NPROC, pid_max)".to_owned(),
                )
                .with_retry_after(Duration::from_secs(1)),
            PoolError::Deadline { after, .. } => Self::host_read_timeout(after),
            PoolError::Lost { .. } => Self::internal(&error.to_string()),
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Gone { pid } => Self::process_gone(pid),
            ControlError::Reused { pid, wanted_start_ticks, found_start_ticks } => Self::pid_reused(pid)
                .with_metadata("wanted_start_ticks", &wanted_start_ticks)
                .with_metadata("found_start_ticks", &found_start_ticks),
            ControlError::Rebooted { pid } => Self::host_rebooted(pid),
            ControlError::InvalidReference { field, detail } => Self::invalid(field, detail),
            ControlError::OutOfTime { pid, .. } => {
                Self::new(ErrorReason::HostReadTimeout, error.to_string()).with_metadata("pid", &pid)
            }
            ControlError::InvalidSetting { path, problem } => Self::invalid(format!("settings.{path}"), problem),
            ControlError::ForeignPids { pid } => Self::new(ErrorReason::UnsupportedByHost, error.to_string())
                .with_metadata("feature", &"own_pid_namespace")
                .with_metadata("pid", &pid),
            ControlError::PermissionDenied { pid, .. } => lacks_privilege(&error).with_metadata("pid", &pid),
            ControlError::UnsupportedKernel { feature } => {
                Self::new(ErrorReason::KernelTooOld, error.to_string()).with_metadata("feature", feature)
            }
            ControlError::Io { pid, .. } if error.is_out_of_descriptors() => {
                Self::new(ErrorReason::LimitReached, format!("{error}; raise LimitNOFILE of the agent's unit"))
                    .with_quota("open files", "what the system lets the agent open")
                    .with_metadata("pid", &pid)
                    .with_retry_after(Duration::from_secs(10))
            }
            ControlError::Io { pid, .. } => {
                Self::new(ErrorReason::HostReadFailed, error.to_string()).with_metadata("pid", &pid)
            }
        }
    }
}

impl From<ScopeError> for Failure {
    fn from(error: ScopeError) -> Self {
        let message = error.to_string();
        match error {
            ScopeError::Process(error) => error.into(),
            ScopeError::ProtectedGroup { path, .. } => {
                Self::new(ErrorReason::ProtectedProcess, message).with_metadata("cgroup", &path)
            }
            ScopeError::NoGroup { pid, .. } => {
                Self::new(ErrorReason::UnsupportedByHost, message).with_metadata("pid", &pid)
            }
            ScopeError::Descriptors { limit, .. } => Self::new(ErrorReason::LimitReached, message)
                .with_quota("descriptors", format!("RLIMIT_NOFILE is {limit}"))
                .with_retry_after(Duration::from_secs(10)),
            ScopeError::Io { source, path, .. } if source.kind() == io::ErrorKind::PermissionDenied => Self::new(
                ErrorReason::AgentLacksPrivilege,
                format!("{message}; the agent lacks the privilege: GetCapabilities says what it would need"),
            )
            .with_metadata("path", &path),
            ScopeError::Io { path, .. } => Self::new(ErrorReason::HostReadFailed, message).with_metadata("path", &path),
        }
    }
}

impl From<DiskUsageError> for Failure {
    fn from(error: DiskUsageError) -> Self {
        let message = error.to_string();
        match error {
            DiskUsageError::NotFound { path } => Self::new(ErrorReason::NotFound, message).with_metadata("path", &path),
            DiskUsageError::Denied { ref path, .. } => lacks_privilege(&error).with_metadata("path", path),
            DiskUsageError::Timeout { path, after } => Self::new(ErrorReason::HostReadTimeout, message)
                .with_metadata("path", &path)
                .with_metadata("cap_ms", &after.as_millis()),
            DiskUsageError::Unusable { path, source } => {
                Self::invalid("path", format!("leads nowhere: {source}")).with_metadata("path", &path)
            }
            DiskUsageError::Refused { path, problem } => Self::invalid("path", problem).with_metadata("path", &path),
            DiskUsageError::Crowded { path } => Self::new(ErrorReason::LimitReached, message)
                .with_metadata("path", &path)
                .with_retry_after(Duration::from_secs(1)),
            DiskUsageError::Failed { path, .. } => {
                Self::new(ErrorReason::HostReadFailed, message).with_metadata("path", &path)
            }
            DiskUsageError::Host(error) => error.into(),
        }
    }
}

fn lacks_privilege(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        ErrorReason::AgentLacksPrivilege,
        format!("{error}; the agent lacks the privilege: GetCapabilities says what it would need"),
    )
}
