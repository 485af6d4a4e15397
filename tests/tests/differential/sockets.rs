//! The sockets of the host (docs/psutil-differences.md: "Sockets").

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use procwire_client::v1::{Socket, SocketHolder, SocketState};
use procwire_tests::{Agent, Role, Victim, python};
use serde_json::Value;

use crate::{flatten::flatten, judge::Judge};

/// A socket as psutil names it: family, type, state of TCP, ends.
type Name = Vec<String>;

const PATHS: [&str; 7] =
    ["family", "type", "state", "local.inet.ip", "local.inet.port", "remote.inet.ip", "remote.inet.port"];

#[tokio::test]
async fn psutil_sees_the_same_sockets_and_its_holder_is_one_of_ours() {
    let agent = Agent::start();
    let _animals = [odd_process("all_sockets"), odd_process("prefork")];
    let client = agent.client(Role::Inspector);
    let mut judge = Judge::start(None);
    let mut last = String::new();
    // Connections come and go; what is missing in one round must not be missing in all.
    for _ in 0..6 {
        let before = judge.connections();
        let sockets = client.system().sockets().with_holders().await.unwrap().sockets;
        let after = judge.connections();
        let ours: BTreeMap<Name, Vec<&Socket>> = sockets
            .iter()
            .filter_map(|socket| Some((named(socket)?, socket)))
            .fold(BTreeMap::new(), |mut found, (name, socket)| {
                found.entry(name).or_insert_with(Vec::new).push(socket);
                found
            });
        let (before, after) = (by_name(&before), by_name(&after));
        last = differences(&ours, &before, &after);
        if last.is_empty() {
            let states = ours.values().flatten().map(|socket| socket.state()).collect::<BTreeSet<_>>();
            for state in [SocketState::TimeWait, SocketState::SynRecv, SocketState::Closing, SocketState::LastAck] {
                assert!(states.contains(&state), "{state:?} was never met, only {states:?}");
            }
            return;
        }
    }
    panic!("in all rounds:\n{last}");
}

#[tokio::test]
async fn every_process_that_holds_a_listener_is_named() {
    let agent = Agent::start();
    let server = odd_process("prefork");
    let list = agent.client(Role::Inspector).system().sockets().with_holders().await.unwrap();
    let holders = list.sockets.iter().map(|socket| pids(&socket.holders));
    let both = BTreeSet::from([server.pid(), server.named_pid()]);
    assert!(holders.into_iter().any(|holders| holders == both), "nothing is held by {both:?}");
}

#[tokio::test]
async fn the_other_end_of_a_connection_on_this_host_has_its_holders_too() {
    let agent = Agent::start();
    let animal = odd_process("all_sockets");
    let list = agent.client(Role::Inspector).system().sockets().with_holders().await.unwrap();
    let descriptors = descriptors_by_inode(animal.pid());
    let own: Vec<_> = list.sockets.iter().filter(|socket| descriptors.contains_key(&socket.inode())).collect();
    let (mut unix, mut tcp) = (0, 0);
    for socket in &own {
        let peer = match socket.peer_inode {
            Some(inode) => Some(inode),
            None if socket.protocol() == 6 => {
                let turned = |other: &&&Socket| other.local == socket.remote && other.remote == socket.local;
                own.iter().find(turned).map(|other| other.inode())
            }
            None => None,
        };
        // A peer that nobody has accepted yet is held by nobody.
        let expected: BTreeSet<u32> = peer.and_then(|inode| descriptors.get(&inode)).cloned().unwrap_or_default();
        let told: BTreeSet<u32> = socket.peer_holders.iter().map(|holder| holder.fd).collect();
        assert_eq!(told, expected, "{socket:?}");
        unix += u32::from(socket.peer_inode.is_some() && !told.is_empty());
        tcp += u32::from(socket.protocol() == 6 && !told.is_empty());
    }
    assert!(unix >= 6 && tcp >= 8, "{unix} unix sockets and {tcp} ends of TCP have a peer that is held");
}

