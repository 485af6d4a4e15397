//! Sockets as tables.

use std::cmp::Reverse;

use anstyle::{Effects, Style};
use procwire_proto::v1::{Process, Socket, SocketState};

use super::{Programs, ends, local, local_port, remote, state};
use crate::render::{
    table::{Align, Column, Table},
    value::MISSING,
};

/// In the order in which people look for them: by protocol, what listens first, then by port and address.
pub(crate) fn sort(sockets: &mut [Socket]) {
    sockets.sort_by_cached_key(|socket| {
        let bytes = |address: &Option<_>| address.as_ref().map(in_bytes);
        (
            socket.family,
            socket.protocol_name(),
            Reverse(socket.is_listening()),
            local_port(socket),
            bytes(&socket.local),
            bytes(&socket.remote),
            socket.inode,
        )
    });
}

/// Addresses in an order that is the same every time.
fn in_bytes(address: &procwire_proto::v1::SocketAddress) -> Vec<u8> {
    use procwire_proto::v1::socket_address::Address;
    match &address.address {
        Some(Address::Inet(inet)) => [inet.ip.as_slice(), &inet.port.to_be_bytes()].concat(),
        Some(Address::Unix(unix)) => unix.path.clone().unwrap_or_default(),
        Some(Address::Vsock(vsock)) => [vsock.context_id.to_be_bytes(), vsock.port.to_be_bytes()].concat(),
        Some(Address::Netlink(netlink)) => [netlink.protocol.to_be_bytes(), netlink.port_id.to_be_bytes()].concat(),
        Some(Address::Packet(packet)) => packet.protocol.to_be_bytes().to_vec(),
        None => Vec::new(),
    }
}

/// The table of `netstat`.
pub(crate) fn socket_table(sockets: &[Socket], programs: Option<&Programs>, is_wide: bool) -> Table {
    let mut columns = vec![
        Column { may_be_cut: false, ..Column::new("PROTO", Align::Left) },
        Column { drop_order: Some(9), ..Column::new("RECV-Q", Align::Right) },
        Column { drop_order: Some(8), ..Column::new("SEND-Q", Align::Right) },
        // The port, or the name of the file, is at the end.
        Column::of_paths("LOCAL"),
        Column::of_paths("REMOTE"),
        Column { may_be_cut: false, ..Column::new("STATE", Align::Left) },
    ];
    if is_wide {
        columns.extend([
            Column { drop_order: Some(1), ..Column::new("UID", Align::Right) },
            Column { drop_order: Some(2), ..Column::new("INODE", Align::Right) },
            Column { drop_order: Some(3), ..Column::new("IF", Align::Right) },
            Column { drop_order: Some(4), ..Column::new("NETNS", Align::Right) },
        ]);
    }
    if programs.is_some() {
        columns.push(Column::new(if is_wide { "PID/PROGRAM:FD" } else { "PID/PROGRAM" }, Align::Left));
    }
    let mut table = Table::new(columns);
    for socket in sockets {
        let number = |number: Option<u64>| number.map_or_else(|| MISSING.to_owned(), |number| number.to_string());
        let mut cells = vec![
            socket.protocol_name().into_owned(),
            number(socket.receive_queue),
            number(socket.send_queue),
            local(socket),
            peer(socket, programs),
            state(socket).to_owned(),
        ];
        if is_wide {
            cells.push(number(socket.uid.map(u64::from)));
            cells.push(number(socket.inode));
            cells.push(number(socket.interface_index.map(u64::from)));
            cells.push(number(socket.network_namespace));
        }
        if let Some(programs) = programs {
            cells.push(if is_wide { programs.all(&socket.holders) } else { programs.first(&socket.holders) });
        }
        table.push(cells, style(socket));
    }
    table
}

/// The other end. Of a unix socket that is seldom its address, which most clients do not have, but who is there.
fn peer(socket: &Socket, programs: Option<&Programs>) -> String {
    let address = remote(socket);
    match programs {
        Some(programs) if address == "*" && !socket.peer_holders.is_empty() => programs.first(&socket.peer_holders),
        _ => match socket.peer_inode {
            Some(inode) if address == "*" => format!("[{inode}]"),
            _ => address,
        },
    }
}

/// The table of `files --port`: one row for each descriptor of a socket.
pub(crate) fn holder_table(sockets: &[Socket], programs: &Programs) -> Table {
    let short = |header| Column { max_width: 16, ..Column::new(header, Align::Left) };
    let mut table = Table::new(vec![
        short("PROGRAM"),
        Column::new("PID", Align::Right),
        Column { drop_order: Some(2), ..short("USER") },
        Column::new("FD", Align::Right),
        Column { may_be_cut: false, ..Column::new("TYPE", Align::Left) },
        Column { drop_order: Some(1), ..Column::new("NODE", Align::Right) },
        Column::new("NAME", Align::Left),
    ]);
    for socket in sockets {
        let missing = || MISSING.to_owned();
        let node = socket.inode.map_or_else(missing, |inode| inode.to_string());
        let protocol = socket.protocol_name();
        let mut push = |[program, pid, user, fd]: [String; 4]| {
            let cells = vec![program, pid, user, fd, protocol.clone().into_owned(), node.clone(), ends(socket)];
            table.push(cells, style(socket));
        };
        for holder in &socket.holders {
            let pid = holder.r#ref.as_ref().map_or_else(missing, |reference| reference.pid.to_string());
            let process = programs.get(holder);
            let program = process.map_or_else(missing, |process| process.display_name().into_owned());
            push([program, pid, process.and_then(user).unwrap_or_else(missing), holder.fd.to_string()]);
        }
        if socket.holders.is_empty() {
            push([missing(), missing(), socket.uid.map_or_else(missing, |uid| uid.to_string()), missing()]);
        }
    }
    table
}

