//! Resolving a host and connecting to the first of its addresses that answers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::{ConnectError, ConnectPhase, Endpoint};

/// Tries the addresses of a host one after the other, in the system's order of preference; each gets an equal share of the
/// time that is left, so that one that swallows packets does not eat the chance of the next.
pub(super) async fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let addresses = resolve(endpoint, deadline).await?;
    let mut failure = no_address(endpoint);
    let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left.checked_div(untried).unwrap_or(left);
        untried = untried.saturating_sub(1);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are small and waited for. If the option cannot be set the connection is no less good.
                let _ = stream.set_nodelay(true);
                return Ok((stream, address));
            }
            Ok(Err(source)) => failure = ConnectError::Tcp { address, source: Arc::new(source) },
            Err(_elapsed) => {
                failure = ConnectError::TimedOut { phase: ConnectPhase::Tcp { address }, after: share };
            }
        }
    }
    Err(failure)
}

async fn resolve(endpoint: &Endpoint, deadline: Instant) -> Result<Vec<SocketAddr>, ConnectError> {
    let Endpoint { host, port } = endpoint;
    let time = deadline.saturating_duration_since(Instant::now());
    match timeout(time, tokio::net::lookup_host((host.as_str(), *port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(source)) => Err(ConnectError::Resolve { host: host.clone(), source: Arc::new(source) }),
        Err(_elapsed) => {
            Err(ConnectError::TimedOut { phase: ConnectPhase::Resolve { host: host.clone() }, after: time })
        }
    }
}

fn no_address(endpoint: &Endpoint) -> ConnectError {
    let source = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    ConnectError::Resolve { host: endpoint.host.clone(), source: Arc::new(source) }
}
