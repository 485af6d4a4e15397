//! Section `network`.

use procwire_proto::{SystemFieldSet, system_fields::bit};

use super::{SystemReader, answer::Answer, links::LINKS, parse::net_dev};

/// The interfaces that people know are those with counters, whatever is told of them.
const INTERFACES: SystemFieldSet = bit::NETWORK_INTERFACES_NAME.union(bit::NETWORK_INTERFACES_COUNTERS).union(LINKS);

pub(super) fn read(reader: &mut SystemReader, answer: &mut Answer) {
    if !answer.wants(INTERFACES) {
        return;
    }
    let interfaces = match reader.net_dev.read(&mut reader.buffer) {
        Ok(text) => net_dev::parse(text, answer.wants(bit::NETWORK_INTERFACES_COUNTERS), reader.interface_rows),
        Err(error) => return answer.unreadable(reader.net_dev.fields().union(LINKS), &error),
    };
    reader.interface_rows = interfaces.len();
    answer.system.network.get_or_insert_default().interfaces = interfaces;
}
