//! Being told when interfaces or addresses change, so that they need not be asked for again as long as nothing does.

use std::os::fd::OwnedFd;

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink, recv, socket_with,
        sockopt::set_socket_recv_buffer_size,
    },
};

use super::ROUTE;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV6_IFADDR` (include/uapi/linux/rtnetlink.h).
const GROUPS: u32 = 0x1 | 0x10 | 0x100;
/// What the kernel keeps for us; of changes that there is no room for it says so (ENOBUFS), and more than that is not wanted.
const WAITING_BYTES: usize = 16 * 1024;
/// So many messages are taken at a time, however fast they come.
const MESSAGES_MAX: usize = 1000;

/// A socket that hears of changes in the network namespace that it was opened in.
#[derive(Debug)]
pub(crate) struct Watch(OwnedFd);

impl Watch {
    /// Hears of every change from now on.
    pub(crate) fn open() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, ROUTE)?;
        set_socket_recv_buffer_size(&socket, WAITING_BYTES)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self(socket))
    }

    /// True if something changed since the last call, or may have. What changed is not looked at: whoever may send a false message, which
    /// takes CAP_NET_ADMIN, only makes us ask the kernel again.
    pub(crate) fn has_news(&self) -> bool {
        let mut has_news = false;
        for _ in 0..MESSAGES_MAX {
            match recv(&self.0, [0_u8; 16].as_mut_slice(), RecvFlags::empty()) {
                Err(Errno::AGAIN) => return has_news,
                Err(Errno::INTR) => {}
                Ok(_) | Err(Errno::NOBUFS) => has_news = true,
                Err(_) => return true,
            }
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use rustix::net::{SendFlags, sendto};

    use super::*;
    use crate::netlink::{message::with_header, tests::OtherNetwork};

    /// Messages such as the kernel sends when something changes. These do not come from it, which is as good for a watch.
    fn tell(count: usize) {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, ROUTE).unwrap();
        let message = with_header(16, 0, &[0; 512], 1);
        for _ in 0..count {
            // The kernel, to which it goes too, may have an opinion on it.
            let _opinion = sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 1));
        }
    }

    #[test]
    fn news_are_told_once_and_lost_ones_too() {
        let Some(mut network) = OtherNetwork::new() else { return };
        let watch = network.enter(|| Watch::open().unwrap());
        assert!(!watch.has_news());
        network.enter(|| tell(1));
        assert!(watch.has_news() && !watch.has_news());
        network.enter(|| tell(MESSAGES_MAX * 2));
        assert!(watch.has_news() && !watch.has_news(), "what there was no room for is news too");
        for change in
            ["ip link set lo mtu 1500", "ip link add va type veth peer name vb", "ip addr add 10.0.0.1/8 dev va"]
        {
            assert!(network.run(change));
            assert!(watch.has_news(), "{change}");
        }
    }
}
