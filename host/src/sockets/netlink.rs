//! Dumps by `sock_diag(7)`.

mod inet;
mod others;
mod unix;

use std::collections::HashSet;

use procwire_proto::v1::SocketFamily;
use rustix::{io::Errno, net::netlink};

use super::{
    row::Row,
    tables::{Table, Transport},
};
use crate::netlink::{Consistency, Entering, Failed, KernelSocket};

/// `SOCK_DIAG_BY_FAMILY` (include/uapi/linux/sock_diag.h).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `TCPDIAG_GETSOCK` (include/uapi/linux/inet_diag.h): the older request, which answers for both families of IP in one walk.
const TCPDIAG_GETSOCK: u16 = 18;
/// A dump that the kernel could not make in one piece is asked for so many times.
const ATTEMPTS: usize = 3;

/// A socket that dumps are asked through. It answers for the network namespace that it was opened in, whoever uses it.
#[derive(Debug)]
pub(super) struct DiagSocket(KernelSocket);

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
        KernelSocket::open(Some(netlink::SOCK_DIAG)).map(Self).map_err(DumpError::from_socket)
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
    fn messages(&mut self, kind: u16, request: &[u8], take: impl FnMut(&[u8]) -> bool) -> Result<bool, DumpError> {
        match self.0.dump(kind, kind, request, take) {
            Ok(consistency) => Ok(consistency == Consistency::OneMoment),
            Err(Failed::Asking(errno)) => Err(DumpError::from_socket(errno)),
            Err(Failed::Receiving(errno)) => Err(DumpError::Failed(errno)),
            Err(Failed::Answer(errno)) => Err(DumpError::from_answer(errno)),
            Err(Failed::Stopped) => Err(DumpError::Stopped),
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

impl From<Entering> for DumpError {
    fn from(entering: Entering) -> Self {
        match entering {
            Entering::Refused(errno) => Self::Refused(errno),
            Entering::NoThread => Self::Failed(Errno::AGAIN),
        }
    }
}

#[cfg(test)]
mod tests;
