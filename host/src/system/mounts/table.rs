//! The mount table, parsed anew only when its text changed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use procwire_proto::v1::Mount;

use super::{root_device::RootDevices, secrets};
use crate::{
    Host, HostError,
    disk_usage::{MountKey, MountQuestion, Waits, Ways, place_of},
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
    let mut mount = Mount {
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
    let key = MountKey { id: mount.id, major: mount.major, minor: mount.minor };
    secrets::mask(&mut mount);
    Row { mount, question: Arc::new(MountQuestion::new(key, place)), waits: Waits::of(line) }
}

/// A mount waits for what the way to it waits for.
fn spread_waits(rows: &mut [Row]) {
    let own = rows.iter().map(|Row { mount, waits, .. }| (&*mount.mount_point, &*mount.filesystem_type, *waits));
    let ways = Ways::new(own);
    let waits: Vec<_> = rows.iter().map(|row| ways.waits(&row.mount.mount_point)).collect();
    rows.iter_mut().zip(waits).for_each(|(row, waits)| row.waits = waits);
}
