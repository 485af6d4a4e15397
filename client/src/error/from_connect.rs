//! From a connection that did not come about, or broke, to an error that says in plain words what was wrong with it.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertRevocationListError, CertificateError};

use super::{Error, ErrorKind};
use crate::connect::{ConfigError, ConnectError, ConnectPhase, WrongIdentity, rustls_error};
use crate::transport_error::{BrokenConnection, TransportError};

/// Kind, detail and advice: what is found out about a failure.
struct Finding(ErrorKind, String, Option<String>);

impl Error {
    /// A client that cannot be built.
    pub(crate) fn from_config(target: &Arc<str>, error: ConfigError) -> Self {
        let detail = in_full(&error);
        Self::new(ErrorKind::Configuration, "set up a client", target, detail).with_cause(Arc::new(error))
    }

    pub(crate) fn from_transport(operation: &'static str, target: &Arc<str>, error: TransportError) -> Self {
        let Finding(kind, detail, advice) = match &error {
            TransportError::Connect(error) => not_connected(error),
            TransportError::Broken(broken) => broken_connection(broken),
        };
        let error = Self::new(kind, operation, target, detail).with_cause(Arc::new(error));
        match advice {
            Some(advice) => error.with_advice(advice),
            None => error,
        }
    }
}

impl Finding {
    /// What was refused may be good again in files that could not be read.
    fn with_older_files(self, problem: Option<&ConfigError>) -> Self {
        let Some(problem) = problem else { return self };
        let Self(kind, detail, _) = self;
        Self(
            kind,
            format!(
                "{detail}; what was read earlier was used, because the files cannot be used now: {}",
                in_full(problem)
            ),
            Some("put certificate, key and authorities in order; the next connection takes them".to_owned()),
        )
    }
}

fn in_full(error: &ConfigError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn not_connected(error: &ConnectError) -> Finding {
    match error {
        ConnectError::Resolve { host, source } => {
            Finding(ErrorKind::Resolve, format!("cannot resolve {host}: {source}"), None)
        }
        ConnectError::Tcp { address, source } if source.kind() == io::ErrorKind::ConnectionRefused => Finding(
            ErrorKind::ConnectionRefused,
            format!("{address} refused the connection"),
            Some("is procwired running there, on this port?".to_owned()),
        ),
        ConnectError::Tcp { address, source } => {
            Finding(ErrorKind::Unreachable, format!("cannot reach {address}: {source}"), None)
        }
        ConnectError::Tls { address, source, not_reloaded } => match rustls_error(source) {
            Some(error) => tls(&address.to_string(), error).with_older_files(not_reloaded.as_deref()),
            None => Finding(
                ErrorKind::Tls,
                format!("{address} ended the connection during the TLS handshake: {source}"),
                Some("the agent may be at its limit of connections, or something else listens there".to_owned()),
            ),
        },
        ConnectError::NoHttp2 { address } => Finding(
            ErrorKind::Tls,
            format!("{address} speaks TLS but did not agree to HTTP/2"),
            Some("it is no agent".to_owned()),
        ),
        ConnectError::Connector { source } if source.kind() == io::ErrorKind::ConnectionRefused => {
            Finding(ErrorKind::ConnectionRefused, format!("the connection was refused: {source}"), None)
        }
        ConnectError::Connector { source } => {
            Finding(ErrorKind::Unreachable, format!("the connection could not be opened: {source}"), None)
        }
        ConnectError::Http2 { source } => {
            Finding(ErrorKind::ConnectionLost, format!("the connection broke at its start: {source}"), None)
        }
        ConnectError::TimedOut { phase, .. } => {
            let advice = match phase {
                ConnectPhase::Tcp { .. } => Some("a firewall may be dropping packets, or the host is down".to_owned()),
                ConnectPhase::Resolve { .. } | ConnectPhase::Tls { .. } | ConnectPhase::Connector => None,
            };
            Finding(ErrorKind::Timeout, error.to_string(), advice)
        }
    }
}

fn broken_connection(broken: &BrokenConnection) -> Finding {
    if let Some(error) = broken.io_error.as_deref().and_then(rustls_error) {
        return tls("the agent", error).with_older_files(broken.not_reloaded.as_deref());
    }
    if let Some(finding) = broken.http2_error().and_then(reset) {
        return finding;
    }
    if !broken.heard {
        return Finding(
            ErrorKind::ConnectionLost,
            "the agent closed the connection before it answered anything".to_owned(),
            Some(
                "it may not accept this client's certificate or be at its limit of connections; its log says"
                    .to_owned(),
            ),
        );
    }
    let detail = match &broken.io_error {
        Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the agent's end of the connection vanished".to_owned()
        }
        Some(error) => format!("the connection broke: {error}"),
        None if broken.source.is_timeout() => "the connection is dead: no answer to a keep-alive ping".to_owned(),
        None => "the agent closed the connection".to_owned(),
    };
    Finding(ErrorKind::ConnectionLost, detail, None)
}

