//! The mount table, parsed anew only when its text changed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
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
    read_at: Option<Instant>,
    /// Root of the host, where it is not the agent's.
    root: Option<PathBuf>,
    root_devices: RootDevices,
}

/// What a reading may rely on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The kernel announces what is mounted, unmounted and remounted in this namespace. It does not announce that it makes a filesystem
    /// read-only after an error of its device, nor options that are changed from another namespace, nor folders that are renamed.
    Announced,
    Nothing,
}

/// What is not announced is seen after this time at the latest. The table is the most expensive file of a snapshot: the kernel writes
/// the paths of each mount anew.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(5);

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
            read_at: None,
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

    /// Reads it. The number of the first line that is no mount, if there is one.
    pub(super) fn refresh(&mut self, buffer: &mut ReadBuffer, trust: Trust) -> Result<Option<usize>, HostError> {
        let is_known = self.read_at.is_some_and(|read_at| read_at.elapsed() < READ_AGAIN_AFTER);
        if trust == Trust::Announced && is_known && self.file.is_unchanged_table() {
            return Ok(self.odd_line);
        }
        self.read_at = None;
        let text = self.file.read(buffer)?;
        self.read_at = Some(Instant::now());
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
