//! Why a connection goes no further than the door.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::tls::Unwelcome;

/// A connection that was cut off before it could call.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The peer left before it said anything of substance: a port scan, a health check by TCP.
    #[error("left during the handshake")]
    Left,
    /// No certificate, the wrong one, an old TLS, or not TLS at all.
    #[error("handshake: {}", in_words(.0))]
    Handshake(io::Error),
    /// The peer does not get on with it.
    #[error("no TLS handshake and HTTP/2 preface within limits.handshake_timeout = {0:?}")]
    TooSlow(Duration),
    /// TLS is fine, what is spoken within is not HTTP/2.
    #[error("does not speak HTTP/2: {0}")]
    NotHttp2(&'static str),
    /// A certificate that does not let its owner in.
    #[error("{0}")]
    Unwelcome(Unwelcome),
    /// As many handshakes as one address may have, and as many as may wait for their turn.
    #[error("its address has limits.handshakes_per_address = {share} handshakes, and {waiting} more wait")]
    TooManyOfAddress {
        /// The limit.
        share: usize,
        /// How many wait.
        waiting: usize,
    },
    /// As many connections as there may be.
    #[error("limits.connections = {0} is reached")]
    TooManyConnections(usize),
    /// As many connections as one caller may have.
    #[error("{principal} has limits.connections_per_principal = {limit} connections")]
    TooManyOfPrincipal {
        /// The caller.
        principal: String,
        /// The limit.
        limit: usize,
    },
}

impl Refusal {
    pub(super) fn handshake(error: io::Error) -> Refusal {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match error.kind() {
            UnexpectedEof | ConnectionReset | BrokenPipe => Refusal::Left,
            _ => Refusal::Handshake(error),
        }
    }
}

/// The peers one meets every day, in plain words; the rest as rustls has it.
fn in_words(error: &io::Error) -> String {
    use rustls::{
        Error::{InvalidMessage, NoCertificatesPresented, PeerIncompatible},
        InvalidMessage::InvalidContentType,
        PeerIncompatible::SupportedVersionsExtensionRequired,
    };
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(InvalidMessage(InvalidContentType)) => "does not speak TLS".to_owned(),
        Some(PeerIncompatible(SupportedVersionsExtensionRequired)) => "does not speak TLS 1.3".to_owned(),
        Some(NoCertificatesPresented) => "showed no client certificate".to_owned(),
        _ => error.to_string(),
    }
}

/// Logs refusals, at most one a second: whoever can reach the port could otherwise fill the disk.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    state: Mutex<Option<Unsaid>>,
}

#[derive(Debug)]
struct Unsaid {
    last_said: Instant,
    count: u64,
}

const QUIET: Duration = Duration::from_secs(1);

impl RefusalLog {
    pub(super) fn note(&self, peer: SocketAddr, refusal: &Refusal) {
        if matches!(refusal, Refusal::Left) {
            tracing::debug!(%peer, "{refusal}");
        } else if let Some(unsaid) = self.may_say(Instant::now()) {
            tracing::warn!(%peer, unsaid, "refused a connection: {refusal}");
        }
    }

    /// How many went unsaid before this one, if this one may be said.
    fn may_say(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.as_mut() {
            Some(unsaid) if now.duration_since(unsaid.last_said) < QUIET => {
                unsaid.count += 1;
                None
            }
            _ => {
                let unsaid = state.take().map_or(0, |unsaid| unsaid.count);
                *state = Some(Unsaid { last_said: now, count: 0 });
                Some(unsaid)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once_a_second_with_its_count() {
        let log = RefusalLog::default();
        let start = Instant::now();
        assert_eq!(log.may_say(start), Some(0));
        for _ in 0..99 {
            assert_eq!(log.may_say(start + QUIET / 2), None);
        }
        assert_eq!(log.may_say(start + QUIET), Some(99));
        assert_eq!(log.may_say(start + QUIET), None);
    }

    #[test]
    fn everyday_refusals_are_said_in_plain_words() {
        let said = |error| Refusal::handshake(io::Error::new(io::ErrorKind::InvalidData, error)).to_string();
        assert_eq!(said(rustls::Error::NoCertificatesPresented), "handshake: showed no client certificate");
        let other = rustls::Error::General("odd".to_owned());
        assert_eq!(said(other), "handshake: unexpected error: odd");
    }

    #[test]
    fn a_peer_that_leaves_is_not_worth_a_warning() {
        assert!(matches!(Refusal::handshake(io::ErrorKind::UnexpectedEof.into()), Refusal::Left));
        assert!(matches!(Refusal::handshake(io::ErrorKind::InvalidData.into()), Refusal::Handshake(_)));
    }
}
