//! One step of reading a row: a few fields, and what is read and said instead where they may not be waited for.

use procwire_host::{HostError, ProcessPlan, ProcessReader};
use procwire_proto::{
    Field, ProcessFieldSet,
    process_fields::bit,
    v1::{FieldCost, FieldError, FieldErrorReason, Process},
};

use crate::host_pool::Lane;

/// What reading a field can wait for, the worse the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waits {
    /// For nothing.
    Never,
    /// For locks of the process, or a server that has a file or a name.
    ForLocks,
    /// For locks, and it is long work: page tables, descriptors, threads.
    ForWork,
}

/// How much of a row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Without what waits for locks of the process; those fields say TIMEOUT.
    Light,
    /// Without what is long work; those fields say TIMEOUT.
    Moderate,
    /// Everything that was asked for and is allowed.
    Whole,
}

impl Depth {
    pub(crate) fn allows(self, waits: Waits) -> bool {
        match self {
            Self::Whole => true,
            Self::Moderate => waits <= Waits::ForLocks,
            Self::Light => waits == Waits::Never,
        }
    }

    /// What reading at this depth waits for, of what waits for that: what it must not wait for it leaves out.
    pub(super) fn at_most(self, waits: Waits) -> Waits {
        if self.allows(waits) { waits } else { Waits::Never }
    }
}

impl Waits {
    /// cmdline and environ wait for the memory lock (fs/proc/base.c: `get_mm_cmdline`, `environ_read`), io for the exec lock
    /// (`do_io_accounting`); a name that the kernel cut is completed from cmdline. Whether a program or a directory was removed is found
    /// out at its path, which may lie on a server that is gone, and the name of a user may be asked of another (nsswitch.conf(5)): such
    /// waits are no longer than those for locks, or as endless. Whatever is heavy walks page tables, descriptors or threads.
    pub(crate) fn of(field: &Field) -> Self {
        match field.source {
            _ if !field.is_served() => Self::Never,
            _ if field.cost == FieldCost::Heavy => Self::ForWork,
            "/proc/PID/cmdline" | "/proc/PID/environ" | "/proc/PID/io" => Self::ForLocks,
            "/proc/PID/exe" | "/proc/PID/cwd" | "/proc/PID/root" => Self::ForLocks,
            _ if matches!(field.path, "name" | "username") => Self::ForLocks,
            _ => Self::Never,
        }
    }

    pub(crate) fn lane(self) -> Lane {
        match self {
            Self::Never => Lane::Quick,
            Self::ForLocks => Lane::Slow,
            Self::ForWork => Lane::Heavy,
        }
    }
}

/// The fields that wait for no more than that.
pub(super) fn fields_that_wait(condition: impl Fn(Waits) -> bool) -> ProcessFieldSet {
    ProcessFieldSet::matching(|field| condition(Waits::of(field)))
}

/// A part of a row.
#[derive(Debug)]
pub(crate) struct Step {
    pub(super) fields: ProcessFieldSet,
    pub(super) waits: Waits,
    whole: ProcessPlan,
    /// What does not wait.
    light: ProcessPlan,
    /// What is said of the rest.
    timed_out: Vec<FieldError>,
}

impl Step {
    pub(super) fn new(fields: ProcessFieldSet, plan: impl Fn(ProcessFieldSet) -> ProcessPlan) -> Self {
        let waits = fields.iter().map(Waits::of).max().unwrap_or(Waits::Never);
        // Without waiting a name is there, but as the kernel cut it.
        let waiting = fields.intersection(fields_that_wait(|waits| waits > Waits::Never)).difference(bit::NAME);
        let why = if waits == Waits::ForWork {
            "reading it took too long, or its process did not let go of its locks"
        } else {
            "the process did not let go of its locks in time"
        };
        Self {
            fields,
            waits,
            whole: plan(fields),
            light: plan(fields.difference(waiting)).leave_names_cut(true),
            timed_out: errors(waiting, FieldErrorReason::Timeout, why),
        }
    }

    /// Adds its fields to a row, or begins it. `None`: the process has vanished.
    pub(super) fn read(
        &self,
        reader: &mut ProcessReader,
        row: Begun,
        depth: Depth,
    ) -> Result<Option<Process>, HostError> {
        let is_whole = depth.allows(self.waits);
        let plan = if is_whole { &self.whole } else { &self.light };
        let row = match row {
            Begun::Row(row) if plan.fields().is_empty() => Some(row),
            Begun::Row(row) => reader.read_more(row, plan)?,
            Begun::Listed(pid) => reader.read_listed(pid, plan)?,
            Begun::Named(pid) => reader.read(pid, plan)?,
        };
        Ok(row.map(|mut row| {
            if !is_whole {
                row.errors.extend_from_slice(&self.timed_out);
            }
            row
        }))
    }

    /// Says that its fields were not read after all.
    pub(super) fn give_up(&self, row: &mut Process) {
        row.errors.extend_from_slice(&self.timed_out);
    }
}

/// How far a row is.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and a box would be an allocation for each row")]
pub(crate) enum Begun {
    /// Nothing is read; procfs lists the pid.
    Listed(u32),
    /// Nothing is read; somebody says that there is such a process. It could be a thread.
    Named(u32),
    Row(Process),
}

pub(super) fn errors(fields: ProcessFieldSet, reason: FieldErrorReason, detail: &str) -> Vec<FieldError> {
    let paths = fields.to_mask().paths.into_iter();
    paths.map(|path| FieldError { path, reason: reason.into(), detail: detail.to_owned() }).collect()
}
