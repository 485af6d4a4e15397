//! Rotation: `audit.log` becomes `audit.log.1`, that one `audit.log.2`, and the oldest goes.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{opening, tail::Tail};
use crate::audit::chain::Head;

/// Of a folder that others fill no more is looked at.
const FILES_LOOKED_AT: usize = 1000;

/// When, and how many stay.
#[derive(Clone, Copy, Debug)]
pub(in crate::audit) struct Rotation {
    /// A file does not grow beyond this; `None`: it does, and something else rotates it.
    pub(in crate::audit) size: Option<u64>,
    /// Files beside the current one.
    pub(in crate::audit) keep: u32,
    /// After a failure the next attempt is at this length.
    pub(in crate::audit) not_before: u64,
}

impl Rotation {
    /// Whether a file of this length has no room for these.
    pub(super) fn is_due(&self, length: u64, objects: &[String]) -> bool {
        let more: usize = objects.iter().map(String::len).sum();
        let then = length.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        length > 0 && length >= self.not_before && self.size.is_some_and(|size| then > size)
    }

    /// Moves every file one further. The current one is moved last: until then nothing is missing.
    pub(super) fn rotate(&mut self, path: &Path) -> io::Result<()> {
        let keep = self.keep.max(1);
        for number in (1..keep).rev() {
            match fs::rename(numbered(path, number), numbered(path, number.saturating_add(1))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(path, numbered(path, 1))?;
        opening::sync_folder(path);
        self.not_before = 0;
        Ok(())
    }

    /// It failed: the next attempt is when the file has grown by a tenth of its size.
    pub(super) fn put_off(&mut self, length: u64) {
        self.not_before = length.saturating_add(self.size.unwrap_or_default() / 10).saturating_add(1);
    }
}

/// Where the chain ended when the current file was moved away while no agent ran: the highest record among its earlier files, whatever
/// rotated them (`audit.log.1`, `audit.log-20261122`). Those that were compressed cannot be read.
pub(super) fn head_of_earlier_files(path: &Path) -> Option<Head> {
    let name = path.file_name()?;
    let entries = fs::read_dir(opening::folder(path)).ok()?.filter_map(Result::ok);
    let earlier = entries.filter(|entry| is_earlier(&entry.file_name(), name)).take(FILES_LOOKED_AT);
    earlier.filter_map(|entry| head_of(&entry.path())).max_by_key(|head| head.sequence)
}

fn is_earlier(candidate: &OsString, name: &std::ffi::OsStr) -> bool {
    let rest = candidate.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b"-"))
}

fn head_of(path: &Path) -> Option<Head> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || !opening::is_own(&metadata) {
        return None;
    }
    Tail::examine(&File::open(path).ok()?).ok()?.head
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
