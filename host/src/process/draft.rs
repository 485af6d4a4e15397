//! A row between the reading of its files and the word of the witness: some of what was read, and what could not be, is judged only
//! when it is known what the process is.

use std::path::Path;

use bytes::Bytes;
use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, Process, ProcessRef},
};
use prost::Message as _;
use rustix::io::Errno;

use super::{
    cmdline::{self, CommandLine},
    failure::Failure,
    fill::Row,
    link::Target,
    plan::{PlannedFile, ProcessFile, ProcessPlan},
    stat::Stat,
    terminals::Terminals,
};
use crate::{HostError, Machine, host::monotonic_ns};

/// A row in the making.
pub(super) struct Draft<'a> {
    pub(super) process: Process,
    pub(super) plan: &'a ProcessPlan,
    pub(super) real_uid: Option<u32>,
    /// The bytes of cmdline, if they were read.
    pub(super) command_line: Option<Vec<u8>>,
    /// Column 2 of statm, if it was read.
    pub(super) resident_pages: Option<u64>,
    /// What could not be read.
    failures: Vec<Failure<'a>>,
    /// What long lists may still take, so that the row fits into a message.
    room_bytes: usize,
    /// The row as it was before the first file was read; `None`: there was nothing in it.
    before: Option<Box<Process>>,
}

/// A field and where it goes.
type Place<T> = (ProcessFieldSet, fn(&mut Process) -> &mut Option<T>);

/// A row that is longer does not fit into a message of 4 MiB, the usual limit of clients, together with what else is in it.
const ROW_MAX_BYTES: usize = 3 * 1024 * 1024;

/// What a field of bytes takes in a message beside them: a tag and a length.
const OVERHEAD_BYTES: usize = 6;

impl<'a> Draft<'a> {
    /// A new row, in which nothing is set but the pid.
    pub(super) fn new(process: Process, plan: &'a ProcessPlan) -> Self {
        Self::on(process, None, plan)
    }

    /// A row to which more is added.
    pub(super) fn of_row(row: Process, plan: &'a ProcessPlan) -> Self {
        let before = Some(Box::new(row.clone()));
        Self::on(row, before, plan).with_less_room()
    }

    /// What is in the row already takes room as well.
    fn with_less_room(mut self) -> Self {
        self.room_bytes = self.room_bytes.saturating_sub(self.process.encoded_len());
        self
    }

    fn on(process: Process, before: Option<Box<Process>>, plan: &'a ProcessPlan) -> Self {
        Self {
            process,
            plan,
            real_uid: None,
            command_line: None,
            resident_pages: None,
            failures: Vec::new(),
            room_bytes: ROW_MAX_BYTES,
            before,
        }
    }