/// The user of a process, by name where it has one.
pub(super) fn user(process: &Process) -> Option<String> {
    match &process.username {
        Some(name) => Some(procwire_proto::escape::terminal(name).into_owned()),
        None => process.uids.map(|uids| uids.real.to_string()),
    }
}

/// What listens stands out, what is being taken down stands back.
fn style(socket: &Socket) -> Style {
    match socket.state() {
        SocketState::Listen => Style::new().effects(Effects::BOLD),
        SocketState::TimeWait | SocketState::FinWait2 | SocketState::Closing | SocketState::LastAck => {
            Style::new().dimmed()
        }
        _ => Style::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::render::sockets::{
        holders::tests::program,
        tests::{holder, tcp, udp, unix},
    };

    fn lines(table: &Table, width: Option<u16>) -> Vec<String> {
        let mut out = Vec::new();
        table.write(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    fn sockets() -> Vec<Socket> {
        let listener = Socket { holders: vec![holder(7, 3), holder(8, 3)], ..tcp(8080, None, SocketState::Listen) };
        let peer = Socket { peer_holders: vec![holder(7, 9)], peer_inode: Some(77), ..unix(b"/run/x\n") };
        let waiting = Socket { inode: None, ..tcp(8080, Some(9), SocketState::TimeWait) };
        let mut all = vec![peer, udp(53, None), waiting, tcp(9, Some(8080), SocketState::Established), listener];
        sort(&mut all);
        all
    }

    #[test]
    fn listeners_come_first_and_holders_are_named() {
        let programs = Programs::new(vec![program(7, b"web")]);
        assert_eq!(
            lines(&socket_table(&sockets(), Some(&programs), false), Some(120)),
            [
                "PROTO RECV-Q SEND-Q LOCAL REMOTE STATE PID/PROGRAM",
                r"unix - - /run/x\n 7/web UNCONN -",
                "tcp 0 128 127.0.0.1:8080 * LISTEN 7/web +1",
                "tcp 0 128 127.0.0.1:9 127.0.0.1:8080 ESTABLISHED -",
                "tcp 0 128 127.0.0.1:8080 127.0.0.1:9 TIME_WAIT -",
                "udp 0 128 127.0.0.1:53 * UNCONN -",
            ]
        );
        let wide = lines(&socket_table(&sockets(), Some(&programs), true), None);
        assert!(wide[0].ends_with("STATE UID INODE IF NETNS PID/PROGRAM:FD"), "{wide:?}");
        assert!(wide[2].ends_with("LISTEN 33 5000 - - 7/web:3 8/?:3"), "{wide:?}");
        let bare = lines(&socket_table(&sockets(), None, false), None);
        assert!(bare[0].ends_with("STATE") && bare[1].contains(" [77] "), "{bare:?}");
    }

    #[test]
    fn long_addresses_take_the_room_of_the_queues() {
        let mut long = tcp(8080, Some(9), SocketState::Established);
        for end in [&mut long.local, &mut long.remote] {
            let ip = (0xf0..=0xff).collect();
            let inet = procwire_proto::v1::InetAddress { ip, port: 65_535, scope_id: None };
            end.as_mut().unwrap().address = Some(procwire_proto::v1::socket_address::Address::Inet(inet));
        }
        let table = socket_table(&[long], Some(&Programs::default()), false);
        assert!(!lines(&table, Some(80))[0].contains("SEND-Q"), "{:?}", lines(&table, Some(80)));
        assert!(lines(&table, Some(200))[1].contains("[f0f1:f2f3:f4f5:f6f7:f8f9:fafb:fcfd:feff]:65535"));
    }

    #[test]
    fn an_address_that_is_cut_keeps_its_port_or_its_file() {
        let long = unix(b"/run/user/1000/containers/networks/rootless-netns/of-one-of-many/api.sock");
        let table = socket_table(&[long], Some(&Programs::default()), false);
        let shown = lines(&table, Some(60)).remove(1);
        assert!(shown.contains("…") && shown.contains("/api.sock "), "{shown}");
    }

    #[test]
    fn each_descriptor_of_a_port_has_its_row() {
        let programs = Programs::new(vec![program(7, b"web")]);
        let port: Vec<_> = sockets().into_iter().filter(|socket| socket.protocol == Some(6)).collect();
        assert_eq!(
            lines(&holder_table(&port, &programs), Some(120)),
            [
                "PROGRAM PID USER FD TYPE NODE NAME",
                "web 7 - 3 tcp 5000 127.0.0.1:8080 (LISTEN)",
                "- 8 - 3 tcp 5000 127.0.0.1:8080 (LISTEN)",
                "- - 33 - tcp 5000 127.0.0.1:9->127.0.0.1:8080 (ESTABLISHED)",
                "- - 33 - tcp - 127.0.0.1:8080->127.0.0.1:9 (TIME_WAIT)",
            ]
        );
    }
}
