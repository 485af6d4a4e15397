//! Errors: what failed, on which host, why, and what to do.

mod from_connect;
mod from_status;
mod kind;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use procwire_proto::v1::ErrorReason;

pub use kind::ErrorKind;

/// A cause, shared so that errors can be cloned: callers that waited for the same connection all get its failure.
pub(crate) type Cause = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// A call that failed.
///
/// Its text says what failed, on which host, why and, where there is something to do, what:
/// `get process on https://db1:7443: no process has pid 4242`. Its [`source`](std::error::Error::source) chain keeps what
/// lies below, down to the I/O or TLS error. Decide on [`kind`](Self::kind) and [`reason`](Self::reason), never on the text.
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) {
/// use procwire_client::ErrorKind;
///
/// match client.processes().get(4242).await {
///     Ok(response) => println!("{:?}", response.process),
///     Err(error) if error.is_gone() => println!("it has ended"),
///     Err(error) if error.kind() == ErrorKind::PermissionDenied => println!("ask for the role {:?}", error.metadata().get("needed")),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: ErrorKind,
    operation: &'static str,
    target: Arc<str>,
    detail: String,
    advice: Option<String>,
    reason: Option<ErrorReason>,
    field: Option<String>,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    cause: Option<Cause>,
}

impl Error {
    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The reason that the agent gave; absent for failures that the SDK found itself, and for answers that are not an
    /// agent's (a proxy's).
    pub fn reason(&self) -> Option<ErrorReason> {
        self.0.reason
    }

    /// The call that failed: "list processes".
    pub fn operation(&self) -> &str {
        self.0.operation
    }

    /// Where it was sent: the endpoint with its port, or the name of the connector.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The field of the request that was malformed, as a path: `read_mask.paths[2]`, `grace`.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What the agent added to its reason: "method", "needed", "pid", ...
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// When the agent wants to be asked again, from the moment of the answer.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Why, without the call and the host. The agent's words where it answered, made safe to print.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What to do about it, where the SDK knows; an agent's [`detail`](Self::detail) says it itself.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// True if the process that was named is no more: it has ended, its pid is another's, or the host was booted since.
    pub fn is_gone(&self) -> bool {
        matches!(self.0.reason, Some(ErrorReason::ProcessGone | ErrorReason::PidReused | ErrorReason::HostRebooted))
    }

    /// True if the same call may well succeed a little later, unchanged.
    pub fn is_transient(&self) -> bool {
        self.0.kind.is_transient()
    }

    pub(crate) fn new(kind: ErrorKind, operation: &'static str, target: &Arc<str>, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            operation,
            target: Arc::clone(target),
            detail: detail.into(),
            advice: None,
            reason: None,
            field: None,
            metadata: BTreeMap::new(),
            retry_after: None,
            cause: None,
        }))
    }

    pub(crate) fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    pub(crate) fn with_cause(mut self, cause: Cause) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// Takes over the cause of another error, which this one says better.
    pub(crate) fn caused_by(mut self, other: Self) -> Self {
        self.0.cause = other.0.cause;
        self
    }

    /// The time of a call ran out on this side.
    pub(crate) fn timeout(operation: &'static str, target: &Arc<str>, timeout: Duration) -> Self {
        Self::new(ErrorKind::Timeout, operation, target, format!("no answer within {timeout:?}"))
    }

    /// An answer that lacks what every agent sends.
    pub(crate) fn protocol(operation: &'static str, target: &Arc<str>, detail: &'static str) -> Self {
        Self::new(ErrorKind::Protocol, operation, target, detail)
            .with_advice("the agent may speak another version of the API")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { kind, operation, target, detail, advice, .. } = &*self.0;
        let preposition = if *kind == ErrorKind::Configuration { "for" } else { "on" };
        write!(formatter, "{operation} {preposition} {target}: {detail}")?;
        match advice {
            Some(advice) => write!(formatter, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { kind, operation, target, detail, advice, reason, field, metadata, retry_after, cause } = &*self.0;
        formatter
            .debug_struct("Error")
            .field("kind", kind)
            .field("operation", operation)
            .field("target", target)
            .field("detail", detail)
            .field("advice", advice)
            .field("reason", reason)
            .field("field", field)
            .field("metadata", metadata)
            .field("retry_after", retry_after)
            .field("cause", cause)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| &**cause as &(dyn std::error::Error + 'static))
    }
}