fn odd_process(mode: &str) -> Victim {
    let mut command = std::process::Command::new(python::python());
    command.arg(python::script("odd_process.py")).arg(mode);
    Victim::start_command(command)
}

/// `None`: psutil knows no such sockets.
fn named(socket: &Socket) -> Option<Name> {
    let values = flatten("Socket", socket);
    let word = |path: &str| values.get(path).and_then(Value::as_str).unwrap_or_default();
    let is_unix = word("family").ends_with("_UNIX");
    // The text table has no TCP sockets that are bound and neither listen nor are connected; sock_diag has, since Linux 6.8.
    let is_idle = socket.protocol == Some(6) && socket.state() == SocketState::Close;
    let is_inet = word("family").contains("_INET") && matches!(socket.protocol, Some(6 | 17)) && !is_idle;
    let port_is_set = |end: &str| values.get(&format!("{end}.inet.port")).is_some_and(|port| port.as_u64() != Some(0));
    let is_told = |path: &&&str| match **path {
        // Of TCP alone.
        "state" => socket.protocol == Some(6),
        // An end without a port is none.
        path if path.starts_with("local.") => port_is_set("local"),
        path if path.starts_with("remote.") => port_is_set("remote"),
        _ => true,
    };
    let told: BTreeMap<String, Value> = PATHS
        .iter()
        .filter(is_told)
        .filter_map(|path| Some(((*path).to_owned(), values.get(*path)?.clone())))
        .collect();
    (is_unix || is_inet).then(|| name(&told))
}

fn name(values: &BTreeMap<String, Value>) -> Name {
    PATHS.iter().filter_map(|path| Some(format!("{path} {}", values.get(*path)?))).collect()
}

/// Names that psutil gives, with the holders it names.
fn by_name(rows: &[BTreeMap<String, Value>]) -> BTreeMap<Name, BTreeSet<(u64, u64)>> {
    let mut found: BTreeMap<Name, BTreeSet<(u64, u64)>> = BTreeMap::new();
    for row in rows {
        let holder = row["pid"].as_u64().zip(row["fd"].as_u64());
        found.entry(name(row)).or_default().extend(holder);
    }
    found
}

fn differences(
    ours: &BTreeMap<Name, Vec<&Socket>>,
    before: &BTreeMap<Name, BTreeSet<(u64, u64)>>,
    after: &BTreeMap<Name, BTreeSet<(u64, u64)>>,
) -> String {
    let mut lines = Vec::new();
    for name in before.keys().filter(|name| after.contains_key(*name)) {
        let Some(sockets) = ours.get(name) else {
            lines.push(format!("left out: {name:?}"));
            continue;
        };
        let told: BTreeSet<(u64, u64)> = sockets.iter().flat_map(|socket| holders(socket)).collect();
        for holder in before[name].intersection(&after[name]).filter(|holder| !told.contains(holder)) {
            lines.push(format!("{name:?}: not said to be held by {holder:?}, only by {told:?}"));
        }
    }
    for name in ours.keys().filter(|name| !before.contains_key(*name) && !after.contains_key(*name)) {
        lines.push(format!("only ours: {name:?}"));
    }
    lines.join("\n")
}

fn holders(socket: &Socket) -> impl Iterator<Item = (u64, u64)> {
    socket.holders.iter().map(|holder| (holder.r#ref.as_ref().unwrap().pid.into(), holder.fd.into()))
}

fn pids(holders: &[SocketHolder]) -> BTreeSet<u32> {
    holders.iter().map(|holder| holder.r#ref.as_ref().unwrap().pid).collect()
}

fn descriptors_by_inode(pid: u32) -> BTreeMap<u64, BTreeSet<u32>> {
    let mut found: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(Result::unwrap) {
        let target = fs::read_link(entry.path()).unwrap();
        let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        if let Some(inode) = inode {
            found.entry(inode).or_default().insert(entry.file_name().to_str().unwrap().parse().unwrap());
        }
    }
    found
}
