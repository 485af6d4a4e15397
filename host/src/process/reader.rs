//! Reads processes from procfs.
//!
//! `stat` is opened first and read last: it is the witness. A descriptor of `/proc/PID/stat` belongs to one process and answers
//! `ESRCH` once that is gone, so if the last read succeeds, everything read by path in between belonged to the same process. This
//! costs no system call more than reading the files one by one (docs/adr/0006).

use std::{
    ffi::CStr,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use procwire_proto::{
    Timestamp,
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, Process},
};
use rustix::{
    fs::{AtFlags, Mode, OFlags, RawDir},
    io::Errno,
};

use super::{
    cmdline,
    draft::Draft,
    io, link,
    plan::{ProcessFile, ProcessPlan},
    stat::Stat,
    statm::Statm,
    status::Status,
    terminals::Terminals,
};
use crate::{
    Host, HostError,
    procfs::{self, Buffer, ProcessPath},
};

/// The boot time is read again after this long; it moves only when the clock is stepped.
const BOOT_TIME_LIFE: Duration = Duration::from_secs(1);

/// Reads processes, one after the other, into buffers that are used again. Cheap to make; keep one per scan.
#[derive(Debug)]
pub struct ProcessReader {
    host: Arc<Host>,
    stat: Buffer,
    file: Buffer,
    terminals: Terminals,
    boot_time: Option<(Instant, Timestamp)>,
}

