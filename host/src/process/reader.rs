//! Reads processes from procfs.
//!
//! `stat` is opened first and read last: it is the witness. A descriptor of `/proc/PID/stat` belongs to one process and answers
//! `ESRCH` once that is gone, so if the last read succeeds, everything read by path in between belonged to the same process. This
//! costs no system call more than reading the files one by one (docs/adr/0006).

use std::{os::fd::OwnedFd, sync::Arc};

use procwire_proto::{
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, Process},
};
use rustix::{
    fs::{Mode, OFlags, RawDir},
    io::Errno,
};

use super::{
    access::Access, cmdline, draft::Draft, exit, kept::Kept, plan::ProcessPlan, stat::Stat, status::Status,
    terminals::Terminals, threads, usage::Earlier,
};
use crate::{
    Host, HostError,
    host::monotonic_ns,
    procfs::{self, Buffer, ProcessPath},
};

/// Reads processes, one after the other, into buffers that are used again. Cheap to make; keep one per scan.
#[derive(Debug)]
pub struct ProcessReader {
    host: Arc<Host>,
    stat: Buffer,
    file: Buffer,
    terminals: Terminals,
    kept: Kept,
}

impl ProcessReader {
    /// A reader of this host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, stat: Buffer::new(), file: Buffer::new(), terminals: Terminals::default(), kept: Kept::default() }
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
        self.read_into(Draft::new(Process { pid, ..Process::default() }, plan))
    }

    /// Adds to a row what another plan asks for. `None`: the process vanished, or its pid is another process now.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_more(&mut self, row: Process, plan: &ProcessPlan) -> Result<Option<Process>, HostError> {
        let known = row.r#ref.clone();
        let read = self.read_into(Draft::of_row(row, plan))?;
        Ok(read.filter(|row| known.is_none_or(|known| row.r#ref.as_ref() == Some(&known))))
    }

    /// The identity and the processor time of a process. `None`: it vanished, or may not be read.
    pub(super) fn processor_time(&mut self, pid: u32) -> Result<Option<Earlier>, HostError> {
        let line = match self.stat.read_file(self.host.proc(), ProcessPath::new(pid).file("stat")) {
            Ok(line) => line,
            Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => return Ok(None),
            Err(errno) => return Err(self.stat_error(pid, "read", errno)),
        };
        let read_ns = monotonic_ns();
        let earlier =
            |stat: Stat<'_>| Some(Earlier { start_ticks: stat.start_ticks, used_ticks: stat.used_ticks()?, read_ns });
        Ok(Stat::parse(line).and_then(earlier))
    }

    fn read_into(&mut self, mut draft: Draft<'_>) -> Result<Option<Process>, HostError> {
        let pid = draft.process.pid;
        let witness = match procfs::open(self.host.proc(), ProcessPath::new(pid).file("stat")) {
            Ok(witness) => witness,
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            // hidepid=1 lists what it does not let read.
            Err(Errno::ACCESS | Errno::PERM) => return Ok(Some(unreadable(draft.process, draft.plan))),
            Err(errno) => return Err(self.stat_error(pid, "open", errno)),
        };
        read_files(&self.host, &mut self.file, &mut draft, None);
        self.finish(draft, &witness)
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
            return Ok(Some(row_of_errors(
                draft.process,
                draft.plan,
                FieldErrorReason::InvalidData,
                "stat: torn line",
            )));
        };
        let leader_exited = stat.leader_has_exited();
        let live = leader_exited.then(|| threads::live_thread(&self.host, &mut self.file, pid)).flatten();
        // What the leader no longer has is read through a thread that lives; then it is no zombie.
        let stat =
            live.map_or(stat, |live| stat.through(live.state, virtual_bytes(&self.host, &mut self.file, pid, live.id)));
        if let Some(live) = live {
            draft.begin_again();
            read_files(&self.host, &mut self.file, &mut draft, Some(live.id));
        }
        let plan = draft.plan;
        let is_cut = stat.comm.len() >= cmdline::COMM_CUT && !stat.is_kernel_thread() && !stat.is_zombie();
        let lacks_command = plan.wants(bit::NAME) && is_cut && draft.command_line.is_none();
        let needs_command = lacks_command && plan.completes_names();
        // Where it is not read the name stays cut.
        let mut why_cut = lacks_command.then(|| "cmdline was not waited for".to_owned());
        if needs_command {
            let mut path = live.map_or(ProcessPath::new(pid), |live| ProcessPath::of_thread(pid, live.id));
            let read = self.file.read_start(self.host.proc(), path.file("cmdline"), cmdline::LONGEST_BYTES + 1);
            why_cut = read.as_ref().err().map(|errno| format!("cmdline: {}", std::io::Error::from(*errno)));
            draft.command_line = read.ok().map(<[u8]>::to_vec);
        }
        let has_ended = stat.is_zombie() && !leader_exited;
        if plan.wants(bit::EXIT_STATUS) && has_ended {
            draft.process.exit_status = Some(Box::new(exit::status(self.host.proc(), pid, stat.wait_status)));
        }
        let looked_again = needs_command || leader_exited || draft.process.exit_status.is_some();
        if looked_again && rustix::io::pread(witness, &mut [0], 0) == Err(Errno::SRCH) {
            return Ok(None);
        }
        draft.identity(&stat, is_cut, self.host.machine().boot_id.clone());
        if let Some(why) = why_cut {
            let detail = format!("the kernel cuts names at {} bytes, and {why}", cmdline::COMM_CUT);
            draft.absent("name", FieldErrorReason::Truncated, detail);
        }
        draft.row(self.host.machine()).stat(&stat);
        if plan.wants(bit::LEADER_EXITED) {
            draft.process.leader_exited = Some(leader_exited);
        }
        if plan.wants(bit::CPU_USAGE_RATIO) {
            draft.usage(&stat, self.host.machine());
        }
        if plan.wants(bit::MEMORY_RATIO) {
            let total = self.kept.total_memory_bytes(&self.host);
            draft.memory_ratio(self.host.machine(), total);
        }
        draft.arguments(&stat);
        draft.settle_failures(&stat);
        if plan.wants(bit::TERMINAL) {
            draft.terminal(&stat, &mut self.terminals, &self.host.roots().dev);
        }
        if plan.wants(bit::START_TIME) {
            let mut row = draft.row(self.host.machine());
            match self.kept.boot_time(&self.host) {
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

/// Field 23 of the stat of a thread: the main thread has let go of the memory.
fn virtual_bytes(host: &Host, buffer: &mut Buffer, pid: u32, thread: u32) -> Option<u64> {
    let line = buffer.read_file(host.proc(), ProcessPath::of_thread(pid, thread).file("stat")).ok()?;
    Stat::parse(line)?.virtual_bytes
}

/// Reads what the plan names beside stat: of the process, or of one of its threads where its main thread has exited.
fn read_files(host: &Host, buffer: &mut Buffer, draft: &mut Draft<'_>, thread: Option<u32>) {
    let pid = draft.process.pid;
    for planned in draft.plan.files() {
        let mut access = Access { host, buffer: &mut *buffer, pid, thread };
        if let Err(errno) = access.read(planned.file, draft) {
            draft.failed(planned, errno);
        }
    }
}

/// A process of which not even stat may be read.
fn unreadable(process: Process, plan: &ProcessPlan) -> Process {
    let detail = "stat is not readable: /proc is mounted with hidepid";
    row_of_errors(process, plan, FieldErrorReason::PermissionDenied, detail)
}

fn row_of_errors(mut process: Process, plan: &ProcessPlan, reason: FieldErrorReason, detail: &str) -> Process {
    let paths = plan.fields().difference(bit::PID).to_mask().paths;
    let error = |path| FieldError { path, reason: reason.into(), detail: detail.to_owned() };
    process.errors.extend(paths.into_iter().map(error));
    process
}
