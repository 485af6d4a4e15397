//! Section `mounts`.

mod root_device;
mod secrets;
mod table;
mod usage;

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{FieldError, FieldErrorReason, Mount},
};

use self::table::{MountTable, Row, Trust};
use super::{
    answer::Answer,
    kept_file::{KeptFile, ReadBuffer, reason_of},
    parse::filesystems,
};
use crate::{Host, HostError};

/// Everything that comes of the mount table.
const TABLE: SystemFieldSet = bit::MOUNTS_SOURCE
    .union(bit::MOUNTS_MOUNT_POINT)
    .union(bit::MOUNTS_FILESYSTEM_TYPE)
    .union(bit::MOUNTS_OPTIONS)
    .union(bit::MOUNTS_PHYSICAL)
    .union(bit::MOUNTS_READ_ONLY)
    .union(bit::MOUNTS_MAJOR)
    .union(bit::MOUNTS_MINOR)
    .union(bit::MOUNTS_ROOT)
    .union(bit::MOUNTS_USAGE)
    .union(bit::MOUNTS_ID)
    .union(bit::MOUNTS_PARENT_ID);

pub(super) struct Mounts {
    table: MountTable,
    filesystems: KeptFile,
    filesystems_seen: Vec<u8>,
    device_backed: Vec<Box<[u8]>>,
}

impl Mounts {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            table: MountTable::new(host),
            filesystems: KeptFile::new(host.roots().proc.join("filesystems")),
            filesystems_seen: Vec::new(),
            device_backed: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(TABLE) {
            return;
        }
        let odd_line = match self.fill(host, buffer, answer) {
            Ok(odd_line) => odd_line,
            Err(error) => return answer.unreadable(TABLE, &error),
        };
        if let Some(number) = odd_line {
            let detail = format!("{}: line {number} is no mount", self.table.path().display());
            answer.report("mounts", FieldErrorReason::InvalidData, detail);
        }
        if answer.wants(bit::MOUNTS_PHYSICAL) {
            self.mark_physical(buffer, answer);
        }
    }

    /// The rows, all but `physical`. The number of the first line of the table that is no mount, if there is one.
    fn fill(&mut self, host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) -> Result<Option<usize>, HostError> {
        let wants_usage = answer.wants(bit::MOUNTS_USAGE);
        // Filesystems that are asked tell whether one has become read-only, which the kernel does not announce.
        let mut odd_line = self.table.refresh(buffer, if wants_usage { Trust::Announced } else { Trust::Nothing })?;
        let asked =
            |table: &MountTable| -> Vec<Mount> { table.rows().iter().map(|row| asked_part(row, answer)).collect() };
        let mut mounts = asked(&self.table);
        if wants_usage && !usage::fill(host, self.table.rows(), &mut mounts) {
            odd_line = self.table.refresh(buffer, Trust::Nothing)?;
            mounts = asked(&self.table);
            usage::fill(host, self.table.rows(), &mut mounts);
        }
        answer.system.mounts = mounts;
        Ok(odd_line)
    }

    /// As psutil's `disk_partitions(all=False)`: a source, and a type that needs a device.
    fn mark_physical(&mut self, buffer: &mut ReadBuffer, answer: &mut Answer) {
        let rows = self.table.rows();
        match self.filesystems.read_value(buffer) {
            Ok(text) if text == self.filesystems_seen => {}
            Ok(text) => {
                text.clone_into(&mut self.filesystems_seen);
                self.device_backed = filesystems::device_backed(text);
            }
            // Android hides the file: then psutil takes every type for one that needs a device.
            Err(error) if reason_of(&error) == FieldErrorReason::PermissionDenied => {
                let has_source = |row: &Row| row.mount.source.is_some();
                let mounts = answer.system.mounts.iter_mut();
                mounts.zip(rows).for_each(|(mount, row)| mount.physical = has_source(row));
                return;
            }
            Err(error) => return answer.unreadable(bit::MOUNTS_PHYSICAL, &error),
        }
        for (mount, Row { mount: known, .. }) in answer.system.mounts.iter_mut().zip(rows) {
            let is_backed = || self.device_backed.iter().any(|name| **name == *known.filesystem_type);
            mount.physical = known.source.is_some() && is_backed();
        }
    }
}

/// What was asked for of a row. Its mount point is always there.
fn asked_part(Row { mount, .. }: &Row, answer: &Answer) -> Mount {
    let wants = |field| answer.wants(field);
    let bytes = |field, value: &Vec<u8>| if wants(field) { value.clone() } else { Vec::new() };
    let number = |field, value: u64| if wants(field) { value } else { 0 };
    let device_number = |field, value: u32| if wants(field) { value } else { 0 };
    Mount {
        source: mount.source.as_ref().filter(|_| wants(bit::MOUNTS_SOURCE)).cloned(),
        mount_point: mount.mount_point.clone(),
        filesystem_type: bytes(bit::MOUNTS_FILESYSTEM_TYPE, &mount.filesystem_type),
        options: if wants(bit::MOUNTS_OPTIONS) { mount.options.clone() } else { Vec::new() },
        physical: false,
        read_only: wants(bit::MOUNTS_READ_ONLY) && mount.read_only,
        major: device_number(bit::MOUNTS_MAJOR, mount.major),
        minor: device_number(bit::MOUNTS_MINOR, mount.minor),
        root: bytes(bit::MOUNTS_ROOT, &mount.root),
        usage: None,
        id: number(bit::MOUNTS_ID, mount.id),
        parent_id: number(bit::MOUNTS_PARENT_ID, mount.parent_id),
        errors: mount.errors.iter().filter(|error| wants(redacted(error))).cloned().collect(),
    }
}

/// The field that a row's own error is about.
fn redacted(error: &FieldError) -> SystemFieldSet {
    if error.path == "source" { bit::MOUNTS_SOURCE } else { bit::MOUNTS_OPTIONS }
}

#[cfg(test)]
mod tests;