/// A stream that the agent reset, or a connection that it took leave of:
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors>.
fn reset(error: &h2::Error) -> Option<Finding> {
    let finding = |kind, detail: &str| Some(Finding(kind, detail.to_owned(), None));
    match error.reason()? {
        // Only streams that it had not taken up end like this: RFC 9113, section 6.8.
        h2::Reason::NO_ERROR if error.is_go_away() && error.is_remote() => {
            finding(ErrorKind::Unavailable, "the agent took leave before it took up the call")
        }
        h2::Reason::REFUSED_STREAM => finding(ErrorKind::Unavailable, "the agent refused to take on the call"),
        h2::Reason::ENHANCE_YOUR_CALM => finding(ErrorKind::LimitReached, "the agent asks this client to calm down"),
        // CANCEL is how a server stops a call that it has given up on.
        h2::Reason::CANCEL => finding(ErrorKind::ConnectionLost, "the agent broke off the call"),
        h2::Reason::INTERNAL_ERROR => finding(ErrorKind::AgentFailed, "the agent failed to go on with the call"),
        h2::Reason::HTTP_1_1_REQUIRED => finding(ErrorKind::Protocol, "the other side wants HTTP/1.1"),
        _ => None,
    }
}

fn tls(peer: &str, error: &rustls::Error) -> Finding {
    match error {
        rustls::Error::InvalidCertificate(problem) => server_certificate(peer, problem),
        rustls::Error::InvalidCertRevocationList(problem) => Finding(
            ErrorKind::ServerCertificate,
            format!(
                "the certificate of {peer} is not trusted: the revocation list that this client was given cannot tell: {}",
                list_problem(problem)
            ),
            Some("use the list of the authority that signed it; `procwire pki crl` makes one".to_owned()),
        ),
        rustls::Error::AlertReceived(alert) => alert_received(peer, *alert),
        rustls::Error::InvalidMessage(_) => Finding(
            ErrorKind::Tls,
            format!("{peer} answers something that is not TLS"),
            Some("it is no agent, or the port is another service's".to_owned()),
        ),
        rustls::Error::PeerIncompatible(_) => Finding(
            ErrorKind::Tls,
            format!("{peer} does not speak TLS 1.3 as procwire needs it: {error}"),
            Some("it is no agent".to_owned()),
        ),
        other => Finding(ErrorKind::Tls, format!("TLS with {peer} failed: {other}"), None),
    }
}

fn server_certificate(peer: &str, problem: &CertificateError) -> Finding {
    let (why, advice) = match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "it is not signed by the certificate authority that this client was given".to_owned(),
            "use the CA file that belongs to this agent",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (problem.to_string(), "renew it, or set this machine's clock right")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (problem.to_string(), "set the clocks of both machines right")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (problem.to_string(), "connect by a name that it carries, or give that name as the server name")
        }
        CertificateError::Revoked => ("it is revoked".to_owned(), "the agent needs another certificate"),
        CertificateError::UnknownRevocationStatus => (
            "no revocation list of its authority was given".to_owned(),
            "give the lists of all authorities that sign, or none",
        ),
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => (
            "the revocation list that this client was given is past its time".to_owned(),
            "fetch the current one; `procwire pki crl` makes one",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("it is not for servers".to_owned(), "the agent needs a certificate made for an agent")
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<WrongIdentity>() {
            Some(wrong) => (wrong.to_string(), "is it the right agent? ask for the SPIFFE id that it has"),
            None => (other.to_string(), "the agent needs another certificate"),
        },
        other => (other.to_string(), "the agent needs another certificate"),
    };
    Finding(
        ErrorKind::ServerCertificate,
        format!("the certificate of {peer} is not trusted: {why}"),
        Some(advice.to_owned()),
    )
}

fn list_problem(problem: &CertRevocationListError) -> String {
    match problem {
        CertRevocationListError::BadSignature => "its signature is not that of the authority".to_owned(),
        CertRevocationListError::IssuerInvalidForCrl => "its authority may not sign revocation lists".to_owned(),
        other => format!("{other:?}"),
    }
}

fn alert_received(peer: &str, alert: AlertDescription) -> Finding {
    let refused = |why: &str, advice: &str| {
        let detail = format!("{peer} refused this client's certificate: {why}");
        Finding(ErrorKind::ClientCertificate, detail, Some(advice.to_owned()))
    };
    match alert {
        AlertDescription::CertificateRequired => Finding(
            ErrorKind::ClientCertificate,
            format!("{peer} wants a client certificate and this client has none"),
            Some("give one with its key".to_owned()),
        ),
        AlertDescription::UnknownCA => {
            refused("it is not signed by an authority that the agent knows", "use a certificate made for this agent")
        }
        AlertDescription::CertificateExpired => refused("it has expired or is not valid yet", "renew it"),
        AlertDescription::CertificateRevoked => refused("it is revoked", "get a new one"),
        AlertDescription::UnsupportedCertificate => {
            refused("it is not for clients", "use a certificate made for a client, not an agent's")
        }
        AlertDescription::AccessDenied => refused(
            "its SPIFFE id is missing or of another trust domain",
            "use a certificate of a trust domain that the agent accepts (tls.spiffe_trust_domains)",
        ),
        AlertDescription::CertificateUnknown => refused(
            "it names nobody, or the agent's revocation list cannot tell of it (missing for its authority, or past its time)",
            "the agent's log says which",
        ),
        AlertDescription::BadCertificate | AlertDescription::DecryptError => {
            refused(&format!("{alert:?}"), "use a client certificate made for this agent; its log says more")
        }
        AlertDescription::ProtocolVersion => {
            Finding(ErrorKind::Tls, format!("{peer} does not speak TLS 1.3"), Some("it is no agent".to_owned()))
        }
        other => Finding(ErrorKind::Tls, format!("{peer} broke off TLS: {other:?}"), None),
    }
}
