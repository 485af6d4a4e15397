//! The processes that a pattern never means: this command, the agent, and what they were started by, such as the shell.

use std::{collections::BTreeSet, fs};

use procwire_client::{
    ProcessRef,
    v1::{GetInfoResponse, Process},
};

use crate::{connection::Connection, error::CliError, output::Output};

/// They. An agent that does not tell has its own protection.
pub(super) async fn find(connection: &Connection) -> BTreeSet<ProcessRef> {
    let Ok(info) = connection.client.agent().info().await else { return BTreeSet::new() };
    let own = own_reference(&info);
    let first = info.agent.into_iter().chain(own);
    let mut all = BTreeSet::new();
    for process in first.collect::<BTreeSet<_>>() {
        let above = connection.client.processes().ancestors(&process).fields(["ref"]).await;
        all.extend(above.unwrap_or_default().into_iter().filter_map(|process| process.r#ref));
        all.insert(process);
    }
    all
}

/// Says whom the pattern would have meant.
pub(super) fn note(left_out: &[Process], out: &mut Output) -> Result<(), CliError> {
    if left_out.is_empty() {
        return Ok(());
    }
    let names: Vec<_> =
        left_out.iter().map(|process| format!("{} ({})", process.display_name(), process.pid)).collect();
    let text = format!("left out, being this command, the agent or what started them: {}", names.join(", "));
    Ok(out.note(&text)?)
}

/// This process, if it runs on the agent's host: on the same boot of the same kernel, the pid and the tick of the start name one
/// process. In another pid namespace the pid is another, and then nobody has both.
fn own_reference(info: &GetInfoResponse) -> Option<ProcessRef> {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = fs::read("/proc/self/stat").ok()?;
    if hexadecimal(&info.boot_id) != boot_id.trim().replace('-', "") {
        return None;
    }
    let start_ticks = start_ticks(&stat)?;
    Some(ProcessRef { pid: std::process::id(), start_ticks, boot_id: info.boot_id.clone().into(), pidfd_inode: None })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Field 22, counted behind the name, which may hold anything (fs/proc/array.c).
fn start_ticks(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(after_name.checked_add(2)?..)?).ok()?;
    rest.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"7 (a) S 1\n) R 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 8817231 1 2";
        assert_eq!(start_ticks(stat), Some(8_817_231));
        for torn in [&b""[..], b"7 (a", b"7 (a)", b"7 (a) R 1", b"7 (a) \xff"] {
            assert_eq!(start_ticks(torn), None);
        }
    }

    #[test]
    fn on_another_host_this_process_has_no_reference() {
        assert_eq!(own_reference(&GetInfoResponse { boot_id: vec![0; 16], ..GetInfoResponse::default() }), None);
    }
}
