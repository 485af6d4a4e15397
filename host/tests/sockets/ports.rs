//! Which process has which port.

use std::{
    net::{TcpListener, UdpSocket},
    sync::atomic::AtomicBool,
};

use procwire_host::sockets::PortOwners;

use crate::{host, own_pid, started};

#[test]
fn a_port_leads_to_the_processes_that_have_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect("127.0.0.1:9").unwrap();
    let connected_port = u32::from(connected.local_addr().unwrap().port());
    let waiting = UdpSocket::bind("[::]:0").unwrap();
    let waiting_port = u32::from(waiting.local_addr().unwrap().port());

    let owners = PortOwners::find(&host(), &[port, connected_port, waiting_port], &AtomicBool::new(false)).unwrap();
    let started = started(own_pid());
    assert!(started.is_some());
    for (port, listens) in [(port, true), (connected_port, false), (waiting_port, true)] {
        assert_eq!(owners.holds_local(own_pid(), started, &[port]), Some(true));
        assert_eq!(owners.listens(own_pid(), started, &[port]), Some(listens), "{port}");
        assert_eq!(owners.holds_local(own_pid(), Some(1), &[port]), Some(false), "one that began at another time");
        assert_ne!(owners.holds_local(1, started, &[port]), Some(true));
    }
    assert_eq!(owners.listens(own_pid(), started, &[connected_port, port]), Some(true), "any of them");
    assert_eq!(owners.holds_local(own_pid(), started, &[]), Some(false));

    let none = PortOwners::find(&host(), &[70_000], &AtomicBool::new(false)).unwrap();
    assert_eq!(none.holds_local(own_pid(), started, &[70_000, port]), Some(false));
}
