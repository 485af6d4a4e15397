//! `/proc/PID/fd` and `fdinfo`: every open descriptor, whatever its kind.

mod fdinfo;
mod kind;

use std::{
    ffi::CStr,
    ops::ControlFlow,
    os::fd::{AsFd as _, BorrowedFd},
};

use procwire_proto::v1::{FieldErrorReason, OpenFile, OpenFileKind};
use prost::Message as _;
use rustix::io::Errno;

use self::{fdinfo::FdInfo, kind::Target};
use super::{access::Access, draft::Draft, removed};
use crate::procfs::{self, Directory, ProcessPath};

/// What an entry of a repeated field costs beside its bytes: a tag and a length.
const ENTRY_BYTES: usize = 6;

/// Reads it into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let mut path = access.path();
    let descriptors = Directory::open(access.proc(), path.file("fd"))?;
    let infos = Directory::open(access.proc(), path.file("fdinfo"));
    let mut reader = Descriptors {
        proc: access.proc(),
        process: path,
        directory: descriptors.as_fd(),
        infos: infos.as_ref().map(Directory::as_fd).map_err(|errno| *errno),
        text: [0; TEXT_BYTES],
        without_info: None,
    };
    let mut files = Vec::new();
    let (mut count, mut is_full) = (0_u64, false);
    let mut denied = None;
    descriptors.each_number(|fd, name| {
        if is_full {
            count += 1;
            return ControlFlow::Continue(());
        }
        match reader.read(fd, name) {
            Ok(file) => {
                count += 1;
                is_full = !draft.take_room(file.encoded_len() + ENTRY_BYTES);
                files.extend(Some(file).filter(|_| !is_full));
            }
            // Closed in the meantime.
            Err(Errno::NOENT | Errno::SRCH) => {}
            Err(errno) => {
                denied = Some(errno);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(errno) = denied {
        return Err(errno);
    }
    let kept = files.len();
    draft.process.open_files = files;
    if let Some(errno) = reader.without_info {
        let reason = match errno {
            Errno::ACCESS | Errno::PERM => FieldErrorReason::PermissionDenied,
            _ => FieldErrorReason::ReadFailed,
        };
        let detail = format!("no positions and flags: fdinfo: {}", std::io::Error::from(errno));
        draft.absent("open_files", reason, detail);
    }
    if is_full {
        draft.absent("open_files", FieldErrorReason::Truncated, format!("{kept} of {count} descriptors"));
    }
    Ok(())
}

/// The kernel refuses to tell paths that are longer (fs/proc/base.c: do_proc_readlink).
const TEXT_BYTES: usize = 4096;

/// Reads descriptors one by one, with one buffer.
struct Descriptors<'a> {
    proc: BorrowedFd<'a>,
    process: ProcessPath,
    directory: BorrowedFd<'a>,
    infos: Result<BorrowedFd<'a>, Errno>,
    text: [u8; TEXT_BYTES],
    /// Why some have neither position nor flags.
    without_info: Option<Errno>,
}

impl Descriptors<'_> {
    fn read(&mut self, fd: u32, name: &CStr) -> Result<OpenFile, Errno> {
        let mut file = self.target(fd, name)?;
        let info = match self.infos {
            Ok(infos) => self.info(infos, name),
            Err(errno) => {
                self.without_info = Some(errno);
                return Ok(file);
            }
        };
        match info {
            Ok(info) => {
                file.position_bytes = info.position;
                file.flags = info.flags;
                file.inode = file.inode.or(info.inode);
                file.target_pid = info.pid.filter(|_| file.kind() == OpenFileKind::Pidfd);
            }
            Err(errno @ (Errno::NOENT | Errno::SRCH)) => return Err(errno),
            Err(errno) => self.without_info = Some(errno),
        }
        Ok(file)
    }

    /// What the link says, and what it leads to.
    fn target(&mut self, fd: u32, name: &CStr) -> Result<OpenFile, Errno> {
        let length = match rustix::fs::readlinkat_raw(self.directory, name, &mut self.text[..]) {
            Ok(length) => length,
            // The path is too long to be told, or the file system has none. The file is open all the same.
            Err(Errno::NAMETOOLONG | Errno::INVAL) => 0,
            Err(errno) => return Err(errno),
        };
        let path = self.text.get(..length).unwrap_or_default().to_vec();
        let mut file = OpenFile { fd, path, ..OpenFile::default() };
        if let Some(Target { kind, inode }) = Target::of_name(&file.path) {
            file.set_kind(kind);
            file.inode = inode;
            return Ok(file);
        }
        let is_marked = removed::is_marked(&file.path);
        match removed::look_at(self.directory, name) {
            Ok(found) => {
                let is_memfd = kind::is_memfd(&file.path, &found);
                file.set_kind(if is_memfd { OpenFileKind::Memfd } else { kind::of_mode(found.mode) });
                file.inode = Some(found.inode);
                file.device_major = Some(found.device_major);
                file.device_minor = Some(found.device_minor);
                file.size_bytes = kind::is_regular(found.mode).then_some(found.size_bytes);
                file.deleted = is_marked && (found.links == 0 || !self.is_called(&file.path, &found));
            }
            Err(errno @ (Errno::NOENT | Errno::SRCH)) => return Err(errno),
            // A file system that does not answer (a stale handle, a dead FUSE server) still has an open file.
            Err(_) => file.deleted = is_marked,
        }
        if file.deleted {
            removed::take_mark_off(&mut file.path);
        }
        Ok(file)
    }

    fn is_called(&mut self, path: &[u8], found: &removed::File) -> bool {
        removed::is_called(self.proc, self.process.file("root"), path, |file| file.is_same(found))
    }

    fn info(&mut self, infos: BorrowedFd<'_>, name: &CStr) -> Result<FdInfo, Errno> {
        let file = procfs::open(infos, name)?;
        let length = loop {
            match rustix::io::read(&file, &mut self.text) {
                Err(Errno::INTR) => {}
                result => break result?,
            }
        };
        Ok(FdInfo::parse(self.text.get(..length).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests;
