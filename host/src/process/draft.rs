//! A row between the reading of its files and the word of the witness: some of what was read, and what could not be, is judged only
//! when it is known what the process is.

use std::path::Path;

use bytes::Bytes;
use procwire_proto::{
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, Process, ProcessRef},
};
use rustix::io::Errno;

use super::{
    cmdline,
    fill::Row,
    plan::{PlannedFile, ProcessFile, ProcessPlan},
    scrub,
    stat::Stat,
    terminals::Terminals,
};
use crate::{Machine, host::monotonic_ns};

/// A row in the making.
pub(super) struct Draft<'a> {
    pub(super) process: Process,
    pub(super) plan: &'a ProcessPlan,
    pub(super) real_uid: Option<u32>,
    /// The bytes of cmdline, if they were read.
    pub(super) command: Option<Vec<u8>>,
    /// Files that could not be read.
    pub(super) failures: Vec<(&'a PlannedFile, Errno)>,
    /// What long lists may still take, so that the row fits into a message.
    room_bytes: usize,
    /// Errors that were there before the first file was read.
    errors_before: usize,
}

/// A row that is longer does not fit into a message of 4 MiB, the usual limit of clients, together with what else is in it.
const ROW_MAX_BYTES: usize = 3 * 1024 * 1024;

impl<'a> Draft<'a> {
    pub(super) fn new(process: Process, plan: &'a ProcessPlan) -> Self {
        let errors_before = process.errors.len();
        let room_bytes = ROW_MAX_BYTES;
        Self { process, plan, real_uid: None, command: None, failures: Vec::new(), room_bytes, errors_before }
    }

    /// Forgets what its files said: they are read once more, by another way, and set the same fields again.
    pub(super) fn begin_again(&mut self) {
        self.failures.clear();
        self.process.errors.truncate(self.errors_before);
        self.room_bytes = ROW_MAX_BYTES;
    }

    /// Takes room for an entry of a list; false: the row is full.
    pub(super) fn take_room(&mut self, bytes: usize) -> bool {
        match self.room_bytes.checked_sub(bytes) {
            Some(rest) => {
                self.room_bytes = rest;
                true
            }
            None => false,
        }
    }
    pub(super) fn row<'b>(&'b mut self, machine: &'b Machine) -> Row<'b> {
        Row { process: &mut self.process, plan: self.plan, machine }
    }

    /// Who it is.
    pub(super) fn identity(&mut self, stat: &Stat<'_>, is_cut: bool, boot_id: Bytes) {
        let pid = self.process.pid;
        self.process.r#ref = Some(ProcessRef { pid, start_ticks: stat.start_ticks, boot_id, pidfd_inode: None });
        if self.plan.wants(bit::NAME) {
            let command = self.command.as_deref().filter(|_| is_cut);
            let whole = command.and_then(|data| cmdline::completed_name(stat.comm, data));
            self.process.name = Some(whole.unwrap_or(stat.comm).to_vec());
        }
    }

    pub(super) fn arguments(&mut self, stat: &Stat<'_>) {
        let Some(data) = self.command.as_deref().filter(|_| self.plan.wants(bit::CMDLINE)) else { return };
        if data.is_empty() && stat.is_zombie() {
            return self.absent("cmdline", FieldErrorReason::Zombie, String::new());
        }
        let length = data.len();
        self.process.cmdline = cmdline::split(data.get(..cmdline::LONGEST_BYTES).unwrap_or(data));
        if length > cmdline::LONGEST_BYTES {
            let detail = format!("cut at {} of {length} bytes", cmdline::LONGEST_BYTES);
            self.absent("cmdline", FieldErrorReason::Truncated, detail);
        }
        if self.plan.scrubs_cmdline() && scrub::scrub(&mut self.process.cmdline) {
            let detail = "secrets are masked; the role inspector sees them".to_owned();
            self.absent("cmdline", FieldErrorReason::Redacted, detail);
        }
    }

    /// Processor time over the window of the request.
    pub(super) fn usage(&mut self, stat: &Stat<'_>, machine: &Machine) {
        let Some(baseline) = self.plan.usage_baseline() else { return };
        let ratio = baseline.ratio(self.process.pid, stat, monotonic_ns(), |ticks| machine.ticks_to_ns(ticks));
        self.process.cpu_usage_ratio = ratio;
        if ratio.is_none() {
            let detail = "stat could not be read when the window began".to_owned();
            self.absent("cpu_usage_ratio", FieldErrorReason::ReadFailed, detail);
        }
    }

    pub(super) fn terminal(&mut self, stat: &Stat<'_>, terminals: &mut Terminals, dev: &Path) {
        let Some(number) = stat.terminal.filter(|number| *number != 0) else { return };
        self.process.terminal = terminals.name(dev, number);
        if self.process.terminal.is_none() {
            let detail = format!("no file below {} has the device number of terminal {number}", dev.display());
            self.absent("terminal", FieldErrorReason::Unsupported, detail);
        }
    }

    /// What the files that could not be read mean for this process.
    pub(super) fn settle_failures(&mut self, stat: &Stat<'_>) {
        for (planned, errno) in std::mem::take(&mut self.failures) {
            let is_link = matches!(planned.file, ProcessFile::Exe | ProcessFile::Cwd);
            let reason = match errno {
                // A kernel thread runs no program and sits nowhere: there is nothing to say, whoever asks.
                Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM if is_link && stat.is_kernel_thread() => {
                    continue;
                }
                Errno::ACCESS | Errno::PERM => FieldErrorReason::PermissionDenied,
                Errno::NOENT | Errno::SRCH if stat.is_zombie() => FieldErrorReason::Zombie,
                _ => FieldErrorReason::ReadFailed,
            };
            let detail = match reason {
                FieldErrorReason::ReadFailed => format!("{}: {}", planned.file.name(), std::io::Error::from(errno)),
                _ => String::new(),
            };
            for path in &planned.paths {
                self.absent(path, reason, detail.clone());
            }
        }
    }

    /// Says why a field is absent or incomplete.
    pub(super) fn absent(&mut self, path: &str, reason: FieldErrorReason, detail: String) {
        self.process.errors.push(FieldError { path: path.to_owned(), reason: reason.into(), detail });
    }
}
