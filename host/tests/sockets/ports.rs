//! Which process has which port.

use std::net::{TcpListener, UdpSocket};

use procwire_host::sockets::PortOwners;

use crate::{host, own_pid};

#[test]
fn a_port_leads_to_the_processes_that_have_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect("127.0.0.1:9").unwrap();
    let connected_port = u32::from(connected.local_addr().unwrap().port());
    let waiting = UdpSocket::bind("[::]:0").unwrap();
    let waiting_port = u32::from(waiting.local_addr().unwrap().port());

    let owners = PortOwners::find(&host(), &[port, connected_port, waiting_port]).unwrap();
    for (port, listens) in [(port, true), (connected_port, false), (waiting_port, true)] {
        assert!(owners.holds_local(own_pid(), &[port]));
        assert_eq!(owners.listens(own_pid(), &[port]), listens, "{port}");
        assert!(!owners.holds_local(1, &[port]));
    }
    assert!(owners.listens(own_pid(), &[connected_port, port]), "any of them");
    assert!(!owners.holds_local(own_pid(), &[]));

    let none = PortOwners::find(&host(), &[70_000]).unwrap();
    assert!(!none.holds_local(own_pid(), &[70_000, port]));
}
