//! Dumps by `sock_diag(7)`: one request, many messages of up to 32 KiB, an end that says whether the kernel could finish.

mod inet;
mod others;
mod unix;

use std::{collections::HashSet, os::fd::OwnedFd, time::Duration};

use procwire_proto::v1::SocketFamily;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, connect,
        netlink::{self, SocketAddrNetlink},
        recvfrom, send, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};

use super::{
    row::Row,
    tables::{Table, Transport},
};

/// The kernel fills at most 32 KiB into one message, if the reader has room for so much (net/netlink/af_netlink.c: netlink_dump).
const BUFFER_BYTES: usize = 64 * 1024;
/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// `SOCK_DIAG_BY_FAMILY` (include/uapi/linux/sock_diag.h).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `TCPDIAG_GETSOCK` (include/uapi/linux/inet_diag.h): the older request, which answers for both families of IP in one walk.
const TCPDIAG_GETSOCK: u16 = 18;
/// `NLM_F_REQUEST`, `NLM_F_DUMP`, `NLM_F_DUMP_INTR`; `NLMSG_ERROR`, `NLMSG_DONE` (include/uapi/linux/netlink.h).
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const DUMP_INTERRUPTED: u16 = 0x10;
const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;
/// A dump is made while it is read, so the kernel keeps nobody waiting; if it does, something is very wrong.
const PATIENCE: Duration = Duration::from_secs(5);
/// A dump that the kernel could not make in one piece is asked for so many times.
const ATTEMPTS: usize = 3;
/// The port id of the kernel (netlink(7)).
const KERNEL: u32 = 0;

/// A socket that dumps are asked through. It answers for the network namespace that it was opened in, whoever uses it.
#[derive(Debug)]
pub(super) struct DiagSocket {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

/// What is dumped at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dump {
    Whole(Table),
    /// TCP of one family or of both.
    Tcp {
        families: Option<SocketFamily>,
        share: Share,
    },
}

/// Which connections: two threads get half each, whatever ports there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    All,
    First,
    Second,
}

/// Why there is no dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DumpError {
    /// This kernel has no such table, or cannot dump it.
    NotThere,
    /// Netlink is not for us: a sandbox, another kernel.
    Refused(Errno),
    /// The machine is short of something.
    Failed(Errno),
    /// Nobody lives in the namespace any more by whom it could be entered.
    Gone,
    /// Nobody waits for the answer any more.
    Stopped,
}

/// What a dump came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dumped {
    /// The table changed again and again while it was read: rows may be missing or twice.
    pub(super) is_inconsistent: bool,
}

/// Where rows go.
pub(super) trait Sink {
    /// A table begins.
    fn begin(&mut self);

    /// It begins again: what came of it so far is forgotten.
    fn again(&mut self);

    /// One row; false: no more are wanted.
    fn take(&mut self, row: Row) -> bool;

    /// False: nobody waits for rows any more, even if none come.
    fn is_wanted(&self) -> bool;
}

