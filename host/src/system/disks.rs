//! Section `disks`.

use procwire_proto::{system_fields::bit, v1::FieldErrorReason};

use super::{SystemReader, answer::Answer, parse::diskstats};

pub(super) fn read(reader: &mut SystemReader, answer: &mut Answer) {
    if !answer.wants(bit::DISKS) {
        return;
    }
    let mut disks = Vec::with_capacity(reader.disk_inventory.len());
    let odd_line = match reader.diskstats.read(&mut reader.buffer) {
        Ok(text) => diskstats::parse(text, &mut disks),
        Err(error) => return answer.unreadable(bit::DISKS, &error),
    };
    if let Some(number) = odd_line {
        let detail = format!("{}: line {number} has an unknown form", reader.diskstats.path().display());
        answer.absent(bit::DISKS, FieldErrorReason::InvalidData, &detail);
    }
    if let Err(unsized_disk) = reader.disk_inventory.describe(&mut disks, &mut reader.buffer) {
        answer.report("disks.size_bytes", unsized_disk.reason, unsized_disk.detail.clone());
    }
    answer.system.disks = disks;
}
