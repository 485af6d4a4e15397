//! Who holds a socket.

use std::collections::HashMap;

use procwire_proto::{
    json,
    v1::{Process, Socket, SocketHolder},
};
use serde_json::Value;

use crate::render::value::MISSING;

/// Processes by what sockets name them by.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    /// By pid and start: pids come back.
    processes: HashMap<(u32, u64), Process>,
}

impl Programs {
    /// Of a list of processes that has their references.
    pub(crate) fn new(processes: Vec<Process>) -> Self {
        let keyed = processes.into_iter().filter_map(|process| {
            let reference = process.reference()?;
            Some(((reference.pid, reference.start_ticks), process))
        });
        Self { processes: keyed.collect() }
    }

    /// The process that a holder is; `None` if it has ended meanwhile or started later.
    pub(crate) fn get(&self, holder: &SocketHolder) -> Option<&Process> {
        let reference = holder.r#ref.as_ref()?;
        self.processes.get(&(reference.pid, reference.start_ticks))
    }

    /// `812/sshd`, `812/?` if its name is not known.
    pub(super) fn label(&self, holder: &SocketHolder) -> String {
        let pid = holder.r#ref.as_ref().map(|reference| reference.pid).unwrap_or_default();
        match self.get(holder) {
            Some(process) => format!("{pid}/{}", process.display_name()),
            None => format!("{pid}/?"),
        }
    }

    /// `812/sshd +2`: the first of the processes that hold it, and how many more there are.
    pub(super) fn first(&self, holders: &[SocketHolder]) -> String {
        let pid = |holder: &SocketHolder| holder.r#ref.as_ref().map(|reference| reference.pid);
        let Some(first) = holders.first() else { return MISSING.to_owned() };
        let mut pids: Vec<_> = holders.iter().map(pid).collect();
        pids.sort_unstable();
        pids.dedup();
        match pids.len() {
            0 | 1 => self.label(first),
            more => format!("{} +{}", self.label(first), more - 1),
        }
    }

    /// All of them, each with its descriptor: `812/sshd:3 4711/sshd:3`.
    pub(super) fn all(&self, holders: &[SocketHolder]) -> String {
        if holders.is_empty() {
            return MISSING.to_owned();
        }
        let labels = holders.iter().map(|holder| format!("{}:{}", self.label(holder), holder.fd));
        labels.collect::<Vec<_>>().join(" ")
    }

    /// The JSON of a socket, with the names of its holders beside their references.
    pub(crate) fn to_json(&self, socket: &Socket) -> Value {
        let mut value = json::to_json(socket);
        for (member, holders) in [("holders", &socket.holders), ("peer_holders", &socket.peer_holders)] {
            let rows = value.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten();
            for (row, holder) in rows.zip(holders) {
                let Some(process) = self.get(holder) else { continue };
                let named = json::to_json(&Process { name: process.name.clone(), ..Process::default() });
                for name in ["name", "name_base64"] {
                    if let (Some(row), Some(value)) = (row.as_object_mut(), named.get(name)) {
                        row.insert(name.to_owned(), value.clone());
                    }
                }
            }
        }
        value
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::render::sockets::tests::{holder, tcp};
    use procwire_proto::v1::{ProcessRef, SocketState};

    pub(in crate::render::sockets) fn program(pid: u32, name: &[u8]) -> Process {
        let reference = ProcessRef { pid, start_ticks: 100, ..ProcessRef::default() };
        Process { pid, r#ref: Some(reference), name: Some(name.to_vec()), ..Process::default() }
    }

    #[test]
    fn the_first_holder_is_named_and_the_others_are_counted_once() {
        let programs = Programs::new(vec![program(7, b"web\x1b"), program(8, b"web")]);
        assert_eq!(programs.first(&[]), "-");
        assert_eq!(programs.first(&[holder(7, 3)]), r"7/web\x1b");
        assert_eq!(programs.first(&[holder(7, 3), holder(7, 4)]), r"7/web\x1b", "two descriptors of one process");
        assert_eq!(programs.first(&[holder(7, 3), holder(8, 3), holder(9, 3)]), r"7/web\x1b +2");
        assert_eq!(programs.all(&[holder(8, 3), holder(9, 12)]), "8/web:3 9/?:12");
    }

    #[test]
    fn a_later_process_with_the_pid_does_not_lend_its_name() {
        let mut later = program(7, b"later");
        later.r#ref = Some(ProcessRef { pid: 7, start_ticks: 200, ..ProcessRef::default() });
        assert_eq!(Programs::new(vec![later]).first(&[holder(7, 3)]), "7/?");
    }

    #[test]
    fn json_has_the_names_of_holders_beside_their_references() {
        let socket = Socket {
            holders: vec![holder(9, 3), holder(7, 3)],
            peer_holders: vec![holder(7, 5)],
            ..tcp(80, None, SocketState::Listen)
        };
        let value = Programs::new(vec![program(7, b"caf\xe9")]).to_json(&socket);
        assert!(value["holders"][0].get("name").is_none(), "{value}");
        assert_eq!(value["holders"][1]["name_base64"], "Y2Fm6Q==");
        assert_eq!(value["peer_holders"][0]["name_base64"], "Y2Fm6Q==");
    }
}
