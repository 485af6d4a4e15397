//! Processes and hosts in conditions that are not the usual ones: what every field says then, and why it is absent.

mod foreign;
mod hidepid;
mod kernel_threads;
mod namespaces;
mod privileges;
mod thirty_two_bits;
mod vanishing;

use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use procwire_proto::{
    FieldMask, ProcessFieldSet,
    process_fields::bit,
    v1::{FieldErrorReason, Process},
};
use procwire_tests::{NOBODY, Victim};

/// What ptrace(2), "Ptrace access mode checking", withholds from those who may not trace the process: all but the number of descriptors,
/// which the kernel gives to everyone since Linux 6.2 as the size of a directory.
fn behind_ptrace() -> ProcessFieldSet {
    let paths = ["exe", "exe_deleted", "cwd", "cwd_deleted", "root", "environ", "io", "namespaces", "memory_footprint"];
    set(paths.into_iter().chain(["memory_maps", "memory_map_groups", "open_files", "sockets"]))
}

fn set<'a>(paths: impl IntoIterator<Item = &'a str>) -> ProcessFieldSet {
    let mask = FieldMask { paths: paths.into_iter().map(str::to_owned).collect() };
    ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap()
}

/// The fields of which a row says why they are absent or incomplete, by reason. What depends on how the kernel was built is left out.
fn reasons(process: &Process) -> BTreeMap<FieldErrorReason, ProcessFieldSet> {
    let mut reasons = BTreeMap::new();
    for error in &process.errors {
        let fields = set([whole(&error.path)]);
        if !bit::SECURITY_LABEL.union(bit::LOGIN_UID).union(bit::CPU_USAGE_RATIO).contains(fields) {
            let of_reason = reasons.entry(error.reason()).or_insert(ProcessFieldSet::EMPTY);
            *of_reason = of_reason.union(fields);
        }
    }
    reasons
}

/// The field that a path is a part of: "namespaces" for "namespaces.cgroup".
fn whole(path: &str) -> &str {
    let is_one = |path: &str| {
        ProcessFieldSet::all_served()
            .iter()
            .any(|field| field.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    if is_one(path) { path } else { path.rsplit_once('.').map_or(path, |(field, _)| field) }
}

/// The same of a few, to be compared with.
fn expected<const N: usize>(
    reasons: [(FieldErrorReason, ProcessFieldSet); N],
) -> BTreeMap<FieldErrorReason, ProcessFieldSet> {
    reasons.into_iter().collect()
}

/// Why this field is absent.
fn reason(process: &Process, path: &str) -> Option<FieldErrorReason> {
    process.errors.iter().find(|error| error.path == path).map(procwire_proto::v1::FieldError::reason)
}

/// A process of the user that unprivileged agents are; the tests must be root's.
fn of_nobody() -> Victim {
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; read -r line; :"]).env("WHOSE", "nobody's");
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    Victim::start_command(command)
}

/// Whether this works here. Not every root may mount, and not every kernel gives namespaces to everyone.
fn works(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
