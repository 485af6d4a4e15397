//! One HTTP/2 connection from its preface to its end.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select, time,
};
use tower::Service as _;

use super::{admission::ConnectionPermit, farewell::LAST_WORDS, stack::Stack, standing::Standing, tls::Unwelcome};
use crate::{
    access::Principal,
    config::TransportLimits,
    shutdown::{self, Ending, Shutdown},
};

/// Bytes of answers that one call may have waiting: a slow reader waits, the agent's memory does not grow.
const SEND_BUFFER_BYTES: usize = 256 << 10;
/// Bytes of requests that one connection may have on the way.
const RECEIVE_WINDOW_BYTES: u32 = 1 << 20;

/// Who is at the other end.
pub(crate) struct Peer {
    pub(crate) principal: Principal,
    /// What its certificate is worth; `None`: it needs none.
    pub(super) standing: Option<Arc<Standing>>,
    pub(super) _permit: Option<ConnectionPermit>,
}

impl Peer {
    /// The user of the embedded agent.
    pub(crate) fn local() -> Peer {
        Peer { principal: Principal::local(), standing: None, _permit: None }
    }
}

/// A caller whose certificate has ceased to count.
pub(crate) struct CutOff {
    pub(crate) principal: Principal,
    pub(crate) why: Unwelcome,
}

/// Serves calls until the peer leaves, its certificate does not count any more, the connection is too old or the agent stops; then lets
/// calls end, for a while.
pub(crate) async fn serve<T>(
    io: T,
    peer: Peer,
    stack: Stack,
    limits: TransportLimits,
    agent: Shutdown,
) -> Option<CutOff>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (trigger, closing) = shutdown::channel();
    let principal = peer.principal.clone();
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(principal.clone());
        request.extensions_mut().insert(closing.clone());
        if let Some(standing) = &peer.standing {
            request.extensions_mut().insert(Arc::clone(standing));
        }
        stack.clone().call(request)
    });
    let mut connection = pin!(http2(&limits).serve_connection(TokioIo::new(io), service));
    tracing::debug!(principal = principal.name, peer = ?principal.peer, "connection open");

    let mut lost = pin!(lost(peer.standing.as_deref()));
    let mut cut_off = None;
    let ending = select! {
        biased;
        why = lost.as_mut() => {
            tracing::warn!(principal = principal.name, peer = ?principal.peer, "ending a connection: {why}");
            cut_off = Some(CutOff { principal: principal.clone(), why });
            Ending::AccessRevoked
        }
        ended = connection.as_mut() => {
            log_end(&principal, ended);
            return None;
        }
        ending = agent.signalled() => ending,
        () = time::sleep(spread(limits.connection_age)) => Ending::ConnectionAge,
    };
    trigger.fire(ending);
    connection.as_mut().graceful_shutdown();
    let grace = match ending {
        Ending::Agent => limits.shutdown_grace,
        Ending::ConnectionAge => limits.connection_age_grace,
        Ending::AccessRevoked => LAST_WORDS * 2,
    };
    select! {
        ended = connection.as_mut() => log_end(&principal, ended),
        () = time::sleep(grace) => {
            tracing::info!(principal = principal.name, ?grace, "cut a connection whose calls did not end in time");
        }
        // No more words for who is on the way out already.
        why = lost, if cut_off.is_none() => cut_off = Some(CutOff { principal: principal.clone(), why }),
    }
    cut_off
}

async fn lost(standing: Option<&Standing>) -> Unwelcome {
    match standing {
        Some(standing) => standing.lost().await,
        None => std::future::pending().await,
    }
}

fn http2(limits: &TransportLimits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.concurrent_streams)
        .max_header_list_size(limits.header_list_bytes)
        .max_pending_accept_reset_streams(limits.pending_resets)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout)
        .initial_connection_window_size(RECEIVE_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .auto_date_header(false);
    builder
}

/// The age, a tenth more or less, so that connections made together do not all come back together.
fn spread(age: Duration) -> Duration {
    // The standard library's source of randomness for hash tables is random enough for this.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let thousandths = 900 + u32::try_from(random % 201).unwrap_or(100);
    age * thousandths / 1000
}

fn log_end(principal: &Principal, ended: hyper::Result<()>) {
    match ended {
        Ok(()) => tracing::debug!(principal = principal.name, "connection closed"),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(principal = principal.name, error, "connection ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_at_most_a_tenth() {
        let age = Duration::from_secs(1800);
        let ages: std::collections::BTreeSet<Duration> = (0..50).map(|_| spread(age)).collect();
        assert!(ages.len() > 5);
        assert!(ages.first() >= Some(&Duration::from_secs(1620)) && ages.last() <= Some(&Duration::from_secs(1980)));
    }
}
