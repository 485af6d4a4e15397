//! The one place where errors become gRPC statuses.
//!
//! Everything that can fail on the way of a request ends as a [`Failure`]: a reason that clients decide on, and a message for the
//! person who reads it at night. [`Failure::on`] turns it into a status with the details of `google.rpc` that fit.

mod causes;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use procwire_proto::{ERROR_DOMAIN, escape, v1::ErrorReason};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A client comes back after this when the agent stops: about as long as a restart takes.
pub const RETRY_AFTER_SHUTDOWN: Duration = Duration::from_secs(1);

/// The host's name as messages carry it, safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(Arc<str>);

impl HostName {
    /// From the bytes that uname(2) gives.
    pub fn new(nodename: &[u8]) -> Self {
        Self(if nodename.is_empty() { "this host".into() } else { escape::terminal(nodename).into() })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a call fails: what failed, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Failure(Box<Content>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    field: Option<Described>,
    quota: Option<Described>,
    retry_after: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Described {
    subject: String,
    description: String,
}

impl Failure {
    /// A failure for this reason. The message has no capital, no full stop and no host name: that one is added by [`Failure::on`].
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self(Box::new(Content {
            reason,
            message: message.into(),
            metadata: HashMap::new(),
            field: None,
            quota: None,
            retry_after: None,
        }))
    }

    /// Names the field of the request that is to blame, as a path: `read_mask.paths[2]`.
    #[must_use]
    pub fn with_field(mut self, path: impl Into<String>, problem: impl Into<String>) -> Self {
        self.0.field = Some(Described { subject: path.into(), description: problem.into() });
        self
    }

    /// Adds a fact that programs may use.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.0.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Names the limit that is used up.
    #[must_use]
    pub fn with_quota(mut self, limit: impl Into<String>, description: impl Into<String>) -> Self {
        self.0.quota = Some(Described { subject: limit.into(), description: description.into() });
        self
    }

    /// Says when a retry makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// What programs decide on.
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// The words, without the host's name.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field of the request that is to blame.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_ref().map(|field| field.subject.as_str())
    }

    /// The status that the caller gets.
    pub fn on(self, host: &HostName) -> Status {
        let Content { reason, message, metadata, field, quota, retry_after } = *self.0;
        let mut details = ErrorDetails::new();
        details.set_error_info(reason.as_code(), ERROR_DOMAIN, metadata);
        if let Some(Described { subject, description }) = field {
            details.add_bad_request_violation(subject, description);
        }
        if let Some(Described { subject, description }) = quota {
            details.add_quota_failure_violation(subject, description);
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Status::with_error_details(code(reason), format!("{host}: {message}"), details)
    }
}

/// The gRPC code of each reason, as `error.proto` documents it.
fn code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::InvalidRequest | ErrorReason::UnknownField => Code::InvalidArgument,
        ErrorReason::ProcessGone | ErrorReason::NotFound => Code::NotFound,
        ErrorReason::PidReused
        | ErrorReason::HostRebooted
        | ErrorReason::ProtectedProcess
        | ErrorReason::ConfirmCountMismatch => Code::FailedPrecondition,
        ErrorReason::RoleMissing | ErrorReason::AgentLacksPrivilege | ErrorReason::PolicyDenied => {
            Code::PermissionDenied
        }
        ErrorReason::NoIdentity | ErrorReason::CertificateRevoked => Code::Unauthenticated,
        ErrorReason::NotServed | ErrorReason::KernelTooOld | ErrorReason::UnsupportedByHost => Code::Unimplemented,
        ErrorReason::LimitReached | ErrorReason::QuotaExceeded => Code::ResourceExhausted,
        ErrorReason::HostReadTimeout => Code::DeadlineExceeded,
        ErrorReason::ShuttingDown | ErrorReason::AuditUnavailable => Code::Unavailable,
        ErrorReason::HostReadFailed | ErrorReason::Internal | ErrorReason::Unspecified => Code::Internal,
        ErrorReason::ClientTooSlow => Code::DataLoss,
        ErrorReason::RequestIdConflict => Code::AlreadyExists,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn host() -> HostName {
        HostName::new(b"web-3")
    }

    #[test]
    fn no_descriptor_left_to_open_a_process_is_a_limit() {
        let failure = |number| {
            let source = std::io::Error::from_raw_os_error(number);
            Failure::from(procwire_host::ControlError::Io { operation: "pidfd_open", pid: 7, source })
        };
        // EMFILE, ENFILE, EIO.
        for number in [24, 23] {
            let status = failure(number).on(&host());
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(status.get_details_retry_info().is_some());
        }
        assert_eq!(failure(5).reason(), ErrorReason::HostReadFailed);
    }

    #[test]
    fn a_status_carries_reason_field_and_host() {
        let failure = Failure::invalid("interval", "is shorter than 100 ms").with_metadata("minimum", "100ms");
        let status = failure.on(&host());
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "web-3: interval is shorter than 100 ms");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_REQUEST", "procwire"));
        assert_eq!(info.metadata["minimum"], "100ms");
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!((violations[0].field.as_str(), violations.len()), ("interval", 1));
        assert!(details.retry_info().is_none());
    }

    #[test]
    fn a_limit_says_which_and_when_to_come_back() {
        let status = Failure::limit_reached("host_pool.queue", 64, Duration::from_secs(2)).on(&host());
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
        assert_eq!(details.quota_failure().unwrap().violations[0].subject, "host_pool.queue");
    }

    #[test]
    fn every_documented_code_is_the_one_sent() {
        // error.proto begins the comment above each reason with `CODE:`.
        let text = include_str!("../../proto/procwire/v1/error.proto");
        let mut comment = None;
        let mut checked = 0;
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("// ") {
                comment.get_or_insert(words);
                continue;
            }
            let documented = comment.take().and_then(|words| words.split_once(':')).map(|(code, _)| code);
            let name = line.strip_prefix("ERROR_REASON_").and_then(|rest| rest.split(' ').next());
            if let (Some(documented), Some(reason)) = (documented, name.and_then(ErrorReason::from_code)) {
                let sent = format!("{:?}", code(reason)).to_ascii_uppercase();
                assert_eq!(sent, documented.replace('_', ""), "{reason:?}");
                checked += 1;
            }
        }
        let reasons = (1..).take_while(|number| ErrorReason::try_from(*number).is_ok()).count();
        assert_eq!(checked, reasons);
    }

    #[test]
    fn a_hostile_host_name_cannot_act_on_a_terminal() {
        assert_eq!(HostName::new(b"a\x1b[2J").to_string(), r"a\x1b[2J");
        assert_eq!(HostName::new(b"").to_string(), "this host");
    }
}
