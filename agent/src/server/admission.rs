//! From a fresh TCP connection to a known caller who speaks HTTP/2, within a time limit.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    handshakes::Doorstep,
    principals::{PrincipalConnections, PrincipalPermit},
    refusal::Refusal,
    replay::Replay,
    standing::Standing,
    tls::{ALPN_HTTP2, Certificates, Examined, Handshake, InForce},
};
use crate::{
    access::{IdentityError, Principal},
    config::TransportLimits,
};

/// RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a refused peer is listened to, so that it gets to read why: closing at once would reset the connection.
const FAREWELL: Duration = Duration::from_millis(500);
const FAREWELL_MAX_BYTES: usize = 64 << 10;

/// The door.
pub(crate) struct Admission {
    certificates: Arc<Certificates>,
    handshake_timeout: Duration,
    connections: Arc<Semaphore>,
    connections_limit: usize,
    principals: PrincipalConnections,
    per_principal_limit: usize,
}

/// A connection that may call.
pub(super) struct Admitted {
    pub(super) io: Replay<TlsStream<TcpStream>>,
    pub(super) principal: Principal,
    pub(super) standing: Standing,
    pub(super) permit: ConnectionPermit,
}

/// A client that its certificate lets in.
struct Known {
    principal: Principal,
    standing: Standing,
}

/// A connection's place, among all and among its principal's.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    _of_all: OwnedSemaphorePermit,
    _of_principal: PrincipalPermit,
}

impl Admission {
    pub(crate) fn new(certificates: Arc<Certificates>, limits: &TransportLimits) -> Admission {
        Admission {
            certificates,
            handshake_timeout: limits.handshake_timeout,
            connections: Arc::new(Semaphore::new(limits.connections)),
            connections_limit: limits.connections,
            principals: PrincipalConnections::default(),
            per_principal_limit: limits.connections_per_principal,
        }
    }

    /// Lets a connection in or says why not.
    pub(super) async fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        doorstep: &mut Doorstep,
    ) -> Result<Admitted, Refusal> {
        // Its time begins with its turn: those before it are few, and each has as much and no more.
        doorstep.take_place().await;
        let shaking = timeout(self.handshake_timeout, self.shake_hands(stream, peer));
        let (mut tls, known) = shaking.await.map_err(|_| Refusal::TooSlow(self.handshake_timeout))??;
        let Known { principal, standing } = known;
        match self.find_place(&principal) {
            Ok(permit) => {
                let io = Replay::new(Bytes::from_static(PREFACE), tls);
                Ok(Admitted { io, principal, standing, permit })
            }
            Err(refusal) => {
                say_farewell(&mut tls).await;
                Err(refusal)
            }
        }
    }

    async fn shake_hands(&self, stream: TcpStream, peer: SocketAddr) -> Result<(TlsStream<TcpStream>, Known), Refusal> {
        // Before what it is judged by is looked at: no change is missed.
        let changes = self.certificates.subscribe();
        let handshake = Handshake::new(&self.certificates.in_force(), peer);
        let handshake = handshake.map_err(|error| Refusal::Handshake(std::io::Error::other(error)))?;
        let acceptor = TlsAcceptor::from(Arc::clone(&handshake.config));
        let mut tls = match acceptor.accept(stream).into_fallible().await {
            Ok(tls) => tls,
            Err((error, mut stream)) => {
                // rustls has sent its alert; see that it arrives.
                say_farewell(&mut stream).await;
                return Err(match handshake.verdict() {
                    Some(Err(unwelcome)) => Refusal::Unwelcome(unwelcome),
                    _ => Refusal::handshake(error),
                });
            }
        };
        let checked = match identify(&tls, peer, &handshake, changes) {
            Ok(known) => read_preface(&mut tls).await.map(|()| known),
            Err(refusal) => Err(refusal),
        };
        match checked {
            Ok(known) => Ok((tls, known)),
            Err(refusal) => {
                say_farewell(&mut tls).await;
                Err(refusal)
            }
        }
    }

    fn find_place(&self, principal: &Principal) -> Result<ConnectionPermit, Refusal> {
        let of_principal = self.principals.acquire(&principal.name, self.per_principal_limit).ok_or_else(|| {
            Refusal::TooManyOfPrincipal { principal: principal.name.clone(), limit: self.per_principal_limit }
        })?;
        let of_all = Arc::clone(&self.connections)
            .try_acquire_owned()
            .map_err(|_| Refusal::TooManyConnections(self.connections_limit))?;
        Ok(ConnectionPermit { _of_all: of_all, _of_principal: of_principal })
    }
}

/// The handshake has verified the certificate and found out whom it names.
fn identify(
    tls: &TlsStream<TcpStream>,
    peer: SocketAddr,
    handshake: &Handshake,
    changes: watch::Receiver<Arc<InForce>>,
) -> Result<Known, Refusal> {
    let (_, session) = tls.get_ref();
    if session.alpn_protocol() != Some(ALPN_HTTP2) {
        return Err(Refusal::NotHttp2("it did not offer h2 by ALPN"));
    }
    // rustls does not complete a handshake without a certificate; if it did, nobody would be let in.
    let nobody = || Refusal::Unwelcome(IdentityError::Nameless.into());
    let Examined { principal, until } = handshake.verdict().ok_or_else(nobody)?.map_err(Refusal::Unwelcome)?;
    let chain = session.peer_certificates().ok_or_else(nobody)?;
    let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
    let standing = Standing::new(chain, peer, changes, Arc::clone(handshake.trust()), until);
    Ok(Known { principal, standing })
}

/// Reads the client's preface here, so that silence after the handshake falls under the same time limit.
async fn read_preface(tls: &mut (impl AsyncRead + Unpin)) -> Result<(), Refusal> {
    let mut preface = [0; PREFACE.len()];
    tls.read_exact(&mut preface).await.map_err(Refusal::handshake)?;
    if preface == *PREFACE { Ok(()) } else { Err(Refusal::NotHttp2("it did not send the connection preface")) }
}

/// Closes our side and reads a little more, so that what was sent last is not lost to a reset.
async fn say_farewell(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let listening = async {
        stream.shutdown().await?;
        let mut ignored = [0; 1024];
        let mut total = 0;
        while total < FAREWELL_MAX_BYTES {
            match stream.read(&mut ignored).await? {
                0 => break,
                length => total += length,
            }
        }
        std::io::Result::Ok(())
    };
    // Whatever comes of it, the connection is over.
    let _ = timeout(FAREWELL, listening).await;
}
