//! Counters of network protocols, and sockets in use.

use std::io::ErrorKind;

use procwire_proto::{SystemFieldSet, system_fields::bit, v1::ProtocolStatistic};

use super::{
    answer::Answer,
    kept_file::{KeptFile, ReadBuffer},
    links::net_folder,
    parse::snmp,
};
use crate::{Host, HostError};

type Parse = fn(&[u8], &mut Vec<ProtocolStatistic>);

pub(super) struct Protocols {
    counters: Tables<3>,
    sockets: Tables<2>,
}

/// Files that make one list.
struct Tables<const FILES: usize> {
    files: [(KeptFile, Parse); FILES],
    /// Rows of the snapshot before.
    rows: usize,
}

impl Protocols {
    pub(super) fn new(host: &Host) -> Self {
        let net = net_folder(host);
        let file = |name: &str, parse: Parse| (KeptFile::new(net.join(name)), parse);
        let counters = [file("snmp", snmp::tables), file("snmp6", snmp::lines_of_ipv6), file("netstat", snmp::tables)];
        let sockets = [file("sockstat", snmp::pairs), file("sockstat6", snmp::pairs)];
        Self { counters: Tables { files: counters, rows: 0 }, sockets: Tables { files: sockets, rows: 0 } }
    }

    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        let counters = self.counters.read(bit::NETWORK_PROTOCOLS, buffer, answer);
        let sockets = self.sockets.read(bit::NETWORK_SOCKET_STATISTICS, buffer, answer);
        if !counters.is_empty() {
            answer.system.network.get_or_insert_default().protocols = counters;
        }
        if !sockets.is_empty() {
            answer.system.network.get_or_insert_default().socket_statistics = sockets;
        }
    }
}

impl<const FILES: usize> Tables<FILES> {
    fn read(&mut self, field: SystemFieldSet, buffer: &mut ReadBuffer, answer: &mut Answer) -> Vec<ProtocolStatistic> {
        if !answer.wants(field) {
            return Vec::new();
        }
        let mut statistics = Vec::with_capacity(self.rows);
        for (place, (file, parse)) in self.files.iter_mut().enumerate() {
            match file.read(buffer) {
                Ok(text) => parse(text, &mut statistics),
                // Every kernel has the first; one without IPv6 has none of its files.
                Err(error) if place > 0 && is_missing(&error) => {}
                Err(error) => answer.unreadable(field, &error),
            }
        }
        self.rows = statistics.len();
        statistics
    }
}

fn is_missing(error: &HostError) -> bool {
    matches!(error, HostError::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}
