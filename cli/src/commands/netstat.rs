//! `procwire netstat`

mod query;

use clap::Args;
use procwire_client::{
    ListSockets,
    v1::{IpNetwork, Socket, SocketState},
};

use super::{
    holders::{all_programs, note_summary, programs_of},
    rows::RowWriter,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::sockets::{Programs, socket_table, sort, takes_what_comes},
    selectors::parse_pid,
};

/// Which sockets, as typed. Conditions of different kinds must all hold; of the same kind, one of them.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct NetstatArgs {
    /// TCP
    #[arg(short, long)]
    tcp: bool,
    /// UDP
    #[arg(short, long)]
    udp: bool,
    /// Unix sockets
    #[arg(short = 'x', long)]
    unix: bool,
    /// Every kind of socket: unix, netlink, packet and vsock too (without any kind: TCP, UDP and raw); beside a kind it
    /// changes nothing, for sockets in every state are listed anyway
    #[arg(short, long)]
    all: bool,
    /// IPv4 only
    #[arg(short = '4', long)]
    ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Only what listens, and UDP sockets that are bound without a peer
    #[arg(short, long)]
    listening: bool,
    /// Local port
    #[arg(long, value_name = "PORT,...", value_delimiter = ',')]
    port: Vec<u16>,
    /// Remote port
    #[arg(long, value_name = "PORT,...", value_delimiter = ',')]
    remote_port: Vec<u16>,
    /// Local address or network: 127.0.0.0/8, ::1
    #[arg(long, value_name = "NETWORK,...", value_delimiter = ',')]
    local: Vec<IpNetwork>,
    /// Remote address or network
    #[arg(long, value_name = "NETWORK,...", value_delimiter = ',')]
    remote: Vec<IpNetwork>,
    /// State: established, listen, time-wait, ...
    #[arg(short, long, value_name = "STATE,...", value_delimiter = ',', value_parser = query::state)]
    state: Vec<SocketState>,
    /// Held by the process with this pid
    #[arg(long, value_name = "PID,...", value_delimiter = ',', value_parser = parse_pid)]
    pid: Vec<u32>,
    /// Owned by this user
    #[arg(long, value_name = "NAME|UID,...", value_delimiter = ',')]
    user: Vec<String>,
    /// In every network namespace that the agent can reach: containers too
    #[arg(long)]
    all_namespaces: bool,
    /// Do not look for the processes that hold the sockets, which takes most of the time
    #[arg(long)]
    no_programs: bool,
    /// At most so many sockets
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Addresses and ports as numbers: taken out of habit, for they always are
    #[arg(short, long)]
    numeric: bool,
    /// The processes that hold the sockets: taken out of habit, for they are always shown
    #[arg(short, long, conflicts_with = "no_programs")]
    programs: bool,
}

/// Lists sockets.
pub(crate) async fn run(args: &NetstatArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let request = query::request(args, connection).await?;
    if out.is_for_people() {
        print_table(args, request, connection, out).await?;
    } else {
        print_json(args, request, connection, out).await?;
    }
    Ok(Exit::Success)
}

impl NetstatArgs {
    /// What the wire has no condition for.
    fn keeps(&self, socket: &Socket) -> bool {
        !self.listening || takes_what_comes(socket)
    }

    fn most(&self) -> usize {
        self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
    }
}

async fn print_table(
    args: &NetstatArgs,
    request: ListSockets,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let mut list = request.await?;
    list.sockets.retain(|socket| args.keeps(socket));
    sort(&mut list.sockets);
    list.sockets.truncate(args.most());
    let programs = match args.no_programs {
        true => None,
        false => Some(programs_of(&list.sockets, &[], connection).await?),
    };
    socket_table(&list.sockets, programs.as_ref(), out.format == Format::Wide).write(&mut out.answer, out.width)?;
    note_summary(&list.summary, !args.no_programs, connection, out)
}

/// Rows are printed as they come, so that memory does not grow with the number of sockets.
async fn print_json(
    args: &NetstatArgs,
    request: ListSockets,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let programs = if args.no_programs { Programs::default() } else { all_programs(connection).await? };
    let mut chunks = request.stream().await?;
    let (mut rows, mut left) = (RowWriter::default(), args.most());
    while let Some(sockets) = chunks.next().await? {
        for socket in sockets.iter().filter(|socket| args.keeps(socket)).take(left) {
            rows.push(out, &programs.to_json(socket))?;
            left -= 1;
        }
    }
    rows.finish(out)?;
    let summary = chunks.summary().cloned().unwrap_or_default();
    note_summary(&summary, !args.no_programs, connection, out)
}
