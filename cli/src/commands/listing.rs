//! What the commands that list processes share: the request, and what is said below the answer.

use std::time::Duration;

use procwire_client::{
    ListProcesses, ProcessList,
    v1::{ListProcessesSummary, ProcessFilter, ProcessPredicate},
};
use procwire_proto::{escape, json};

use super::rows::RowWriter;
use crate::{
    connection::Connection,
    error::CliError,
    output::Output,
    render::unreadable,
    selectors::{SelectorArgs, USAGE_WINDOW},
    sorting::SortKey,
};

/// A list of the processes selected, in this order, with the use of processors measured where that decides.
pub(super) async fn request(
    selectors: &SelectorArgs,
    order: &[SortKey],
    window: Option<Duration>,
    connection: &Connection,
) -> Result<ListProcesses, CliError> {
    let filter = selectors.filter(connection).await?;
    Ok(filtered_request(filter, selectors, order, window, connection))
}

/// The same with a filter that is made already.
pub(super) fn filtered_request(
    filter: Option<ProcessFilter>,
    selectors: &SelectorArgs,
    order: &[SortKey],
    window: Option<Duration>,
    connection: &Connection,
) -> ListProcesses {
    let mut request = connection.list().order_by(order.iter().map(SortKey::order));
    if let Some(filter) = filter {
        request = request.filter(filter);
    }
    let is_needed = selectors.needs_usage() || order.iter().any(SortKey::needs_usage);
    match window.or(is_needed.then_some(USAGE_WINDOW)) {
        Some(window) => request.usage_window(window),
        None => request,
    }
}

/// The filter without this very process, which is no answer to anybody's question; an agent elsewhere does not know it.
pub(super) fn without_self(filter: Option<ProcessFilter>, connection: &Connection) -> Option<ProcessFilter> {
    if !connection.is_local {
        return filter;
    }
    let mut filter = filter.unwrap_or_default();
    filter.deny.push(ProcessPredicate { pids: vec![std::process::id()], ..ProcessPredicate::default() });
    Some(filter)
}

/// Prints rows as they come, so that memory does not grow with the table, and says how many there were.
pub(super) async fn print_json(
    request: ListProcesses,
    selectors: &SelectorArgs,
    connection: &Connection,
    out: &mut Output,
) -> Result<u32, CliError> {
    let mut stream = request.stream().await?;
    let mut writer = RowWriter::default();
    while let Some(processes) = stream.next().await? {
        for process in &processes {
            writer.push(out, &json::to_json(process))?;
        }
    }
    writer.finish(out)?;
    let summary = stream.summary().copied().unwrap_or_default();
    note_unjudged(&summary, selectors, connection, out)?;
    Ok(summary.returned)
}

/// Says what could not be read.
pub(super) fn note(
    list: &ProcessList,
    selectors: &SelectorArgs,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    note_unjudged(&list.summary, selectors, connection, out)?;
    if let Some(footnote) = unreadable::footnote(&list.processes, connection.is_local) {
        out.note(&footnote)?;
    }
    Ok(())
}

/// Says that a list may be too short.
pub(super) fn note_unjudged(
    summary: &ListProcessesSummary,
    selectors: &SelectorArgs,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let count = summary.unjudged;
    if count > 0 {
        let noun = if count == 1 { "process" } else { "processes" };
        let advice = match selectors.looks_at_guarded_values() {
            true => format!("; {}", unreadable::advice(connection.is_local)),
            false => String::new(),
        };
        out.note(&format!("{count} {noun} left out: what the selection looks at could not be read{advice}"))?;
    }
    Ok(())
}

/// Says that an empty list is one because nothing matched, and of a user that was named that there may be none of that name.
pub(super) fn note_nothing(returned: u32, selectors: &SelectorArgs, out: &mut Output) -> Result<(), CliError> {
    if returned > 0 {
        return Ok(());
    }
    let users: Vec<_> = selectors.usernames().map(|user| escape::terminal(user.as_bytes())).collect();
    Ok(match users.as_slice() {
        [] => out.note("no process matches"),
        [user] => {
            out.note(&format!("no process matches: the host may have no user {user}, or nothing of that user runs"))
        }
        _ => out.note(&format!(
            "no process matches: the host may have no users {}, or nothing of them runs",
            users.join(", ")
        )),
    }?)
}

/// An error if pids were named and none of those processes is there.
pub(super) fn require_some(pids: &[u32], returned: u32) -> Result<(), CliError> {
    match pids {
        [] => Ok(()),
        _ if returned > 0 => Ok(()),
        [pid] => Err(CliError::TargetGone(format!("no process {pid}, or it is not among those selected"))),
        _ => Err(CliError::TargetGone("none of these processes is there and among those selected".to_owned())),
    }
}