impl ProcessReader {
    /// A reader of this host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, stat: Buffer::new(), file: Buffer::new(), terminals: Terminals::default(), boot_time: None }
    }

    /// The pids that procfs lists, ascending.
    ///
    /// # Errors
    /// procfs cannot be listed.
    pub fn list_pids(&mut self) -> Result<Vec<u32>, HostError> {
        let error = |errno: Errno| HostError::io("list", &self.host.roots().proc, errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A descriptor of its own, because listing moves an offset.
        let directory = rustix::fs::openat(self.host.proc(), c".", flags, Mode::empty()).map_err(error)?;
        let mut buffer = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        let mut pids = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(error)?;
            let name = entry.file_name().to_bytes();
            if name.first().is_some_and(u8::is_ascii_digit) && name.iter().all(u8::is_ascii_digit) {
                pids.extend(procfs::number(name).and_then(|pid| u32::try_from(pid).ok()));
            }
        }
        pids.sort_unstable();
        Ok(pids)
    }

    /// Reads the process with this pid. `None`: there is none, or it vanished while it was read, or the number is a thread's.
    ///
    /// # Errors
    /// Its `stat` cannot be read for a reason that is not the process's, such as a shortage of descriptors.
    pub fn read(&mut self, pid: u32, plan: &ProcessPlan) -> Result<Option<Process>, HostError> {
        // The directory of a thread is there, but not listed; only status tells.
        let status = self.file.read_file(self.host.proc(), ProcessPath::new(pid).file("status")).map(Status::parse);
        let is_thread = status.ok().and_then(|status| status.thread_group).is_some_and(|group| group != u64::from(pid));
        if is_thread { Ok(None) } else { self.read_listed(pid, plan) }
    }

    /// Reads a process whose pid [`list_pids`](Self::list_pids) gave. `None`: it vanished.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_listed(&mut self, pid: u32, plan: &ProcessPlan) -> Result<Option<Process>, HostError> {
        let witness = match procfs::open(self.host.proc(), ProcessPath::new(pid).file("stat")) {
            Ok(witness) => witness,
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            // hidepid=1 lists what it does not let read.
            Err(Errno::ACCESS | Errno::PERM) => return Ok(Some(unreadable(pid, plan))),
            Err(errno) => return Err(self.stat_error(pid, "open", errno)),
        };
        let process = Process { pid, errors: plan.unserved().to_vec(), ..Process::default() };
        let mut draft = Draft { process, plan, real_uid: None, command: None, failures: Vec::new() };
        for planned in plan.files() {
            if let Err(errno) = self.read_file(planned.file, &mut draft) {
                draft.failures.push((planned, errno));
            }
        }
        self.finish(draft, &witness)
    }

    /// Reads one of the files beside stat.
    fn read_file(&mut self, file: ProcessFile, draft: &mut Draft<'_>) -> Result<(), Errno> {
        let pid = draft.process.pid;
        let mut path = ProcessPath::new(pid);
        let path = path.file(file.name());
        let proc = self.host.proc();
        match file {
            ProcessFile::Exe => {
                let target = link::read(proc, path, ProcessPath::new(pid).file("root"))?;
                draft.process.exe_deleted = draft.plan.wants(bit::EXE_DELETED).then_some(target.deleted);
                draft.process.exe = draft.plan.wants(bit::EXE).then_some(target.path);
            }
            ProcessFile::Cwd => {
                let target = link::read(proc, path, ProcessPath::new(pid).file("root"))?;
                draft.process.cwd_deleted = draft.plan.wants(bit::CWD_DELETED).then_some(target.deleted);
                draft.process.cwd = draft.plan.wants(bit::CWD).then_some(target.path);
            }
            ProcessFile::Fd => draft.process.fd_count = Some(self.count_descriptors(path)?),
            ProcessFile::Cmdline => draft.command = Some(self.file.read_file(proc, path)?.to_vec()),
            ProcessFile::Io => {
                let io = io::parse(self.file.read_file(proc, path)?);
                draft.row(self.host.machine()).io(&io);
            }
            ProcessFile::Statm => {
                let statm = Statm::parse(self.file.read_file(proc, path)?);
                draft.row(self.host.machine()).statm(&statm);
            }
            ProcessFile::Status => {
                let status = Status::parse(self.file.read_file(proc, path)?);
                draft.real_uid = status.uids.map(|uids| uids.real);
                draft.row(self.host.machine()).status(&status);
            }
        }
        Ok(())
    }

    /// Number of descriptors: the size of the directory (kernel 6.2), else its entries, which takes more rights.
    fn count_descriptors(&self, path: &CStr) -> Result<u32, Errno> {
        if self.host.fd_directory_has_size() {
            let size = rustix::fs::statat(self.host.proc(), path, AtFlags::empty())?.st_size;
            return Ok(u32::try_from(size).unwrap_or(0));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(self.host.proc(), path, flags, Mode::empty())?;
        let mut buffer = Vec::with_capacity(32 * 1024);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        let mut count: u32 = 0;
        while let Some(entry) = entries.next() {
            count = count.saturating_add(u32::from(!entry?.file_name().to_bytes().starts_with(b".")));
        }
        Ok(count)
    }

    /// Reads the witness, and settles what depends on it.
    fn finish(&mut self, mut draft: Draft<'_>, witness: &OwnedFd) -> Result<Option<Process>, HostError> {
        let pid = draft.process.pid;
        let line = match self.stat.read_whole(witness) {
            Ok(line) => line,
            Err(Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(self.stat_error(pid, "read", errno)),
        };
        let Some(stat) = Stat::parse(line) else {
            return Ok(Some(row_of_errors(pid, draft.plan, FieldErrorReason::InvalidData, "stat: torn line")));
        };
        let plan = draft.plan;
        let is_cut = stat.comm.len() >= cmdline::COMM_CUT && !stat.is_kernel_thread() && !stat.is_zombie();
        if plan.wants(bit::NAME) && plan.completes_names() && is_cut && draft.command.is_none() {
            // Where it cannot be read the name stays cut.
            let read = self.file.read_file(self.host.proc(), ProcessPath::new(pid).file("cmdline"));
            draft.command = read.ok().map(<[u8]>::to_vec);
            if rustix::io::pread(witness, &mut [0], 0) == Err(Errno::SRCH) {
                return Ok(None);
            }
        }
        draft.identity(&stat, is_cut, self.host.machine().boot_id.clone());
        draft.row(self.host.machine()).stat(&stat);
        draft.arguments(&stat);
        draft.settle_failures(&stat);
        if plan.wants(bit::TERMINAL) {
            draft.terminal(&stat, &mut self.terminals, &self.host.roots().dev);
        }
        if plan.wants(bit::START_TIME) {
            let mut row = draft.row(self.host.machine());
            match boot_time(&mut self.boot_time, &self.host) {
                Ok(boot_time) => row.start_time(&stat, boot_time),
                Err(error) => row.absent(bit::START_TIME, FieldErrorReason::ReadFailed, &error.to_string()),
            }
        }
        if plan.wants(bit::USERNAME) {
            let name = draft.real_uid.and_then(|uid| self.host.users().name(uid));
            draft.process.username = name.map(|name| name.to_vec());
        }
        Ok(Some(draft.process))
    }

    fn stat_error(&self, pid: u32, operation: &'static str, errno: Errno) -> HostError {
        HostError::io(operation, self.host.roots().proc.join(format!("{pid}/stat")), errno)
    }
}

fn boot_time(known: &mut Option<(Instant, Timestamp)>, host: &Host) -> Result<Timestamp, HostError> {
    if let Some((since, boot_time)) = known
        && since.elapsed() < BOOT_TIME_LIFE
    {
        return Ok(*boot_time);
    }
    let boot_time = host.boot_time()?;
    *known = Some((Instant::now(), boot_time));
    Ok(boot_time)
}

/// A process of which not even stat may be read.
fn unreadable(pid: u32, plan: &ProcessPlan) -> Process {
    row_of_errors(pid, plan, FieldErrorReason::PermissionDenied, "stat is not readable: /proc is mounted with hidepid")
}

fn row_of_errors(pid: u32, plan: &ProcessPlan, reason: FieldErrorReason, detail: &str) -> Process {
    let paths = plan.fields().difference(bit::PID).to_mask().paths;
    let error = |path| FieldError { path, reason: reason.into(), detail: detail.to_owned() };
    Process { pid, errors: paths.into_iter().map(error).collect(), ..Process::default() }
}
