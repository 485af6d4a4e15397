//! Interfaces as the kernel tells them by rtnetlink, kept until it says that something changed; speeds as drivers tell them.

use std::{collections::HashMap, os::fd::AsFd as _};

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{Duplex, NetworkInterface},
};
use rustix::{io::Errno, net::netdevice::name_to_index};

use super::{
    COMPARED, PROPERTIES, SPEED, absent, gone,
    place::{NoSocket, Place, failed},
    tell,
};
use crate::{
    netlink::{
        Consistency, Failed, KernelSocket, ROUTE, address,
        link::{self, UP},
        watch::Watch,
    },
    sys::{Ethtool, LinkSpeed},
    system::answer::{Answer, Failure},
};

/// A dump that was disturbed is asked for so many times; what the last one told is told then, and asked for anew the next time.
const ATTEMPTS: usize = 3;

/// The kernel says nothing when these change while the interface is down (net/core/dev.c: `netdev_state_change`).
const CHANGED_IN_SILENCE: SystemFieldSet = bit::NETWORK_INTERFACES_ALIAS.union(bit::NETWORK_INTERFACES_CARRIER_CHANGES);

/// A socket in the namespace of the interfaces, and what was learned by it.
pub(super) struct Kernel {
    socket: KernelSocket,
    ethtool: Ethtool,
    /// Hears of changes. Opened when there is a second question, which a single snapshot does not have.
    watch: Option<Watch>,
    may_watch: bool,
    known: Option<Known>,
}

/// Interfaces, sorted by name.
struct Known {
    links: Vec<NetworkInterface>,
    has_addresses: bool,
    all_are_up: bool,
    is_of_one_moment: bool,
    /// A change since then would have been heard of.
    is_watched: bool,
}

impl Kernel {
    /// In the namespace of the calling thread.
    pub(super) fn open() -> Result<Self, NoSocket> {
        let socket = KernelSocket::open(ROUTE).map_err(NoSocket::from_socket)?;
        Ok(Self { socket, ethtool: Ethtool::default(), watch: None, may_watch: true, known: None })
    }

    pub(super) fn tell(&mut self, place: &Place, rows: &mut [NetworkInterface], answer: &mut Answer) {
        let dumped = PROPERTIES.union(bit::NETWORK_INTERFACES_ADDRESSES);
        if answer.wants(dumped) {
            match self.learn(place, rows, answer) {
                Ok(known) => {
                    for row in rows.iter_mut() {
                        match known.find(&row.name) {
                            Some(link) => tell(link, row, answer),
                            None => absent(dumped, row, &gone(), answer),
                        }
                    }
                }
                Err(failure) => answer.failed(dumped, &failure),
            }
        } else if answer.wants(COMPARED) {
            for row in rows.iter_mut() {
                let name = std::str::from_utf8(&row.name).ok();
                row.index = name.and_then(|name| name_to_index(&self.socket, name).ok());
            }
        }
        if answer.wants(SPEED) {
            for row in rows {
                let told = self.ethtool.link_speed(self.socket.as_fd(), &row.name);
                tell_speed(told, row, answer);
            }
        }
    }

    /// What is known, made sure that it is so now.
    fn learn(&mut self, place: &Place, rows: &[NetworkInterface], answer: &Answer) -> Result<&Known, Failure> {
        let with_addresses = answer.wants(bit::NETWORK_INTERFACES_ADDRESSES);
        // All that came before the question is part of the answer.
        let has_news = self.watch.as_ref().is_none_or(Watch::has_news);
        let kept = self.known.take();
        if kept.is_some() && self.watch.is_none() && self.may_watch {
            self.watch = place.enter(|| Watch::open().map_err(NoSocket::from_socket)).ok();
            self.may_watch = self.watch.is_some();
        }
        let is_watched = self.watch.is_some();
        let still_holds = |known: &Known| {
            known.is_watched
                && known.is_of_one_moment
                && (known.has_addresses || !with_addresses)
                && (known.all_are_up || !answer.wants(CHANGED_IN_SILENCE))
                && rows.iter().all(|row| known.find(&row.name).is_some())
        };
        let known = match kept.filter(|known| !has_news && still_holds(known)) {
            Some(known) => known,
            None => Known { is_watched, ..self.ask_until_calm(with_addresses)? },
        };
        Ok(self.known.insert(known))
    }

