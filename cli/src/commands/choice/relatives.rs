//! The processes that a pattern never means: this command, the agent, and what they were started by, such as the shell.

use std::{collections::BTreeSet, fs};

use procwire_client::{ProcessRef, v1::Process};

use crate::{connection::Connection, error::CliError, output::Output};

/// They. On this very machine the pattern is likely to match what typed it, so nothing is done where this cannot be found out.
/// On another, nobody of these is there but the agent, which has its own protection.
pub(super) async fn find(matched: &[Process], connection: &Connection) -> Result<BTreeSet<ProcessRef>, CliError> {
    let boot_ids: BTreeSet<_> = matched.iter().filter_map(Process::reference).map(|it| it.boot_id.clone()).collect();
    if boot_ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let this_boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").map_err(|error| unknown(&error))?;
    let is_here = |boot_id: &[u8]| hexadecimal(boot_id) == this_boot_id.trim().replace('-', "");
    let own = match boot_ids.into_iter().find(|boot_id| is_here(boot_id)) {
        Some(boot_id) => Some(own_reference(boot_id.to_vec())?),
        None => None,
    };
    let is_here = own.is_some();
    let agent = match connection.client.agent().info().await {
        Ok(info) => info.agent,
        Err(error) if is_here => return Err(unknown(&error)),
        Err(_) => None,
    };
    with_those_above(agent.into_iter().chain(own).collect(), is_here, connection).await
}

/// Those and their ancestors. `all`: or none.
async fn with_those_above(
    first: BTreeSet<ProcessRef>,
    all: bool,
    connection: &Connection,
) -> Result<BTreeSet<ProcessRef>, CliError> {
    let mut found = BTreeSet::new();
    for process in first {
        match connection.client.processes().ancestors(&process).fields(["ref"]).await {
            Ok(above) => found.extend(above.into_iter().filter_map(|process| process.r#ref)),
            Err(error) if all => return Err(unknown(&error)),
            Err(_) => {}
        }
        found.insert(process);
    }
    Ok(found)
}

fn unknown(why: &dyn std::fmt::Display) -> CliError {
    CliError::Unconfirmed(format!(
        "the pattern may mean this command or what started it, and the agent cannot tell which processes these are ({why}); \
         name pids instead; nothing was done"
    ))
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

/// This process as an agent on the same boot of the same kernel names it: by the pid and the tick of its start. An agent in another
/// pid namespace has another pid for it, and does not find it.
fn own_reference(boot_id: Vec<u8>) -> Result<ProcessRef, CliError> {
    let stat = fs::read("/proc/self/stat").map_err(|error| unknown(&error))?;
    let start_ticks = start_ticks(&stat).ok_or_else(|| unknown(&"/proc/self/stat is not as expected"))?;
    Ok(ProcessRef { pid: std::process::id(), start_ticks, boot_id: boot_id.into(), pidfd_inode: None })
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
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::{connection::ConnectionArgs, exit::Exit};

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"7 (a) S 1\n) R 1 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 8817231 1 2";
        assert_eq!(start_ticks(stat), Some(8_817_231));
        for torn in [&b""[..], b"7 (a", b"7 (a)", b"7 (a) R 1", b"7 (a) \xff"] {
            assert_eq!(start_ticks(torn), None);
        }
    }

    fn row(boot_id: &[u8]) -> Process {
        let reference = ProcessRef { pid: 7, start_ticks: 7, boot_id: boot_id.to_vec().into(), pidfd_inode: None };
        Process { r#ref: Some(reference), ..Process::default() }
    }

    fn this_boot_id() -> Vec<u8> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().replace('-', "");
        (0..16).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[tokio::test]
    async fn on_this_host_it_is_this_process_and_those_above() {
        let connection = Connection::open(&ConnectionArgs::default()).unwrap();
        let own = own_reference(this_boot_id()).unwrap();
        let found = find(&[row(&this_boot_id())], &connection).await.unwrap();
        let parent = std::os::unix::process::parent_id();
        assert!(found.contains(&own) && (parent == 0 || found.iter().any(|it| it.pid == parent)), "{found:?}");
    }

    #[tokio::test]
    async fn without_knowing_them_a_pattern_does_nothing_on_this_host() {
        let connection = Connection::open(&ConnectionArgs::default()).unwrap();
        let own = own_reference(this_boot_id()).unwrap();
        let not_there = BTreeSet::from([ProcessRef { start_ticks: own.start_ticks + 1, ..own }]);
        let error = with_those_above(not_there.clone(), true, &connection).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Unconfirmed);
        assert!(error.to_string().contains("name pids") && error.to_string().contains("nothing was done"), "{error}");
        assert_eq!(with_those_above(not_there.clone(), false, &connection).await.unwrap(), not_there);
    }

    #[tokio::test]
    async fn on_another_host_this_process_is_not() {
        let connection = Connection::open(&ConnectionArgs::default()).unwrap();
        let found = find(&[row(&[0; 16])], &connection).await.unwrap();
        // The agent and those above, which are here in this test.
        assert!(found.iter().all(|it| it.boot_id[..] != [0; 16]), "{found:?}");
        assert!(find(&[], &connection).await.unwrap().is_empty());
    }
}
