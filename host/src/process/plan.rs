//! What is asked of a process, compiled once per request: which files must be read, and what to say of each if it cannot be.
//! A plan knows nothing of how files are read; another source of the table (BPF) answers the same plan.

use procwire_proto::{
    ProcessFieldSet,
    v1::{FieldError, FieldErrorReason},
};

/// Fields to read, compiled.
#[derive(Clone, Debug)]
pub struct ProcessPlan {
    fields: ProcessFieldSet,
    files: Vec<PlannedFile>,
    unserved: Vec<FieldError>,
    scrub_cmdline: bool,
    leave_names_cut: bool,
}

/// A file that must be read, and the fields that it answers.
#[derive(Clone, Debug)]
pub(super) struct PlannedFile {
    pub(super) file: ProcessFile,
    /// Names of the asked fields that come from it.
    pub(super) paths: Vec<String>,
}

/// The files of a process that are read beside `stat`, which is always read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessFile {
    Statm,
    Status,
    Cmdline,
    Exe,
    Cwd,
    Io,
    Fd,
}

impl ProcessFile {
    const ALL: [Self; 7] = [Self::Statm, Self::Status, Self::Cmdline, Self::Exe, Self::Cwd, Self::Io, Self::Fd];

    /// Its name below `/proc/PID`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Statm => "statm",
            Self::Status => "status",
            Self::Cmdline => "cmdline",
            Self::Exe => "exe",
            Self::Cwd => "cwd",
            Self::Io => "io",
            Self::Fd => "fd",
        }
    }
}

impl ProcessPlan {
    /// Compiles a set of fields.
    pub fn new(fields: ProcessFieldSet) -> Self {
        let served = fields.intersection(ProcessFieldSet::all_served());
        let files = ProcessFile::ALL.into_iter().filter_map(|file| {
            let source = format!("/proc/PID/{}", file.name());
            let asked = served.intersection(ProcessFieldSet::from_source(&source));
            (!asked.is_empty()).then(|| PlannedFile { file, paths: asked.to_mask().paths })
        });
        let unserved = fields.difference(served).to_mask().paths.into_iter().map(|path| FieldError {
            path,
            reason: FieldErrorReason::Unsupported.into(),
            detail: "designed, not served by this version of the agent".to_owned(),
        });
        Self {
            fields,
            files: files.collect(),
            unserved: unserved.collect(),
            scrub_cmdline: false,
            leave_names_cut: false,
        }
    }

    /// The fields asked for.
    pub fn fields(&self) -> ProcessFieldSet {
        self.fields
    }

    /// Masks secrets in command lines, and says so in the row.
    #[must_use]
    pub fn scrub_cmdline(mut self, yes: bool) -> Self {
        self.scrub_cmdline = yes;
        self
    }

    /// Leaves a name that the kernel cut as it is, instead of completing it from cmdline, which can wait for the process.
    #[must_use]
    pub fn leave_names_cut(mut self, yes: bool) -> Self {
        self.leave_names_cut = yes;
        self
    }

    pub(super) fn completes_names(&self) -> bool {
        !self.leave_names_cut
    }

    pub(super) fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    pub(super) fn unserved(&self) -> &[FieldError] {
        &self.unserved
    }

    pub(super) fn scrubs_cmdline(&self) -> bool {
        self.scrub_cmdline
    }

    pub(super) fn wants(&self, field: ProcessFieldSet) -> bool {
        self.fields.contains(field)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::FieldMask;

    use super::*;

    fn plan(paths: &[&str]) -> ProcessPlan {
        let mask = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
        ProcessPlan::new(ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap())
    }

    fn files(paths: &[&str]) -> Vec<ProcessFile> {
        plan(paths).files().iter().map(|planned| planned.file).collect()
    }

    #[test]
    fn only_files_that_answer_something_are_read_and_each_once() {
        assert_eq!(files(&["pid", "name", "state", "cpu_times", "nice", "terminal"]), []);
        assert_eq!(files(&["memory.resident_bytes", "memory.shared_bytes"]), [ProcessFile::Statm]);
        assert_eq!(files(&["uids", "gids", "username"]), [ProcessFile::Status]);
        assert_eq!(files(&["io", "memory.virtual_bytes", "exe_deleted"]), [ProcessFile::Exe, ProcessFile::Io]);
    }

    #[test]
    fn fields_are_named_as_shortly_as_they_were_asked_for() {
        assert_eq!(plan(&["io"]).files()[0].paths, ["io"]);
        assert_eq!(plan(&["io.read_bytes", "uids"]).files()[0].paths, ["uids"]);
    }

    #[test]
    fn what_is_not_served_is_answered_without_reading() {
        let plan = plan(&["threads", "pid"]);
        assert!(plan.files().is_empty());
        assert_eq!(plan.unserved()[0].path, "threads");
    }

    #[test]
    fn every_served_field_has_a_file() {
        let planned = ProcessFile::ALL.iter().fold(ProcessFieldSet::from_source("/proc/PID/stat"), |all, file| {
            all.union(ProcessFieldSet::from_source(&format!("/proc/PID/{}", file.name())))
        });
        assert!(planned.contains(ProcessFieldSet::all_served()));
    }
}