    fn ask_until_calm(&mut self, with_addresses: bool) -> Result<Known, Failure> {
        let mut known = self.ask(with_addresses)?;
        for _ in 1..ATTEMPTS {
            if known.is_of_one_moment {
                break;
            }
            known = self.ask(with_addresses)?;
        }
        Ok(known)
    }

    fn ask(&mut self, with_addresses: bool) -> Result<Known, Failure> {
        let mut links = Vec::new();
        let mut is_of_one_moment = self.dump(link::GET, link::NEW, &link::request(), |message| {
            links.extend(link::parse(message));
        })?;
        if with_addresses {
            let places: HashMap<_, _> = links.iter().enumerate().map(|(place, link)| (link.index, place)).collect();
            is_of_one_moment &= self.dump(address::GET, address::NEW, &address::request(), |message| {
                if let Some((index, mut address)) = address::parse(message)
                    && let Some(link) = places.get(&Some(index)).and_then(|place| links.get_mut(*place))
                {
                    // The kernel labels an address with the name of its interface if nobody said otherwise.
                    address.label = address.label.filter(|label| *label != link.name);
                    link.addresses.push(address);
                }
            })?;
        }
        links.sort_by(|one, other| one.name.cmp(&other.name));
        let all_are_up = links.iter().all(|link| link.flags.is_some_and(|flags| flags & UP != 0));
        Ok(Known { links, has_addresses: with_addresses, all_are_up, is_of_one_moment, is_watched: false })
    }

    /// True if what was told is of one moment.
    fn dump(&mut self, kind: u16, answer: u16, request: &[u8], mut take: impl FnMut(&[u8])) -> Result<bool, Failure> {
        let told = self.socket.dump(kind, answer, request, |message| {
            take(message);
            true
        });
        match told {
            Ok(consistency) => Ok(consistency == Consistency::OneMoment),
            // Nobody stops here.
            Err(Failed::Stopped) => Ok(false),
            Err(Failed::Asking(errno) | Failed::Receiving(errno) | Failed::Answer(errno)) => Err(failed(errno)),
        }
    }
}

impl Known {
    fn find(&self, name: &[u8]) -> Option<&NetworkInterface> {
        let place = self.links.binary_search_by(|link| link.name.as_slice().cmp(name)).ok()?;
        self.links.get(place)
    }
}

/// What a driver told. Most of those without a cable or without hardware have nothing to tell, or say so in numbers.
fn tell_speed(told: Result<LinkSpeed, Errno>, row: &mut NetworkInterface, answer: &Answer) {
    match told {
        Ok(told) => {
            if answer.wants(bit::NETWORK_INTERFACES_BITS_PER_SECOND) {
                row.bits_per_second = bits_per_second(told.speed);
            }
            if answer.wants(bit::NETWORK_INTERFACES_DUPLEX) {
                row.duplex = match told.duplex {
                    0 => Some(Duplex::Half.into()),
                    1 => Some(Duplex::Full.into()),
                    _ => None,
                };
            }
        }
        Err(Errno::OPNOTSUPP | Errno::INVAL) => {}
        Err(Errno::NODEV) => absent(SPEED, row, &gone(), answer),
        Err(errno) => {
            let failure = Failure { detail: format!("ethtool: {errno}"), ..failed(errno) };
            absent(SPEED, row, &failure, answer);
        }
    }
}

/// Of megabits. `SPEED_UNKNOWN` is -1, which was a `u16` once; nothing else is above `INT_MAX` (ethtool_validate_speed), and no link
/// that is up is at 0.
pub(super) fn bits_per_second(megabits: u32) -> Option<u64> {
    match megabits {
        0 | 0xffff | 0x8000_0000.. => None,
        known => Some(u64::from(known) * 1_000_000),
    }
}

#[cfg(test)]
mod tests;
