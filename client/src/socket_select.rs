//! Which sockets.

use procwire_proto::v1::{IpNetwork, SocketFamily, SocketPredicate, SocketState, SocketType};

/// IP protocol numbers (<https://www.iana.org/assignments/protocol-numbers>).
const TCP: u32 = 6;
const UDP: u32 = 17;

/// A condition on sockets, judged on the host: everything that is set must hold, and what is called again adds an
/// alternative. `tcp().udp()` is either protocol; `tcp().inet4()` is TCP over IPv4; `tcp().unix()` is nothing at all, for a
/// socket is not both: give the list two conditions instead. One in which nothing is set matches every socket.
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use procwire_client::SocketSelect;
///
/// let servers = SocketSelect::new().tcp().listening();
/// let database = SocketSelect::new().tcp().remote_port(5432).remote_network("10.0.0.0/8".parse()?);
/// let list = client.system().sockets().matching(servers).matching(database).await?;
/// for socket in &list.sockets {
///     println!("{} {:?} {:?}", socket.protocol_name(), socket.local, socket.remote);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a condition does nothing until a list is given it"]
pub struct SocketSelect(SocketPredicate);

impl SocketSelect {
    /// A condition in which nothing is set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// TCP, over IPv4 and IPv6.
    pub fn tcp(self) -> Self {
        self.protocol(TCP)
    }

    /// UDP, over IPv4 and IPv6.
    pub fn udp(self) -> Self {
        self.protocol(UDP)
    }

    /// Unix sockets.
    pub fn unix(self) -> Self {
        self.family(SocketFamily::Unix)
    }

    /// IPv4 and IPv6, any protocol.
    pub fn inet(self) -> Self {
        self.inet4().inet6()
    }

    /// IPv4, any protocol.
    pub fn inet4(self) -> Self {
        self.family(SocketFamily::Inet)
    }

    /// IPv6, any protocol. A socket of this family may speak IPv4 too: its addresses then look like `::ffff:10.0.0.5`.
    pub fn inet6(self) -> Self {
        self.family(SocketFamily::Inet6)
    }

    /// Of this address family.
    pub fn family(mut self, family: SocketFamily) -> Self {
        self.0.families.push(family.into());
        self
    }

    /// Of this type.
    pub fn socket_type(mut self, kind: SocketType) -> Self {
        self.0.types.push(kind.into());
        self
    }

    /// Of this IP protocol, by its number: 132 is SCTP, 262 MPTCP.
    pub fn protocol(mut self, number: u32) -> Self {
        self.0.protocols.push(number);
        self
    }

    /// In this state.
    pub fn state(mut self, state: SocketState) -> Self {
        self.0.states.push(state.into());
        self
    }

    /// Accepting connections. UDP does not: find its servers by [`local_port`](Self::local_port).
    pub fn listening(self) -> Self {
        self.state(SocketState::Listen)
    }

    /// Bound to this port of the host.
    pub fn local_port(mut self, port: u16) -> Self {
        self.0.local_ports.push(port.into());
        self
    }

    /// Connected to this port.
    pub fn remote_port(mut self, port: u16) -> Self {
        self.0.remote_ports.push(port.into());
        self
    }

    /// Its local address is in this network: `"127.0.0.0/8".parse()`.
    pub fn local_network(mut self, network: IpNetwork) -> Self {
        self.0.local_networks.push(network);
        self
    }

    /// Connected to an address in this network.
    pub fn remote_network(mut self, network: IpNetwork) -> Self {
        self.0.remote_networks.push(network);
        self
    }

    /// Held by the process with this pid. The agent then looks for holders, whether or not the list asks for them.
    pub fn pid(mut self, pid: u32) -> Self {
        self.0.pids.push(pid);
        self
    }

    /// Owned by this user id.
    pub fn uid(mut self, uid: u32) -> Self {
        self.0.uids.push(uid);
        self
    }

    /// In the network namespace with this inode, as [`ProcessNamespaces`](crate::v1::ProcessNamespaces) has it. Others than
    /// the agent's own are looked into only with [`all_network_namespaces`](crate::ListSockets::all_network_namespaces).
    pub fn namespace(mut self, inode: u64) -> Self {
        self.0.network_namespaces.push(inode);
        self
    }

    /// A unix socket of this path, or connected to one; an abstract name begins with a NUL byte.
    pub fn unix_path(mut self, path: impl AsRef<[u8]>) -> Self {
        self.0.unix_paths.push(path.as_ref().to_vec());
        self
    }

    /// The socket with this inode.
    pub fn inode(mut self, inode: u64) -> Self {
        self.0.inodes.push(inode);
        self
    }
}

impl From<SocketSelect> for SocketPredicate {
    fn from(select: SocketSelect) -> Self {
        select.0
    }
}

impl From<SocketPredicate> for SocketSelect {
    fn from(predicate: SocketPredicate) -> Self {
        Self(predicate)
    }
}
