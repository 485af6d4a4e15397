//! Takes connections in, each in a task of its own.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    pin, select,
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

use super::{
    admission::Admission,
    connection::{Peer, serve},
    refusal::RefusalLog,
    stack::Stack,
};
use crate::{config::TransportLimits, counters::Counters, shutdown::Shutdown};

/// Connections that wait in the kernel's queue.
const BACKLOG: u32 = 1024;
const BACKOFF_FIRST: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Binds the listening socket.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted agent takes its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Everything a connection needs from the agent.
pub(crate) struct Server {
    pub(crate) admission: Admission,
    pub(crate) stack: Stack,
    pub(crate) limits: TransportLimits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shutdown: Shutdown,
    pub(crate) refusals: RefusalLog,
}

impl Server {
    /// Accepts until the agent stops. Nothing a peer does, and no shortage of descriptors, ends this loop.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let handshakes = Arc::new(Semaphore::new(self.limits.handshakes));
        let stopping = self.shutdown.signalled();
        pin!(stopping);
        let mut backoff = BACKOFF_FIRST;
        loop {
            let accepted = select! {
                biased;
                _ = &mut stopping => return,
                accepted = next(&listener, &handshakes) => accepted,
            };
            match accepted {
                Ok((stream, peer, permit)) => {
                    backoff = BACKOFF_FIRST;
                    tokio::spawn(Arc::clone(&self).connection(stream, peer, permit));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, wait = ?backoff, "cannot accept connections for the moment");
                    time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, handshake: OwnedSemaphorePermit) {
        // The end of the agent waits for this connection.
        let _hold = self.shutdown.hold();
        let admitted = select! {
            admitted = self.admission.admit(stream, peer) => admitted,
            _ = self.shutdown.signalled() => return,
        };
        drop(handshake);
        match admitted {
            Ok(admitted) => {
                self.counters.connections_accepted.increment();
                let _open = self.counters.connections.raise();
                let peer = Peer { principal: admitted.principal, _permit: Some(admitted.permit) };
                serve(admitted.io, peer, self.stack.clone(), self.limits.clone(), self.shutdown.clone()).await;
            }
            Err(refusal) => {
                self.counters.connections_refused.increment();
                self.refusals.note(peer, &refusal);
            }
        }
    }
}

/// The next connection, once there is a free place for its handshake.
async fn next(
    listener: &TcpListener,
    handshakes: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(handshakes).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Messages are written whole; waiting to fill a segment only delays them.
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}

/// accept(2): "errors that are already pending on the new socket" say nothing about the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, InvalidInput, NetworkDown,
        NetworkUnreachable, NotConnected, PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | InvalidInput
            | NetworkDown
            | NetworkUnreachable
            | NotConnected
            | PermissionDenied
            | TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_of_descriptors_is_not_one_connections_fault() {
        // EMFILE, ENFILE, ENOBUFS, ENOMEM: waiting is the only help.
        for shortage in [24, 23, 105, 12] {
            assert!(!is_of_one_connection(&io::Error::from_raw_os_error(shortage)), "{shortage}");
        }
        // ECONNABORTED, EPERM (a firewall), ENETDOWN.
        for passing in [103, 1, 100] {
            assert!(is_of_one_connection(&io::Error::from_raw_os_error(passing)), "{passing}");
        }
    }
}
