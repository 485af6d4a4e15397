//! A file of the table of fields: where it is and what comes from it.

use std::path::{Path, PathBuf};

use procwire_proto::SystemFieldSet;

use super::kept_file::{KeptFile, ReadBuffer};
use crate::{HostError, Roots};

pub(super) struct Source {
    file: KeptFile,
    fields: SystemFieldSet,
}

impl Source {
    /// The source that the table of fields calls `name`, an absolute path below `/proc`, under the roots in force.
    pub(super) fn of(roots: &Roots, name: &str) -> Self {
        let below_proc = name.strip_prefix("/proc/").unwrap_or(name);
        Self { file: KeptFile::new(roots.proc.join(below_proc)), fields: SystemFieldSet::from_source(name) }
    }

    /// The same in another place: below the folder of a process.
    pub(super) fn at(path: PathBuf, name: &str) -> Self {
        Self { file: KeptFile::new(path), fields: SystemFieldSet::from_source(name) }
    }

    /// Everything that is read from it.
    pub(super) fn fields(&self) -> SystemFieldSet {
        self.fields
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn read<'b>(&mut self, buffer: &'b mut ReadBuffer) -> Result<&'b [u8], HostError> {
        self.file.read(buffer)
    }

    /// The whole of a file that the kernel makes in one piece: see [`KeptFile::read_value`].
    pub(super) fn read_value<'b>(&mut self, buffer: &'b mut ReadBuffer) -> Result<&'b [u8], HostError> {
        self.file.read_value(buffer)
    }

    /// The first `limit` bytes.
    pub(super) fn read_start<'b>(&mut self, buffer: &'b mut ReadBuffer, limit: usize) -> Result<&'b [u8], HostError> {
        self.file.read_start(buffer, limit)
    }
}
