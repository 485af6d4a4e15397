//! The way to the files of one process.

use std::{ffi::CStr, os::fd::BorrowedFd};

use procwire_proto::process_fields::bit;
use rustix::{
    fs::{AtFlags, Mode, OFlags, RawDir},
    io::Errno,
};

use super::{
    affinity, ancestors, cgroup, cmdline, draft::Draft, environ, footprint, io, limits, link, memory_maps, namespaces,
    oom, open_files, plan::ProcessFile, security, sockets, statm::Statm, status::Status, thread_switches, threads,
};
use crate::{
    Host,
    procfs::{Buffer, ProcessPath},
};

/// What reading the files of one process takes.
pub(super) struct Access<'a> {
    pub(super) host: &'a Host,
    /// For files of one record; see [`Buffer::read_whole`].
    pub(super) buffer: &'a mut Buffer,
    pub(super) pid: u32,
    /// The thread whose files are read, where the main thread has exited and has none any more.
    pub(super) thread: Option<u32>,
}

/// A number of 32 bits in a message. A process is in up to 65,536 groups.
const GID_MAX_BYTES: usize = 5;

/// Lines of status that are the main thread's own, and stay when it has exited.
struct OfLeader {
    voluntary_switches: Option<u64>,
    involuntary_switches: Option<u64>,
    signals_blocked: Option<u64>,
}

impl OfLeader {
    fn into_status(self, status: Status<'_>) -> Status<'_> {
        let Self { voluntary_switches, involuntary_switches, signals_blocked } = self;
        Status { voluntary_switches, involuntary_switches, signals_blocked, ..status }
    }
}

impl<'a> Access<'a> {
    /// Reads one thing and sets what it answers in the row; what it sets it sets anew, should it be read twice.
    pub(super) fn read(&mut self, file: ProcessFile, draft: &mut Draft<'_>) -> Result<(), Errno> {
        match file {
            ProcessFile::Statm => {
                let statm = Statm::parse(self.contents("statm")?);
                draft.resident_pages = statm.resident_pages;
                draft.row(self.host.machine()).statm(&statm);
            }
            ProcessFile::Status => {
                let machine = self.host.machine();
                let leader = self.status_of_leader()?;
                let status = Status::parse(self.contents("status")?);
                let status = leader.map_or(status, |leader| leader.into_status(status));
                draft.real_uid = status.uids.map(|uids| uids.real);
                draft.row(machine).status(&status);
                draft.use_room(draft.process.supplementary_gids.len() * GID_MAX_BYTES);
            }
            ProcessFile::Io => {
                // Below task it would be the thread's alone.
                self.thread = None;
                let io = io::parse(self.contents("io")?);
                draft.row(self.host.machine()).io(&io);
            }
            ProcessFile::Cmdline => draft.command(self.start("cmdline", cmdline::LONGEST_BYTES + 1)?),
            ProcessFile::Exe => {
                let target = self.link("exe")?;
                draft.link(target, (bit::EXE, |row| &mut row.exe), (bit::EXE_DELETED, |row| &mut row.exe_deleted));
            }
            ProcessFile::Cwd => {
                let target = self.link("cwd")?;
                draft.link(target, (bit::CWD, |row| &mut row.cwd), (bit::CWD_DELETED, |row| &mut row.cwd_deleted));
            }
            ProcessFile::Root => draft.process.root = Some(self.link("root")?.path),
            ProcessFile::FdCount => draft.process.fd_count = Some(self.count_descriptors()?),
            ProcessFile::Environ => environ::read(self, draft)?,
            ProcessFile::Limits => limits::read(self, draft)?,
            ProcessFile::Cgroup => cgroup::read(self, draft)?,
            ProcessFile::Namespaces => namespaces::read(self, draft)?,
            ProcessFile::Oom => oom::read(self, draft)?,
            ProcessFile::SecurityLabel => security::read_label(self, draft)?,
            ProcessFile::LoginUid => security::read_login_uid(self, draft)?,
            ProcessFile::Affinity => affinity::read(self, draft)?,
            ProcessFile::IoPriority => affinity::read_io_priority(self, draft)?,
            ProcessFile::Footprint => footprint::read(self, draft)?,
            ProcessFile::MemoryMaps => memory_maps::read(self, draft)?,
            ProcessFile::OpenFiles => open_files::read(self, draft)?,
            ProcessFile::Threads => threads::read(self, draft)?,
            ProcessFile::ThreadSwitches => thread_switches::read(self, draft)?,
            ProcessFile::Ancestors => ancestors::read(self, draft)?,
            ProcessFile::Sockets => sockets::read(self, draft)?,
        }
        Ok(())
    }

    pub(super) fn proc(&self) -> BorrowedFd<'a> {
        self.host.proc()
    }

    /// The directory of the process, or of the thread that stands for it.
    pub(super) fn path(&self) -> ProcessPath {
        match self.thread {
            None => ProcessPath::new(self.pid),
            Some(thread) => ProcessPath::of_thread(self.pid, thread),
        }
    }

    /// The bytes of a file of one record.
    pub(super) fn contents(&mut self, name: &str) -> Result<&[u8], Errno> {
        let mut path = self.path();
        self.buffer.read_file(self.host.proc(), path.file(name))
    }

    /// The first bytes of a file that may be as large as its process makes it.
    pub(super) fn start(&mut self, name: &str, limit: usize) -> Result<&[u8], Errno> {
        let mut path = self.path();
        self.buffer.read_start(self.host.proc(), path.file(name), limit)
    }

    /// What status says of the main thread and of no other, where another's is read.
    fn status_of_leader(&mut self) -> Result<Option<OfLeader>, Errno> {
        if self.thread.is_none() {
            return Ok(None);
        }
        let text = self.buffer.read_file(self.host.proc(), ProcessPath::new(self.pid).file("status"))?;
        let status = Status::parse(text);
        Ok(Some(OfLeader {
            voluntary_switches: status.voluntary_switches,
            involuntary_switches: status.involuntary_switches,
            signals_blocked: status.signals_blocked,
        }))
    }

    fn link(&self, name: &str) -> Result<link::Target, Errno> {
        link::read(self.proc(), self.path().file(name), self.path().file("root"))
    }

    /// Number of descriptors: the size of the directory (kernel 6.2), else its entries, which takes more rights.
    fn count_descriptors(&self) -> Result<u32, Errno> {
        let mut path = self.path();
        let path: &CStr = path.file("fd");
        if self.host.fd_directory_has_size() {
            let size = rustix::fs::statat(self.proc(), path, AtFlags::empty())?.st_size;
            return Ok(u32::try_from(size).unwrap_or(0));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(self.proc(), path, flags, Mode::empty())?;
        let mut buffer = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        let mut count: u32 = 0;
        while let Some(entry) = entries.next() {
            count = count.saturating_add(u32::from(!entry?.file_name().to_bytes().starts_with(b".")));
        }
        Ok(count)
    }
}
