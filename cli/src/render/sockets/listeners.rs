//! Who listens on a port.

use std::collections::BTreeSet;

use anstyle::Style;
use procwire_proto::{
    escape,
    v1::{Process, Socket, SocketHolder},
};

use super::{Programs, local, table::user};
use crate::render::{
    table::{Align, Column, Table},
    value::MISSING,
};

/// The table of `who-listens`: one row per process and address, however many sockets it has there.
pub(crate) fn listener_table(sockets: &[Socket], programs: &Programs) -> Table {
    let mut table = Table::new(vec![
        Column { may_be_cut: false, ..Column::new("PROTO", Align::Left) },
        Column { may_be_cut: false, ..Column::new("ADDRESS", Align::Left) },
        Column::new("PID", Align::Right),
        Column { max_width: 16, ..Column::new("PROGRAM", Align::Left) },
        Column { max_width: 16, ..Column::new("USER", Align::Left) },
        Column { max_width: 32, ..Column::new("UNIT/CONTAINER", Align::Left) },
        Column { drop_order: Some(1), ..Column::new("COMMAND", Align::Left) },
    ]);
    let mut seen = BTreeSet::new();
    for socket in sockets {
        let unknown = [SocketHolder::default()];
        let holders = if socket.holders.is_empty() { &unknown[..] } else { &socket.holders };
        for holder in holders {
            let cells = row(socket, holder, programs);
            if seen.insert(cells.clone()) {
                table.push(cells, Style::new());
            }
        }
    }
    table
}

fn row(socket: &Socket, holder: &SocketHolder, programs: &Programs) -> Vec<String> {
    let process = programs.get(holder);
    let pid = holder.r#ref.as_ref().map(|reference| reference.pid.to_string());
    let owner = process.and_then(user).or_else(|| Some(socket.uid?.to_string()));
    let cells = [
        pid,
        process.map(|process| process.display_name().into_owned()),
        owner,
        process.and_then(home),
        process.map(Process::display_command),
    ];
    let first = [socket.protocol_name().into_owned(), local(socket)];
    first.into_iter().chain(cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned()))).collect()
}

/// What it was started as: a container in short, as `docker ps` shows it, else the unit.
fn home(process: &Process) -> Option<String> {
    let cgroup = process.cgroup.as_ref()?;
    let container = cgroup.container_id.as_deref().map(|id| {
        let short: String = id.chars().take(12).collect();
        format!("container {}", escape::terminal(short.as_bytes()))
    });
    container.or_else(|| cgroup.unit.as_deref().map(|unit| escape::terminal(unit).into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{ProcessCgroup, SocketState, UserIds};

    use super::*;
    use crate::render::sockets::{
        holders::tests::program,
        tests::{holder, tcp},
    };

    #[test]
    fn a_process_stands_once_for_each_address_and_says_where_it_belongs() {
        let cgroup = |unit: &[u8], container_id: Option<&str>| {
            let cgroup = ProcessCgroup {
                unit: Some(unit.to_vec()),
                container_id: container_id.map(str::to_owned),
                ..ProcessCgroup::default()
            };
            Some(cgroup.into())
        };
        let uids = Some(UserIds { real: 1000, ..UserIds::default() });
        let web = Process { cgroup: cgroup(b"web.service", None), uids, ..program(7, b"web") };
        let boxed = Process { cgroup: cgroup(b"x.scope", Some("0123456789abcdef")), ..program(8, b"boxed") };
        let programs = Programs::new(vec![web, boxed]);
        let socket = |holders| Socket { holders, ..tcp(80, None, SocketState::Listen) };
        let sockets =
            [socket(vec![holder(7, 3), holder(7, 4)]), socket(vec![holder(7, 5), holder(8, 3)]), socket(vec![])];
        let mut out = Vec::new();
        listener_table(&sockets, &programs).write(&mut out, None).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "PROTO ADDRESS PID PROGRAM USER UNIT/CONTAINER COMMAND",
                "tcp 127.0.0.1:80 7 web 1000 web.service [web]",
                "tcp 127.0.0.1:80 8 boxed 33 container 0123456789ab [boxed]",
                "tcp 127.0.0.1:80 - - 33 - -",
            ]
        );
    }
}