    /// Forgets what its files said: they are read once more, by another way, and what cannot be read that way must not keep the value
    /// that this way gave.
    pub(super) fn begin_again(&mut self) {
        let plan = self.plan;
        *self = match self.before.take() {
            Some(before) => Self::on(*before, None, plan).with_less_room(),
            None => Self::new(Process { pid: self.process.pid, ..Process::default() }, plan),
        };
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

    /// Takes room for what is set whether there is room or not, as much as there is.
    pub(super) fn use_room(&mut self, bytes: usize) {
        self.room_bytes = self.room_bytes.saturating_sub(bytes);
    }

    /// Keeps the command line until everything has been read. Lists leave it its room: split, each NUL is an argument of two bytes, and
    /// what masks make longer is less than that.
    pub(super) fn command(&mut self, data: &[u8]) {
        let split = if self.plan.wants(bit::CMDLINE) { data.len() * 2 } else { 0 };
        let raw = if self.plan.wants(bit::CMDLINE_RAW) { data.len() } else { 0 };
        self.use_room(split + raw + 2 * OVERHEAD_BYTES);
        self.command_line = Some(data.to_vec());
    }

    pub(super) fn row<'b>(&'b mut self, machine: &'b Machine) -> Row<'b> {
        Row { process: &mut self.process, plan: self.plan, machine }
    }

    /// Who it is.
    pub(super) fn identity(&mut self, stat: &Stat<'_>, is_cut: bool, boot_id: Bytes) {
        let pid = self.process.pid;
        self.process.r#ref = Some(ProcessRef { pid, start_ticks: stat.start_ticks, boot_id, pidfd_inode: None });
        if self.plan.wants(bit::NAME) {
            let command = self.command_line.as_deref().filter(|_| is_cut);
            let whole = command.and_then(|data| cmdline::completed_name(stat.comm, data, self.plan.scrubs_cmdline()));
            self.process.name = Some(whole.unwrap_or(stat.comm).to_vec());
        }
    }

    /// Where a link leads. Like everything, set only where this plan asks for it: another may have set the rest of the row.
    pub(super) fn link(&mut self, target: Target, path: Place<Vec<u8>>, deleted: Place<bool>) {
        if self.plan.wants(deleted.0) {
            *deleted.1(&mut self.process) = Some(target.deleted);
        }
        if self.plan.wants(path.0) {
            *path.1(&mut self.process) = Some(target.path);
        }
    }

    /// The arguments, split and raw. Secrets are looked for in the split ones; where there are any, nothing is given that was not masked.
    pub(super) fn arguments(&mut self, stat: &Stat<'_>) {
        let (wants_split, wants_raw) = (self.plan.wants(bit::CMDLINE), self.plan.wants(bit::CMDLINE_RAW));
        let Some(data) = self.command_line.as_deref().filter(|_| wants_split || wants_raw) else { return };
        if data.is_empty() && stat.is_zombie() {
            return self.absent_arguments(FieldErrorReason::Zombie, "");
        }
        let line = CommandLine::of(data);
        let is_scrubbed = self.plan.scrubs_cmdline();
        let (split, has_secrets) = if is_scrubbed { line.split_masked() } else { (line.split(), false) };
        let withholds_raw = wants_raw && is_scrubbed && (has_secrets || line.has_secrets());
        if wants_raw && !withholds_raw {
            self.process.cmdline_raw = Some(line.kept.to_vec());
        }
        let is_cut = line.is_cut;
        if wants_split {
            self.process.cmdline = split;
        }
        if is_cut {
            let detail = format!("cut at {} bytes", cmdline::LONGEST_BYTES);
            self.absent_arguments(FieldErrorReason::Truncated, &detail);
        }
        let masked = [("cmdline", wants_split && has_secrets), ("cmdline_raw", withholds_raw)];
        for (path, _) in masked.into_iter().filter(|(_, is_masked)| *is_masked) {
            self.absent(
                path,
                FieldErrorReason::Redacted,
                "secrets are masked; the role inspector sees them".to_owned(),
            );
        }
    }

    fn absent_arguments(&mut self, reason: FieldErrorReason, detail: &str) {
        for (field, path) in [(bit::CMDLINE, "cmdline"), (bit::CMDLINE_RAW, "cmdline_raw")] {
            if self.plan.wants(field) {
                self.absent(path, reason, detail.to_owned());
            }
        }
    }

    /// Its share of the memory of the host.
    pub(super) fn memory_ratio(&mut self, machine: &Machine, total: Result<u64, HostError>) {
        // Where statm could not be read, that is what is said.
        let Some(pages) = self.resident_pages else { return };
        match total {
            Ok(total_bytes) if total_bytes > 0 => {
                let resident_bytes = pages.saturating_mul(machine.page_size_bytes);
                #[allow(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
                let ratio = resident_bytes as f64 / total_bytes as f64;
                self.process.memory_ratio = Some(ratio);
            }
            Ok(_) => {
                let detail = "the host says that it has no memory".to_owned();
                self.absent("memory_ratio", FieldErrorReason::InvalidData, detail);
            }
            Err(error) => self.absent("memory_ratio", FieldErrorReason::ReadFailed, error.to_string()),
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

    /// A file could not be read.
    pub(super) fn failed(&mut self, planned: &'a PlannedFile, errno: Errno) {
        let paths = planned.paths.iter().map(String::as_str).collect();
        self.failures.push(Failure { file: planned.file, name: planned.file.name(), paths, errno });
    }

    /// One of several things that answer a field together could not be read: `name` below `/proc/PID`, which is the part `path`.
    pub(super) fn part_failed(&mut self, file: ProcessFile, path: &'static str, name: &'static str, errno: Errno) {
        self.failures.push(Failure { file, name, paths: vec![path], errno });
    }

    /// What the files that could not be read mean for this process.
    pub(super) fn settle_failures(&mut self, stat: &Stat<'_>) {
        for failure in std::mem::take(&mut self.failures) {
            let Some(reason) = failure.reason(stat) else { continue };
            let detail = failure.detail(reason);
            for path in &failure.paths {
                self.absent(path, reason, detail.clone());
            }
        }
    }

    /// Says why a field is absent or incomplete.
    pub(super) fn absent(&mut self, path: &str, reason: FieldErrorReason, detail: String) {
        self.process.errors.push(FieldError { path: path.to_owned(), reason: reason.into(), detail });
    }
}