impl DiagSocket {
    /// Opens one in the network namespace of the calling thread.
    pub(super) fn open() -> Result<Self, DumpError> {
        let protocol = Some(netlink::SOCK_DIAG);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, protocol)
            .map_err(DumpError::from_socket)?;
        // Whoever may administer the network of the namespace could answer in the kernel's place: a socket that is connected to the kernel
        // refuses what comes from others (net/netlink/af_netlink.c: netlink_getsockbyportid).
        connect(&socket, &SocketAddrNetlink::new(KERNEL, 0)).map_err(DumpError::from_socket)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).map_err(DumpError::from_socket)?;
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES], sequence: 0 })
    }

    /// Makes a dump, leaving out what is not in one of the states (bits by number).
    pub(super) fn dump(&mut self, dump: Dump, states: u32, sink: &mut impl Sink) -> Result<Dumped, DumpError> {
        sink.begin();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                sink.again();
            }
            let mut pass_on = |row: Option<Row>| match row {
                Some(row) => sink.take(row),
                None => sink.is_wanted(),
            };
            let is_consistent = match dump {
                Dump::Tcp { families, share } => {
                    let (kind, request) = match families {
                        Some(family) => (SOCK_DIAG_BY_FAMILY, inet::request(Transport::Tcp, family, states, share)),
                        None => (TCPDIAG_GETSOCK, inet::request_of_both(states, share)),
                    };
                    self.messages(kind, &request, |message| pass_on(inet::parse(message, Transport::Tcp)))
                }
                Dump::Whole(Table::Inet { transport, family }) => {
                    let request = inet::request(transport, family, states, Share::All);
                    self.by_family(&request, |message| pass_on(inet::parse(message, transport)))
                }
                Dump::Whole(Table::Unix) => {
                    self.by_family(&unix::request(states), |message| pass_on(unix::parse(message)))
                }
                Dump::Whole(Table::Netlink) => {
                    let mut known = HashSet::new();
                    self.by_family(&others::netlink_request(), |message| {
                        // Those that are members of groups come twice (net/netlink/diag.c: __netlink_diag_dump).
                        let row =
                            others::parse_netlink(message).filter(|row| known.insert(row.inode) || row.inode == 0);
                        pass_on(row)
                    })
                }
                Dump::Whole(Table::Packet) => {
                    self.by_family(&others::packet_request(), |message| pass_on(others::parse_packet(message)))
                }
                Dump::Whole(Table::Vsock) => {
                    self.by_family(&others::vsock_request(states), |message| pass_on(others::parse_vsock(message)))
                }
            }?;
            if is_consistent {
                return Ok(Dumped::default());
            }
        }
        Ok(Dumped { is_inconsistent: true })
    }

    fn by_family(&mut self, request: &[u8], take: impl FnMut(&[u8]) -> bool) -> Result<bool, DumpError> {
        self.messages(SOCK_DIAG_BY_FAMILY, request, take)
    }

    /// Sends a request and hands on the messages that answer it. False: the table changed meanwhile.
    fn messages(&mut self, kind: u16, request: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> Result<bool, DumpError> {
        self.sequence = self.sequence.wrapping_add(1);
        let datagram = with_header(kind, request, self.sequence);
        rustix::io::retry_on_intr(|| send(&self.socket, &datagram, SendFlags::empty()))
            .map_err(DumpError::from_socket)?;
        let mut is_consistent = true;
        loop {
            // MSG_TRUNC: the length is that of the message, even if the buffer has no room for it.
            let length = match recvfrom(&self.socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(DumpError::Failed(errno)),
                Ok((_, length, sender)) if is_kernel(sender.as_ref()) => length,
                // It came before the socket was connected.
                Ok(_) => continue,
            };
            let datagram = self.buffer.get(..length).ok_or(DumpError::Failed(Errno::MSGSIZE))?;
            for message in Messages(datagram) {
                if message.sequence != self.sequence {
                    continue;
                }
                is_consistent &= message.flags & DUMP_INTERRUPTED == 0;
                match message.kind {
                    MESSAGE_DONE | MESSAGE_ERROR => {
                        // Either begins with an error number, negative as the kernel has them, or 0.
                        return match i32_at(message.payload, 0).unwrap_or(0) {
                            0.. => Ok(is_consistent),
                            error => Err(DumpError::from_answer(Errno::from_raw_os_error(error.wrapping_neg()))),
                        };
                    }
                    answer if answer == kind && !take(message.payload) => return Err(DumpError::Stopped),
                    _ => {}
                }
            }
        }
    }
}

impl DumpError {
    fn from_socket(errno: Errno) -> Self {
        match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => Self::Failed(errno),
            // EPERM and EACCES: a sandbox; EPROTONOSUPPORT and ECONNREFUSED: a kernel without sock_diag; ENOSYS, EAFNOSUPPORT: gVisor, seccomp.
            _ => Self::Refused(errno),
        }
    }

    fn from_answer(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::INVAL | Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT => {
                Self::NotThere
            }
            Errno::PERM | Errno::ACCESS => Self::Refused(errno),
            _ => Self::Failed(errno),
        }
    }
}

fn is_kernel(sender: Option<&SocketAddrAny>) -> bool {
    let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender.clone()).ok());
    sender.is_some_and(|sender| sender.pid() == KERNEL)
}

fn with_header(kind: u16, request: &[u8], sequence: u32) -> Vec<u8> {
    let length = HEADER_BYTES + request.len();
    let mut datagram = Vec::with_capacity(length);
    datagram.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    datagram.extend_from_slice(&kind.to_ne_bytes());
    datagram.extend_from_slice(&(REQUEST | DUMP).to_ne_bytes());
    datagram.extend_from_slice(&sequence.to_ne_bytes());
    // The kernel fills in who we are.
    datagram.extend_from_slice(&0_u32.to_ne_bytes());
    datagram.extend_from_slice(request);
    datagram
}

/// One message of a datagram.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

/// The messages of a datagram; ends at the first that is torn.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(u32_at(self.0, 0)?).ok()?;
        let payload = self.0.get(HEADER_BYTES..length)?;
        let message =
            Message { kind: u16_at(self.0, 4)?, flags: u16_at(self.0, 6)?, sequence: u32_at(self.0, 8)?, payload };
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// The attributes behind the fixed part of a message: kind and value; ends at the first that is torn.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_at(self.0, 0)?);
        let value = self.0.get(4..length)?;
        let kind = u16_at(self.0, 2)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn i32_at(bytes: &[u8], offset: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u16_be_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
