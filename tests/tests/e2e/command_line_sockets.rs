//! The commands about sockets, as a person uses them. The sockets are this process's own, so that all about them is known.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt as _,
            fs::MetadataExt as _,
            net::{UnixListener, UnixStream},
        },
    },
};

use procwire_tests::Shell;
use serde_json::Value;

use crate::command_line_process::{line, own_name, own_pid};

/// The number in the kernel's name of a socket: "socket:[123]".
pub(crate) fn inode(descriptor: &impl AsRawFd) -> u64 {
    let link = fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).unwrap();
    link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
}

#[test]
fn who_listens_names_the_process_and_says_so_if_nobody_does() {
    let shell = Shell::new();
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (tcp_port, udp_port) =
        (tcp.local_addr().unwrap().port().to_string(), udp.local_addr().unwrap().port().to_string());
    let table = shell.answer(&["who-listens", &tcp_port]);
    let row = line(&table, &own_pid());
    assert!(row.contains(&format!("127.0.0.1:{tcp_port}")), "{table}");
    let rows = shell.rows(&["who-listens", &udp_port, "--udp"]);
    assert_eq!((&rows[0]["process"]["pid"], rows.len()), (&Value::from(std::process::id()), 1), "{rows:?}");
    assert_eq!(rows[0]["socket"]["inode"], inode(&udp));
    // Another test may be starting a program just now, which has all descriptors until it is another one.
    let own = |row: &&Value| row["process"]["pid"] == std::process::id();
    assert_eq!(shell.rows(&["who-listens", &tcp_port, &udp_port, "--tcp", "--udp"]).iter().filter(own).count(), 2);

    let said = shell.fails_with(1, &["who-listens", &udp_port]);
    assert!(said.contains(&format!("nobody listens on TCP port {udp_port}")), "{said}");
    drop(tcp);
    shell.fails_with(1, &["who-listens", &tcp_port]);
    shell.fails_with(2, &["who-listens", "0"]);
    shell.fails_with(2, &["who-listens", "65536"]);
    shell.fails_with(2, &["who-listens"]);
}

#[test]
fn netstat_shows_connections_with_their_processes() {
    let shell = Shell::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (port_text, client_port) = (port.to_string(), client.local_addr().unwrap().port());

    let table = shell.answer(&["netstat", "-tn", "--port", &port_text]);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let (local, remote) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{client_port}"));
    let owner = format!("{}/{}", own_pid(), own_name());
    assert_eq!(rows[0], ["PROTO", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE", "STATE", "PID/PROGRAM"]);
    assert_eq!(&rows[1][3..6], [local.as_str(), "*", "LISTEN"], "{table}");
    assert_eq!(&rows[2][3..6], [local.as_str(), remote.as_str(), "ESTABLISHED"], "{table}");
    for row in &rows[1..] {
        // The kernel's name of this program is cut at 15 bytes.
        assert!(row[6].starts_with(&owner), "{table}");
    }
    assert_eq!(rows.len(), 3, "{table}");

    let inodes = |arguments: &[&str]| -> BTreeSet<u64> {
        let rows = shell.rows(&[&["netstat"], arguments].concat());
        rows.iter().filter_map(|row| row["inode"].as_u64()).collect()
    };
    let (listener, client, server) = (inode(&listener), inode(&client), inode(&server));
    assert_eq!(inodes(&["--port", &port_text]), BTreeSet::from([listener, server]));
    assert_eq!(inodes(&["--remote-port", &port_text]), BTreeSet::from([client]));
    assert_eq!(inodes(&["--port", &port_text, "--listening"]), BTreeSet::from([listener]));
    assert_eq!(inodes(&["--port", &port_text, "--state", "established"]), BTreeSet::from([server]));
    assert_eq!(inodes(&["--port", &port_text, "--remote", "127.0.0.0/8"]), BTreeSet::from([server]));
    assert_eq!(inodes(&["--port", &port_text, "--udp"]), BTreeSet::new());
    assert_eq!(inodes(&["--port", &port_text, "-6"]), BTreeSet::new());
    assert_eq!(inodes(&["--port", &port_text, "--limit", "1"]).len(), 1);
    // As hands type it: every TCP socket, numbers, programs.
    assert_eq!(inodes(&["-antp", "--port", &format!("{port_text},1")]), BTreeSet::from([listener, server]));
    assert_eq!(inodes(&["-tulpn", "--port", &port_text]), BTreeSet::from([listener]));
    let own = inodes(&["--pid", &own_pid()]);
    assert!(own.is_superset(&BTreeSet::from([listener, client, server])), "{own:?}");
    let mine = shell.rows(&["netstat", "--port", &port_text, "--user", &own_uid()]);
    assert_eq!(mine.len(), 2, "{mine:?}");
    let row = mine.iter().find(|row| row["inode"] == server).unwrap();
    assert!(row["holders"][0]["name"].as_str().unwrap().starts_with(&own_name()), "{row}");
    let bare = shell.rows(&["netstat", "--port", &port_text, "--no-programs"]);
    assert!(bare.iter().all(|row| row["holders"].as_array().is_none_or(Vec::is_empty)), "{bare:?}");
    shell.fails_with(2, &["netstat", "--state", "open"]);
    shell.fails_with(2, &["netstat", "--local", "10.0.0.0/33"]);
    shell.fails_with(2, &["netstat", "--user", "no-such-user-here"]);
}

fn own_uid() -> String {
    fs::metadata("/proc/self").unwrap().uid().to_string()
}

#[test]
fn unix_sockets_are_shown_when_asked_for_with_who_is_at_the_other_end() {
    let shell = Shell::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"odd\n\x1b[31m"));
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let (server, _) = listener.accept().unwrap();
    let pid = own_pid();
    assert!(!shell.answer(&["netstat", "--pid", &pid]).contains("unix"));
    let table = shell.answer(&["netstat", "--unix", "--pid", &pid]);
    assert!(table.contains(r"/odd\n\x1b[31m"), "{table}");
    let rows = shell.rows(&["netstat", "--unix", "--pid", &pid]);
    let of = |inode: u64| rows.iter().find(|row| row["inode"] == inode).unwrap();
    assert_eq!(of(inode(&client))["peer_inode"], inode(&server));
    assert_eq!(of(inode(&client))["peer_holders"][0]["ref"]["pid"], std::process::id());
    assert_eq!(of(inode(&listener))["state"], "listen");
    let all = shell.rows(&["netstat", "--all"]);
    assert!(all.iter().any(|row| row["inode"] == inode(&server)), "{} rows", all.len());
}

#[test]
fn a_port_finds_both_ends_and_each_descriptor() {
    let shell = Shell::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let again = client.try_clone().unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let table = shell.answer(&["files", "--port", &port]);
    let descriptors: BTreeSet<String> = table
        .lines()
        .skip(1)
        .filter(|row| row.split_whitespace().nth(1) == Some(own_pid().as_str()))
        .map(|row| row.split_whitespace().nth(3).unwrap().to_owned())
        .collect();
    for descriptor in [listener.as_raw_fd(), client.as_raw_fd(), again.as_raw_fd()] {
        assert!(descriptors.contains(&descriptor.to_string()), "{descriptor}: {table}");
    }
    drop((listener, client, again));
}
