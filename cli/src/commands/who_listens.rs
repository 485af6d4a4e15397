//! `procwire who-listens PORT`

use clap::Args;
use procwire_client::{SocketSelect, v1::Socket};
use procwire_proto::json;
use serde_json::json;

use super::{
    holders::{note_summary, programs_of, sockets},
    rows::write_rows,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::sockets::{listener_table, sort, takes_what_comes},
};

/// Which ports, as typed.
#[derive(Debug, Args)]
pub(crate) struct WhoListensArgs {
    /// Ports
    #[arg(value_name = "PORT", required = true, value_parser = clap::value_parser!(u16).range(1..))]
    ports: Vec<u16>,
    /// UDP sockets that are bound there; with --tcp too: both
    #[arg(short, long)]
    udp: bool,
    /// TCP sockets that listen there, as without any of the two
    #[arg(short, long)]
    tcp: bool,
    /// In every network namespace that the agent can reach: containers too
    #[arg(long)]
    all_namespaces: bool,
}

/// What is told of each process.
const FIELDS: [&str; 4] = ["username", "uids", "cgroup", "cmdline"];

/// Shows who listens on a port; exit code 1 if nobody does.
pub(crate) async fn run(args: &WhoListensArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = sockets(connection).with_holders();
    let on_ports = |select: SocketSelect| args.ports.iter().fold(select, |select, port| select.local_port(*port));
    if args.tcp || !args.udp {
        // Whatever listens and has a port: TCP, and its likes SCTP and MPTCP.
        request = request.matching(on_ports(SocketSelect::new().inet().listening()));
    }
    if args.udp {
        request = request.matching(on_ports(SocketSelect::new().udp()));
    }
    if args.all_namespaces {
        request = request.all_network_namespaces();
    }
    let list = request.await?;
    let mut listeners: Vec<Socket> = list.sockets.into_iter().filter(takes_what_comes).collect();
    sort(&mut listeners);
    let programs = programs_of(&listeners, &FIELDS, connection).await?;
    if !out.is_for_people() {
        let rows = listeners.iter().flat_map(|socket| {
            let known = socket.holders.iter().filter_map(|holder| programs.get(holder));
            let mut processes: Vec<_> = known.map(json::to_json).collect();
            processes.dedup();
            if processes.is_empty() {
                vec![json!({ "socket": json::to_json(socket) })]
            } else {
                processes
                    .into_iter()
                    .map(|process| json!({ "process": process, "socket": json::to_json(socket) }))
                    .collect()
            }
        });
        write_rows(out, rows.collect::<Vec<_>>())?;
    } else if !listeners.is_empty() {
        listener_table(&listeners, &programs).write(&mut out.answer, out.width)?;
    }
    if listeners.is_empty() {
        out.note(&nobody(args))?;
    }
    note_summary(&list.summary, listeners.iter().any(|socket| socket.holders.is_empty()), connection, out)?;
    Ok(if listeners.is_empty() { Exit::Failed } else { Exit::Success })
}

fn nobody(args: &WhoListensArgs) -> String {
    let protocol = match (args.tcp, args.udp) {
        (true, true) => "TCP or UDP",
        (false, true) => "UDP",
        _ => "TCP",
    };
    let noun = if args.ports.len() == 1 { "port" } else { "ports" };
    let ports = args.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let hint = if args.all_namespaces { "" } else { "; --all-namespaces looks into containers too" };
    format!("nobody listens on {protocol} {noun} {ports}{hint}")
}
