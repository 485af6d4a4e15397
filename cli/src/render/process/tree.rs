//! `procwire tree`: one line per process, below its parent.

use procwire_client::ProcessTree;
use procwire_proto::{
    escape,
    v1::{Process, ProcessState},
};

use super::{
    branches::{Branches, Strokes},
    columns::style,
};
use crate::render::table::{Align, Column, Table};

/// The fields to ask for.
pub(crate) const FIELDS: [&str; 8] = ["pid", "ref", "ppid", "name", "state", "thread_count", "uids", "username"];

/// How to draw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeStyle {
    /// What the lines are made of.
    pub(crate) strokes: Strokes,
    /// Whether to show arguments in place of names.
    pub(crate) with_arguments: bool,
}

/// The tree of these processes, as rows without a header.
pub(crate) fn table(processes: &[Process], tree_style: TreeStyle, width: Option<u16>) -> Table {
    let tree = ProcessTree::new(processes);
    let mut branches = Branches::new(tree_style.strokes, width);
    let mut table = Table::new(vec![Column::new("PROCESS", Align::Left)]);
    for node in tree.walk() {
        let process = node.process;
        let parent = process.ppid.filter(|_| node.depth > 0).and_then(|ppid| tree.get(ppid));
        let line = branches.next(node.depth, node.is_last) + &describe(process, parent, tree_style.with_arguments);
        table.push(vec![line], style(process));
    }
    table
}

/// `4242 java (tomcat, 45 threads)`, `4242 (tomcat, 45 threads) /usr/bin/java -jar x`.
fn describe(process: &Process, parent: Option<&Process>, with_arguments: bool) -> String {
    let remarks = remarks(process, parent);
    let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) };
    if with_arguments {
        format!("{}{remarks} {}", process.pid, process.display_command())
    } else {
        format!("{} {}{remarks}", process.pid, process.display_name())
    }
}

/// What is not as one would think: another user than the parent's, several threads, a state that needs a look.
fn remarks(process: &Process, parent: Option<&Process>) -> Vec<String> {
    const ROOT: u32 = 0;
    let uid = process.uids.map(|uids| uids.real);
    let uid_above = parent.map_or(Some(ROOT), |parent| parent.uids.map(|uids| uids.real));
    let user = uid.filter(|uid| Some(*uid) != uid_above).map(|uid| match &process.username {
        Some(name) => escape::terminal(name).into_owned(),
        None => format!("uid {uid}"),
    });
    let threads = process.thread_count.filter(|count| *count > 1).map(|count| format!("{count} threads"));
    let state = match process.state() {
        state @ (ProcessState::Zombie
        | ProcessState::Dead
        | ProcessState::Stopped
        | ProcessState::TracingStop
        | ProcessState::DiskSleep) => Some(state.as_words()),
        _ => None,
    };
    [user, threads, state].into_iter().flatten().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::UserIds;

    use super::*;

    fn process(pid: u32, ppid: u32, name: &[u8], uid: u32) -> Process {
        let uids = Some(UserIds { real: uid, effective: 0, saved: 0, filesystem: 0 });
        let username = (uid == 0).then(|| b"root".to_vec());
        Process { pid, ppid: Some(ppid), name: Some(name.to_vec()), uids, username, ..Process::default() }
    }

    fn lines(processes: &[Process], with_arguments: bool, width: Option<u16>) -> Vec<String> {
        let tree_style = TreeStyle { strokes: Strokes::of_locale(true), with_arguments };
        let mut out = Vec::new();
        table(processes, tree_style, width).write_rows(&mut out, width).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_process_stands_below_its_parent_with_what_is_special_about_it() {
        let processes = [
            process(1, 0, b"init", 0),
            Process { thread_count: Some(45), ..process(7, 1, b"java", 1000) },
            Process { state: Some(ProcessState::Zombie.into()), ..process(9, 7, b"sh", 1000) },
            process(8, 1, b"cron", 0),
        ];
        assert_eq!(
            lines(&processes, false, None),
            ["1 init", "|- 7 java (uid 1000, 45 threads)", "|  `- 9 sh (zombie)", "`- 8 cron"]
        );
    }

    #[test]
    fn arguments_are_cut_at_the_edge_and_names_obeyed_by_nobody() {
        let hostile = Process { cmdline: vec![b"\x1b[2J".to_vec(), vec![b'x'; 99]], ..process(7, 1, b")\n", 0) };
        let processes = [process(1, 0, b"init", 0), hostile];
        assert_eq!(lines(&processes, false, None)[1], r"`- 7 )\n");
        let cut = &lines(&processes, true, Some(20))[1];
        assert_eq!(cut, r"`- 7 \x1b[2J xxxxxx…");
    }
}
