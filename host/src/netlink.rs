//! Netlink sockets that ask the kernel (netlink(7)): one request, many messages of up to 32 KiB, an end that says whether the kernel
//! could finish.

pub(crate) mod address;
pub(crate) mod link;
pub(crate) mod message;
pub(crate) mod watch;

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, connect,
        netlink::SocketAddrNetlink,
        recvfrom, send, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use self::message::{Messages, i32_at, with_header};

/// `NETLINK_ROUTE`: interfaces and addresses. It is protocol 0, which is what a socket has whose protocol is not named.
pub(crate) const ROUTE: Option<Protocol> = None;
/// The kernel fills at most 32 KiB into one message, if the reader has room for so much (net/netlink/af_netlink.c: netlink_dump).
const BUFFER_BYTES: usize = 64 * 1024;
/// `NLM_F_REQUEST`, `NLM_F_DUMP`, `NLM_F_DUMP_INTR`; `NLMSG_ERROR`, `NLMSG_DONE` (include/uapi/linux/netlink.h).
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const DUMP_INTERRUPTED: u16 = 0x10;
const MESSAGE_ERROR: u16 = 2;
const MESSAGE_DONE: u16 = 3;
/// A dump is made while it is read, so the kernel keeps nobody waiting; if it does, something is very wrong.
const PATIENCE: Duration = Duration::from_secs(5);
/// The port id of the kernel (netlink(7)).
const KERNEL: u32 = 0;

/// A socket that dumps are asked through. It answers for the network namespace that it was opened in, whoever uses it.
#[derive(Debug)]
pub(crate) struct KernelSocket {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

/// What went wrong with a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The question could not be asked.
    Asking(Errno),
    /// The answer could not be received.
    Receiving(Errno),
    /// The kernel answers with an error.
    Answer(Errno),
    /// Whoever took the messages wanted no more.
    Stopped,
}

/// Whether a dump is of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consistency {
    OneMoment,
    /// What was dumped changed meanwhile: something may be missing or twice.
    Changed,
}

impl KernelSocket {
    /// Opens one in the network namespace of the calling thread.
    pub(crate) fn open(protocol: Option<Protocol>) -> Result<Self, Errno> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, protocol)?;
        // Whoever may administer the network of the namespace could answer in the kernel's place: a socket that is connected to the kernel
        // refuses what comes from others (net/netlink/af_netlink.c: netlink_getsockbyportid).
        connect(&socket, &SocketAddrNetlink::new(KERNEL, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, buffer: Vec::new(), sequence: 0 })
    }

    /// Asks for a dump and hands on the messages of kind `answer`, until the taker says false.
    pub(crate) fn dump(
        &mut self,
        kind: u16,
        answer: u16,
        request: &[u8],
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<Consistency, Failed> {
        self.sequence = self.sequence.wrapping_add(1);
        let datagram = with_header(kind, REQUEST | DUMP, request, self.sequence);
        rustix::io::retry_on_intr(|| send(&self.socket, &datagram, SendFlags::empty())).map_err(Failed::Asking)?;
        self.buffer.resize(BUFFER_BYTES, 0);
        let mut consistency = Consistency::OneMoment;
        loop {
            // MSG_TRUNC: the length is that of the message, even if the buffer has no room for it.
            let length = match recvfrom(&self.socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC) {
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(Failed::Receiving(errno)),
                Ok((_, length, sender)) if is_kernel(sender.as_ref()) => length,
                // It came before the socket was connected.
                Ok(_) => continue,
            };
            let datagram = self.buffer.get(..length).ok_or(Failed::Receiving(Errno::MSGSIZE))?;
            for message in Messages(datagram) {
                if message.sequence != self.sequence {
                    continue;
                }
                if message.flags & DUMP_INTERRUPTED != 0 {
                    consistency = Consistency::Changed;
                }
                match message.kind {
                    MESSAGE_DONE | MESSAGE_ERROR => {
                        // Either begins with an error number, negative as the kernel has them, or 0.
                        return match i32_at(message.payload, 0).unwrap_or(0) {
                            0.. => Ok(consistency),
                            error => Err(Failed::Answer(Errno::from_raw_os_error(error.wrapping_neg()))),
                        };
                    }
                    kind if kind == answer && !take(message.payload) => return Err(Failed::Stopped),
                    _ => {}
                }
            }
        }
    }
}

impl AsFd for KernelSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Opens something in a network namespace, on a thread that is there for nothing else: a thread of a pool would stay in it.
pub(crate) fn within<T: Send, E: Send + From<Entering>>(
    namespace: BorrowedFd<'_>,
    open: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let enter_and_open = || {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network)).map_err(Entering::Refused)?;
        open()
    };
    thread::scope(|scope| {
        let entered = thread::Builder::new().name("other-network".to_owned()).spawn_scoped(scope, enter_and_open);
        match entered.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(opened)) => opened,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(Entering::NoThread.into()),
        }
    })
}

/// Why a namespace could not be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entering {
    /// The kernel does not let us in.
    Refused(Errno),
    /// There is no thread to enter it with.
    NoThread,
}

fn is_kernel(sender: Option<&SocketAddrAny>) -> bool {
    let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender.clone()).ok());
    sender.is_some_and(|sender| sender.pid() == KERNEL)
}

#[cfg(test)]
pub(crate) mod tests;
