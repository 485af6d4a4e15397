//! From a gRPC status to an error: by ErrorInfo first, by code where there is none, never by text.

use std::sync::Arc;

use procwire_proto::v1::{ErrorReason, TargetError};
use procwire_proto::{ERROR_DOMAIN, escape};
use tonic::Status;
use tonic_types::StatusExt;

use super::{Error, ErrorKind};
use crate::transport_error::TransportError;

impl Error {
    /// What a call ended with.
    pub(crate) fn from_status(operation: &'static str, target: &Arc<str>, status: Status) -> Self {
        match transport_error(&status) {
            Some(error) => Self::from_transport(operation, target, error),
            None => Self::from_answer(operation, target, status),
        }
    }

    /// What an action refused to do to one target.
    pub(crate) fn from_refusal(operation: &'static str, target: &Arc<str>, refusal: &TargetError) -> Self {
        let reason = refusal.reason();
        let kind = ErrorKind::of_reason(reason).unwrap_or(ErrorKind::FailedPrecondition);
        let detail = match refusal.detail.as_str() {
            "" => "the agent refused the target and said no more".to_owned(),
            detail => printable(detail),
        };
        let mut error = Self::new(kind, operation, target, detail);
        error.0.reason = Some(reason).filter(|reason| *reason != ErrorReason::Unspecified);
        error
    }

    fn from_answer(operation: &'static str, target: &Arc<str>, status: Status) -> Self {
        let details = status.get_error_details();
        // The reasons of others (proxies) are not ours to interpret.
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN);
        let reason = info.and_then(|info| ErrorReason::from_code(&info.reason));
        let kind = reason.and_then(ErrorKind::of_reason).unwrap_or_else(|| ErrorKind::of_code(status.code()));

        let mut detail = detail_of(&status);
        if kind == ErrorKind::Timeout && reason.is_none() {
            detail = format!("the agent gave up: {detail}");
        }
        let mut error = Self::new(kind, operation, target, detail);
        error.0.reason = reason;
        error.0.metadata = info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default();
        error.0.field = details
            .bad_request()
            .and_then(|request| request.field_violations.first())
            .map(|violation| violation.field.clone());
        error.0.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        error.with_cause(Arc::new(status))
    }
}

/// The failure below a status that tonic made itself, if it is one of ours.
fn transport_error(status: &Status) -> Option<TransportError> {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<TransportError>() {
            return Some(found.clone());
        }
        cause = error.source();
    }
    None
}

/// The agent's words, which end with what to do. They may quote a process's name, and a proxy's may be anything, so they are made safe to print.
fn detail_of(status: &Status) -> String {
    match status.message() {
        "" => format!("the agent answered {:?} and said no more", status.code()),
        message => printable(message),
    }
}

/// Escapes what is not fit to print. Backslashes stay: the agent has escaped what it quotes, and that shall not be done twice.
fn printable(text: &str) -> String {
    let pieces: Vec<_> = text.split('\\').map(|piece| escape::terminal(piece.as_bytes())).collect();
    pieces.join("\\")
}
