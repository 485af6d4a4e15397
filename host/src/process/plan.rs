//! What is asked of a process, compiled once per request: which files must be read, and what to say of each if it cannot be.
//! A plan knows nothing of how files are read; another source of the table (BPF) answers the same plan.

use std::sync::Arc;

use procwire_proto::ProcessFieldSet;

use super::usage::UsageBaseline;
use crate::sockets::KeptTables;

/// Fields to read, compiled; made for one request. Tables of sockets that are read for it serve all its processes.
#[derive(Clone, Debug)]
pub struct ProcessPlan {
    fields: ProcessFieldSet,
    files: Vec<PlannedFile>,
    scrub_cmdline: bool,
    leave_names_cut: bool,
    environ_disclosure: EnvironDisclosure,
    usage_since: Option<Arc<UsageBaseline>>,
    /// Tables of sockets, shared by whoever reads by this plan.
    sockets: Arc<KeptTables>,
}

/// How much of an environment a row shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvironDisclosure {
    /// Names without values.
    #[default]
    Names,
    /// Values, but for secrets, which are masked by the name of their variable and by their shape.
    Masked,
    /// Everything.
    Whole,
}

/// A file that must be read, and the fields that it answers.
#[derive(Clone, Debug)]
pub(super) struct PlannedFile {
    pub(super) file: ProcessFile,
    /// Names of the asked fields that come from it.
    pub(super) paths: Vec<String>,
}

/// What is read of a process beside `stat`, which is always read: files, directories, system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessFile {
    Statm,
    Status,
    Cmdline,
    Exe,
    Cwd,
    Root,
    Io,
    FdCount,
    Environ,
    Limits,
    Cgroup,
    Namespaces,
    Oom,
    SecurityLabel,
    LoginUid,
    Affinity,
    IoPriority,
    Footprint,
    MemoryMaps,
    OpenFiles,
    Threads,
    ThreadSwitches,
    Ancestors,
    Sockets,
}

impl ProcessFile {
    const ALL: [Self; 24] = [
        Self::Statm,
        Self::Status,
        Self::Cmdline,
        Self::Exe,
        Self::Cwd,
        Self::Root,
        Self::Io,
        Self::FdCount,
        Self::Environ,
        Self::Limits,
        Self::Cgroup,
        Self::Namespaces,
        Self::Oom,
        Self::SecurityLabel,
        Self::LoginUid,
        Self::Affinity,
        Self::IoPriority,
        Self::Footprint,
        Self::MemoryMaps,
        Self::OpenFiles,
        Self::Threads,
        Self::ThreadSwitches,
        Self::Ancestors,
        Self::Sockets,
    ];

    /// Its name in the table of fields.
    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::Statm => "/proc/PID/statm",
            Self::Status => "/proc/PID/status",
            Self::Cmdline => "/proc/PID/cmdline",
            Self::Exe => "/proc/PID/exe",
            Self::Cwd => "/proc/PID/cwd",
            Self::Root => "/proc/PID/root",
            Self::Io => "/proc/PID/io",
            Self::FdCount => "/proc/PID/fd",
            Self::Environ => "/proc/PID/environ",
            Self::Limits => "/proc/PID/limits",
            Self::Cgroup => "/proc/PID/cgroup",
            Self::Namespaces => "/proc/PID/ns",
            Self::Oom => "/proc/PID/oom_score",
            Self::SecurityLabel => "/proc/PID/attr/current",
            Self::LoginUid => "/proc/PID/loginuid",
            Self::Affinity => "sched_getaffinity(2)",
            Self::IoPriority => "ioprio_get(2)",
            Self::Footprint => "/proc/PID/smaps_rollup",
            Self::MemoryMaps => "/proc/PID/smaps",
            Self::OpenFiles => "/proc/PID/fd/*",
            Self::Threads => "/proc/PID/task",
            Self::ThreadSwitches => "/proc/PID/task/*/status",
            Self::Ancestors => "/proc/PPID/stat",
            Self::Sockets => "sock_diag(7)",
        }
    }

    /// Its name below `/proc/PID`; for what is no file, the system call.
    pub(super) fn name(self) -> &'static str {
        let source = self.source();
        source.strip_prefix("/proc/PID/").unwrap_or(source)
    }
}

impl ProcessPlan {
    /// Compiles a set of fields.
    pub fn new(fields: ProcessFieldSet) -> Self {
        let files = ProcessFile::ALL.into_iter().filter_map(|file| {
            let asked = fields.intersection(ProcessFieldSet::from_source(file.source()));
            (!asked.is_empty()).then(|| PlannedFile { file, paths: asked.to_mask().paths })
        });
        Self {
            fields,
            files: files.collect(),
            scrub_cmdline: false,
            leave_names_cut: false,
            environ_disclosure: EnvironDisclosure::default(),
            usage_since: None,
            sockets: Arc::default(),
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

    /// Shows this much of environments; names only, unless told otherwise. Whatever is withheld is marked in the row.
    #[must_use]
    pub fn disclose_environ(mut self, disclosure: EnvironDisclosure) -> Self {
        self.environ_disclosure = disclosure;
        self
    }

    /// Leaves a name that the kernel cut as it is, instead of completing it from cmdline, which can wait for the process. The row
    /// says so.
    #[must_use]
    pub fn leave_names_cut(mut self, yes: bool) -> Self {
        self.leave_names_cut = yes;
        self
    }

    /// Measures `cpu_usage_ratio` over the time since then; without it the field is absent.
    #[must_use]
    pub fn usage_since(mut self, baseline: Arc<UsageBaseline>) -> Self {
        self.usage_since = Some(baseline);
        self
    }

    pub(super) fn kept_sockets(&self) -> &KeptTables {
        &self.sockets
    }

    pub(super) fn usage_baseline(&self) -> Option<&UsageBaseline> {
        self.usage_since.as_deref()
    }

    pub(super) fn completes_names(&self) -> bool {
        !self.leave_names_cut
    }

    pub(super) fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    pub(super) fn environ_disclosure(&self) -> EnvironDisclosure {
        self.environ_disclosure
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
    fn every_field_has_a_file() {
        let planned = ProcessFile::ALL.iter().fold(ProcessFieldSet::from_source("/proc/PID/stat"), |all, file| {
            all.union(ProcessFieldSet::from_source(file.source()))
        });
        assert!(planned.contains(ProcessFieldSet::matching(|_| true)));
    }
}
