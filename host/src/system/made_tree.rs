//! A machine made of files, for tests of sections that read sysfs and `/run`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{fs, os::unix::fs::symlink, path::PathBuf, sync::Arc};

use bytes::Bytes;
use procwire_proto::{SystemFieldSet, v1::System};

use super::SystemReader;
use crate::{Host, Machine, Roots};

pub(super) struct MadeTree(tempfile::TempDir);

impl MadeTree {
    pub(super) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for folder in ["proc", "sys/devices", "etc", "run", "dev"] {
            fs::create_dir_all(tree.path(folder)).unwrap();
        }
        tree
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A file for each line `NAME VALUE`.
    pub(super) fn with(self, folder: &str, files: &str) -> Self {
        fs::create_dir_all(self.path(folder)).unwrap();
        for line in files.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            self.write(&format!("{folder}/{name}"), format!("{value}\n"));
        }
        self
    }

    pub(super) fn with_link(self, path: &str, target: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    pub(super) fn host(&self) -> Host {
        let [proc, sys, etc, run, dev] = ["proc", "sys", "etc", "run", "dev"].map(|name| self.path(name));
        let machine = Machine { page_size_bytes: 4096, ticks_per_second: 100, boot_id: Bytes::from_static(&[0; 16]) };
        Host::with_machine(Roots { proc, sys, etc, run, dev }, machine).unwrap()
    }

    pub(super) fn reader(&self) -> SystemReader {
        SystemReader::new(Arc::new(self.host()))
    }

    /// The answer of a fresh reader.
    pub(super) fn read(&self, fields: SystemFieldSet) -> System {
        self.reader().read(fields)
    }
}
