//! Places for handshakes: so many at a time, and no more than its share for one address, so that nobody who can reach the port keeps all
//! others out of it without so much as a certificate.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use crate::config::TransportLimits;

/// For each handshake that may go on, this many connections may have been accepted: the others wait for their turn, and their time
/// begins with it.
const WAITING_PER_PLACE: usize = 8;

/// All the places.
#[derive(Debug)]
pub(super) struct Handshakes {
    /// Connections on the doorstep: shaking hands or waiting for it. More wait in the kernel's queue.
    doorstep: Arc<Semaphore>,
    places: Arc<Semaphore>,
    share: usize,
    addresses: Arc<Mutex<HashMap<Address, Waiting>>>,
}

/// Those of one address.
#[derive(Debug)]
struct Waiting {
    places: Arc<Semaphore>,
    count: usize,
}

/// What one peer can have many of at no cost: an IPv4 address, or the network of 64 bits that a host on IPv6 is given (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Address {
    V4([u8; 4]),
    V6Network([u8; 8]),
}

/// A connection on the doorstep, and the right to shake hands once it has one.
#[derive(Debug)]
pub(super) struct Doorstep {
    _room: OwnedSemaphorePermit,
    place: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    address: Address,
    addresses: Arc<Mutex<HashMap<Address, Waiting>>>,
}

impl Handshakes {
    pub(super) fn new(limits: &TransportLimits) -> Handshakes {
        Handshakes {
            doorstep: Arc::new(Semaphore::new(limits.handshakes * WAITING_PER_PLACE)),
            places: Arc::new(Semaphore::new(limits.handshakes)),
            share: limits.handshakes_per_address.min(limits.handshakes),
            addresses: Arc::default(),
        }
    }

    /// Waits until one more connection may be accepted. `None`: never.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.doorstep).acquire_owned().await.ok()
    }

    /// Lets an accepted connection onto the doorstep, unless its address has too many there.
    pub(super) fn enter(&self, peer: SocketAddr, room: OwnedSemaphorePermit) -> Result<Doorstep, Refusal> {
        let address = Address::of(peer.ip());
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let at_most = self.share * WAITING_PER_PLACE;
        let new = || Waiting { places: Arc::new(Semaphore::new(self.share)), count: 0 };
        let waiting = addresses.entry(address).or_insert_with(new);
        if waiting.count >= at_most {
            return Err(Refusal::TooManyOfAddress { share: self.share, waiting: at_most - self.share });
        }
        waiting.count += 1;
        let own = Arc::clone(&waiting.places);
        drop(addresses);
        let (all, addresses) = (Arc::clone(&self.places), Arc::clone(&self.addresses));
        Ok(Doorstep { _room: room, place: None, all, own, address, addresses })
    }
}

impl Doorstep {
    /// Waits for a place among those of its address, then for one among all.
    pub(super) async fn take_place(&mut self) {
        let own = Arc::clone(&self.own).acquire_owned().await;
        let all = Arc::clone(&self.all).acquire_owned().await;
        // They are never closed.
        self.place = own.ok().zip(all.ok());
    }
}

impl Drop for Doorstep {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = addresses.get_mut(&self.address) {
            waiting.count -= 1;
            if waiting.count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

impl Address {
    fn of(address: IpAddr) -> Address {
        // A socket for both families shows IPv4 as ::ffff:a.b.c.d.
        match address.to_canonical() {
            IpAddr::V4(v4) => Address::V4(v4.octets()),
            IpAddr::V6(v6) => Address::V6Network(network(v6)),
        }
    }
}

fn network(address: Ipv6Addr) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = address.octets();
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    fn handshakes(all: usize, share: usize) -> Handshakes {
        let limits = TransportLimits::defaults().unwrap();
        Handshakes::new(&TransportLimits { handshakes: all, handshakes_per_address: share, ..limits })
    }

    async fn enter(handshakes: &Handshakes, address: &str) -> Result<Doorstep, Refusal> {
        let room = handshakes.room().await.unwrap();
        handshakes.enter(SocketAddr::new(address.parse().unwrap(), 1), room)
    }

    async fn has_turn(doorstep: &mut Doorstep) -> bool {
        let mut turn = pin!(doorstep.take_place());
        std::future::poll_fn(|context| Poll::Ready(turn.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn one_address_leaves_places_to_others() {
        let handshakes = handshakes(3, 2);
        let mut of_one = Vec::new();
        for _ in 0..3 {
            of_one.push(enter(&handshakes, "192.0.2.1").await.unwrap());
        }
        assert!(has_turn(&mut of_one[0]).await && has_turn(&mut of_one[1]).await);
        assert!(!has_turn(&mut of_one[2]).await, "it waits for its share");
        let mut other = enter(&handshakes, "192.0.2.2").await.unwrap();
        assert!(has_turn(&mut other).await);
        let mut third = enter(&handshakes, "192.0.2.3").await.unwrap();
        assert!(!has_turn(&mut third).await, "there are three in all");
        drop(other);
        assert!(has_turn(&mut third).await);
        of_one.remove(0);
        assert!(has_turn(&mut of_one[1]).await);
        drop((of_one, third));
        assert!(handshakes.addresses.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn too_many_of_one_address_are_refused_and_others_are_not() {
        let handshakes = handshakes(4, 1);
        let mut inside = Vec::new();
        for _ in 0..WAITING_PER_PLACE {
            inside.push(enter(&handshakes, "2001:db8:0:1::1").await.unwrap());
        }
        // The same network of 64 bits is the same peer.
        let refused = enter(&handshakes, "2001:db8:0:1:ffff::2").await.unwrap_err();
        assert!(matches!(refused, Refusal::TooManyOfAddress { share: 1, waiting: 7 }), "{refused}");
        enter(&handshakes, "2001:db8:0:2::1").await.unwrap();
        enter(&handshakes, "::ffff:192.0.2.1").await.unwrap();
        inside.pop();
        enter(&handshakes, "2001:db8:0:1::9").await.unwrap();
    }

    #[test]
    fn both_spellings_of_an_ipv4_address_are_one() {
        let of = |text: &str| Address::of(text.parse().unwrap());
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("192.0.2.2"));
    }
}
