//! Asking for sockets and for who holds them.

use std::collections::BTreeSet;

use procwire_client::{
    ListSockets, ProcessSelect,
    v1::{ListSocketsSummary, ProcessRef, Socket},
};
use procwire_proto::escape;

use crate::{
    connection::Connection,
    error::CliError,
    output::Output,
    render::{sockets::Programs, unreadable},
};

/// More processes than this are not named one by one: a list of all is as quick.
const NAMED: usize = 200;

/// A list of sockets to be asked for, within the time that was given.
pub(crate) fn sockets(connection: &Connection) -> ListSockets {
    let request = connection.client.system().sockets();
    match connection.timeout {
        Some(timeout) => request.timeout(timeout),
        None => request,
    }
}

/// The processes that hold these sockets or their other ends, with these fields and their names.
pub(crate) async fn programs_of(
    sockets: &[Socket],
    fields: &[&str],
    connection: &Connection,
) -> Result<Programs, CliError> {
    let holders = sockets.iter().flat_map(|socket| socket.holders.iter().chain(&socket.peer_holders));
    let references: BTreeSet<&ProcessRef> = holders.filter_map(|holder| holder.r#ref.as_ref()).collect();
    if references.is_empty() {
        return Ok(Programs::default());
    }
    let request = connection.list().fields(["pid", "ref", "name"].iter().chain(fields).copied());
    let request = if references.len() > NAMED {
        request
    } else {
        request.matching(ProcessSelect::new().refs(references.into_iter().cloned()))
    };
    Ok(Programs::new(request.await?.processes))
}

/// The names of all processes, for sockets that are printed as they come.
pub(crate) async fn all_programs(connection: &Connection) -> Result<Programs, CliError> {
    Ok(Programs::new(connection.list().fields(["pid", "ref", "name"]).await?.processes))
}

/// Says what a list of sockets lacks.
pub(crate) fn note_summary(
    summary: &ListSocketsSummary,
    with_holders: bool,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    if with_holders && summary.unreadable_processes > 0 {
        let number = summary.unreadable_processes;
        let noun = if number == 1 { "process" } else { "processes" };
        let advice = unreadable::advice(connection.is_local);
        out.note(&format!(
            "the descriptors of {number} {noun} could not be read, so holders may be missing; {advice}"
        ))?;
    }
    for error in &summary.errors {
        // The detail says which part it is; without one its name has to do.
        let what = if error.detail.is_empty() { &error.path } else { &error.detail };
        out.note(&format!("{}: {}", error.reason().as_words(), escape::terminal(what.as_bytes())))?;
    }
    if summary.from_text_tables {
        out.note("netlink was refused: read from /proc/net, without peers of unix sockets and queues of listeners")?;
    }
    Ok(())
}
