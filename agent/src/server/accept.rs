//! Takes connections in, each in a task of its own.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    pin, select,
    sync::OwnedSemaphorePermit,
    time,
};

use super::{
    admission::{Admission, Admitted},
    connection::{CutOff, Peer, serve},
    handshakes::{Doorstep, Handshakes},
    refusal::{Refusal, RefusalLog},
    stack::Stack,
};
use crate::{
    audit::{Audit, AuditDecision, AuditEvent, AuditRecord},
    config::TransportLimits,
    counters::Counters,
    shutdown::Shutdown,
};

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
    pub(crate) audit: Audit,
}

impl Server {
    /// Accepts until the agent stops. Nothing a peer does, and no shortage of descriptors, ends this loop.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let handshakes = Handshakes::new(&self.limits);
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
                Ok((stream, peer, room)) => {
                    backoff = BACKOFF_FIRST;
                    match handshakes.enter(peer, room) {
                        Ok(doorstep) => drop(tokio::spawn(Arc::clone(&self).connection(stream, peer, doorstep))),
                        Err(refusal) => self.refuse(peer, &refusal),
                    }
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

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, mut doorstep: Doorstep) {
        // The end of the agent waits for this connection.
        let _hold = self.shutdown.hold();
        let admitted = select! {
            admitted = self.admission.admit(stream, peer, &mut doorstep) => admitted,
            _ = self.shutdown.signalled() => return,
        };
        drop(doorstep);
        match admitted {
            Ok(admitted) => {
                self.counters.connections_accepted.increment();
                let _open = self.counters.connections.raise();
                let Admitted { io, principal, standing, permit } = admitted;
                let peer = Peer { principal, standing: Some(Arc::new(standing)), _permit: Some(permit) };
                let lost = serve(io, peer, self.stack.clone(), self.limits.clone(), self.shutdown.clone()).await;
                if let Some(CutOff { principal, why }) = lost {
                    self.counters.connections_ended.increment();
                    self.audit.note_about(AuditEvent::ClientCutOff, &principal, "connection", &why.to_string());
                }
            }
            Err(refusal) => {
                self.refuse(peer, &refusal);
                self.write_down(&refusal).await;
            }
        }
    }

    fn refuse(&self, peer: SocketAddr, refusal: &Refusal) {
        self.counters.connections_refused.increment();
        self.refusals.note(peer, refusal);
    }

    /// A client that we know and do not want: its attempt is on record.
    async fn write_down(&self, refusal: &Refusal) {
        let Refusal::Unwelcome(unwelcome) = refusal else { return };
        let Some(principal) = unwelcome.principal() else { return };
        let rule = unwelcome.to_string();
        let record = AuditRecord::new(AuditEvent::Denial, principal, "connection", AuditDecision::Denied);
        // It is refused all the same.
        if let Err(error) = self.audit.record(AuditRecord { rule: &rule, ..record }).await {
            tracing::error!(%error, principal = principal.name, "a refused connection is not on record");
        }
    }
}

/// The next connection, once there is room for it.
async fn next(
    listener: &TcpListener,
    handshakes: &Handshakes,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let room = handshakes.room().await.ok_or_else(|| io::Error::other("the doorstep is closed"))?;
    let (stream, peer) = listener.accept().await?;
    // Messages are written whole; waiting to fill a segment only delays them.
    stream.set_nodelay(true)?;
    Ok((stream, peer, room))
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
