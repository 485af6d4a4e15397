//! The mount table, parsed anew only when its text changed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use procwire_proto::v1::Mount;

use super::root_device::RootDevices;
use crate::{
    Host, HostError,
    disk_usage::{MountQuestion, Waits, place_of},
    system::{
        kept_file::{KeptFile, ReadBuffer},
        parse::mountinfo::{MountLine, each_mount},
    },
};

pub(super) struct MountTable {
    file: KeptFile,
    seen: Vec<u8>,
    odd_line: Option<usize>,
    rows: Vec<Row>,
    /// Root of the host, where it is not the agent's.
    root: Option<PathBuf>,
    root_devices: RootDevices,
}

pub(super) struct Row {
    /// All that the table says; neither `physical` nor `usage`.
    pub(super) mount: Mount,
    pub(super) question: Arc<MountQuestion>,
    pub(super) waits: Waits,
}

impl MountTable {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: KeptFile::new(host.namespace_process().join("mountinfo")),
            seen: Vec::new(),
            odd_line: None,
            rows: Vec::new(),
            root: host.mounts_root(),
            root_devices: RootDevices::new(host.roots()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Reads it. The number of the first line that is no mount, if there is one. It would be cheaper to poll(2) the file for changes
    /// (proc_pid_mountinfo(5)), but that does not tell when the kernel makes a filesystem read-only after an error of its device.
    pub(super) fn refresh(&mut self, buffer: &mut ReadBuffer) -> Result<Option<usize>, HostError> {
        let text = self.file.read(buffer)?;
        if text != self.seen {
            text.clone_into(&mut self.seen);
            let (rows, root, root_devices) = (&mut self.rows, self.root.as_deref(), &self.root_devices);
            rows.clear();
            self.odd_line = each_mount(&self.seen, |line| rows.push(row_of(&line, root, root_devices)));
            spread_waits(rows);
        }
        Ok(self.odd_line)
    }
}

fn row_of(line: &MountLine<'_>, root: Option<&Path>, root_devices: &RootDevices) -> Row {
    let mount = Mount {
        source: line.source().map(|source| root_devices.resolve(source.into_owned(), line.major, line.minor)),
        mount_point: line.mount_point().into_owned(),
        filesystem_type: line.filesystem_type().into_owned(),
        options: line.options(),
        read_only: line.is_read_only(),
        major: line.major,
        minor: line.minor,
        root: line.root().into_owned(),
        id: line.id,
        parent_id: line.parent_id,
        ..Mount::default()
    };
    let place = place_of(root, &mount.mount_point);
    let question = Arc::new(MountQuestion::new(mount.id, (mount.major, mount.minor), place));
    Row { waits: Waits::of(&mount.filesystem_type, mount.major), mount, question }
}

/// The way to a mount leads through those that it is mounted on: it waits for what they wait for.
fn spread_waits(rows: &mut [Row]) {
    let places: HashMap<u64, usize> = (0..).zip(rows.iter()).map(|(index, row)| (row.mount.id, index)).collect();
    for index in 0..rows.len() {
        let mut waits = Waits::Never;
        let mut next = rows.get(index);
        // No way is longer than the table; a torn one could lead round.
        for _ in 0..rows.len() {
            let Some(Row { mount, waits: own, .. }) = next else { break };
            waits = waits.max(*own);
            let above = places.get(&mount.parent_id).filter(|_| mount.parent_id != mount.id);
            next = above.and_then(|above| rows.get(*above));
        }
        if let Some(row) = rows.get_mut(index) {
            row.waits = waits;
        }
    }
}
