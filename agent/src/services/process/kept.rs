//! A row is read with what its list is filtered and ordered by, and sent without what was not asked for.

use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{ContextSwitches, FieldError, PageFaults, Process, ProcessCpuTimes, ProcessIo, ProcessMemory},
};

/// Leaves in a row what was asked for, and who it is.
pub(super) fn keep(row: &mut Process, asked: ProcessFieldSet) {
    let Process {
        pid: _,
        r#ref: _,
        ppid,
        name,
        state,
        cpu_times,
        start_time,
        thread_count,
        memory,
        uids,
        gids,
        username,
        cmdline,
        exe,
        cwd,
        nice,
        terminal,
        context_switches,
        page_faults,
        io,
        fd_count,
        kernel_thread,
        exe_deleted,
        cwd_deleted,
        cpu_number,
        cpu_affinity,
        cpu_usage_ratio,
        environ,
        io_priority,
        memory_footprint,
        memory_maps,
        memory_ratio,
        open_files,
        sockets,
        threads,
        resource_limits,
        cgroup,
        namespaces,
        oom,
        capabilities,
        syscall_filter,
        scheduling,
        process_group_id,
        session_id,
        foreground_process_group_id,
        tracer_pid,
        leader_exited,
        ancestors,
        root,
        exit_status,
        namespace_pids,
        supplementary_gids,
        signals,
        security_label,
        login_uid,
        cmdline_raw,
        memory_map_groups,
        errors,
    } = row;
    let kept = Kept(asked);
    kept.only(bit::PPID, ppid);
    kept.only(bit::NAME, name);
    kept.only(bit::STATE, state);
    kept.cpu_times(cpu_times);
    kept.only(bit::START_TIME, start_time);
    kept.only(bit::THREAD_COUNT, thread_count);
    kept.memory(memory);
    kept.only(bit::UIDS, uids);
    kept.only(bit::GIDS, gids);
    kept.only(bit::USERNAME, username);
    kept.only(bit::CMDLINE, cmdline);
    kept.only(bit::EXE, exe);
    kept.only(bit::CWD, cwd);
    kept.only(bit::NICE, nice);
    kept.only(bit::TERMINAL, terminal);
    kept.context_switches(context_switches);
    kept.page_faults(page_faults);
    kept.io(io);
    kept.only(bit::FD_COUNT, fd_count);
    kept.only(bit::KERNEL_THREAD, kernel_thread);
    kept.only(bit::EXE_DELETED, exe_deleted);
    kept.only(bit::CWD_DELETED, cwd_deleted);
    kept.only(bit::CPU_NUMBER, cpu_number);
    kept.only(bit::CPU_AFFINITY, cpu_affinity);
    kept.only(bit::CPU_USAGE_RATIO, cpu_usage_ratio);
    kept.only(bit::ENVIRON, environ);
    kept.only(bit::IO_PRIORITY, io_priority);
    kept.only(bit::MEMORY_FOOTPRINT, memory_footprint);
    kept.only(bit::MEMORY_MAPS, memory_maps);
    kept.only(bit::MEMORY_RATIO, memory_ratio);
    kept.only(bit::OPEN_FILES, open_files);
    kept.only(bit::SOCKETS, sockets);
    kept.only(bit::THREADS, threads);
    kept.only(bit::RESOURCE_LIMITS, resource_limits);
    kept.only(bit::CGROUP, cgroup);
    kept.only(bit::NAMESPACES, namespaces);
    kept.only(bit::OOM, oom);
    kept.only(bit::CAPABILITIES, capabilities);
    kept.only(bit::SYSCALL_FILTER, syscall_filter);
    kept.only(bit::SCHEDULING, scheduling);
    kept.only(bit::PROCESS_GROUP_ID, process_group_id);
    kept.only(bit::SESSION_ID, session_id);
    kept.only(bit::FOREGROUND_PROCESS_GROUP_ID, foreground_process_group_id);
    kept.only(bit::TRACER_PID, tracer_pid);
    kept.only(bit::LEADER_EXITED, leader_exited);
    kept.only(bit::ANCESTORS, ancestors);
    kept.only(bit::ROOT, root);
    kept.only(bit::EXIT_STATUS, exit_status);
    kept.only(bit::NAMESPACE_PIDS, namespace_pids);
    kept.only(bit::SUPPLEMENTARY_GIDS, supplementary_gids);
    kept.only(bit::SIGNALS, signals);
    kept.only(bit::SECURITY_LABEL, security_label);
    kept.only(bit::LOGIN_UID, login_uid);
    kept.only(bit::CMDLINE_RAW, cmdline_raw);
    kept.only(bit::MEMORY_MAP_GROUPS, memory_map_groups);
    errors.retain(|error| kept.is_about_it(error));
}

/// A field that is a part of a message, and where.
type Part<M> = (ProcessFieldSet, fn(&mut M) -> &mut Option<u64>);

/// What was asked for.
struct Kept(ProcessFieldSet);

impl Kept {
    fn only<T: Default>(&self, field: ProcessFieldSet, value: &mut T) {
        if !self.0.intersects(field) {
            *value = T::default();
        }
    }

    /// A message of several fields is there if one of them was asked for, whatever is in it.
    fn parts<M>(&self, message: &mut Option<M>, parts: &[Part<M>]) {
        self.only(parts.iter().fold(ProcessFieldSet::EMPTY, |all, (field, _)| all.union(*field)), message);
        let Some(message) = message else { return };
        for (field, part) in parts {
            self.only(*field, part(message));
        }
    }

    fn cpu_times(&self, times: &mut Option<ProcessCpuTimes>) {
        self.parts(
            times,
            &[
                (bit::CPU_TIMES_USER_NS, |times| &mut times.user_ns),
                (bit::CPU_TIMES_SYSTEM_NS, |times| &mut times.system_ns),
                (bit::CPU_TIMES_CHILDREN_USER_NS, |times| &mut times.children_user_ns),
                (bit::CPU_TIMES_CHILDREN_SYSTEM_NS, |times| &mut times.children_system_ns),
                (bit::CPU_TIMES_BLOCK_IO_WAIT_NS, |times| &mut times.block_io_wait_ns),
            ],
        );
    }

    fn memory(&self, memory: &mut Option<ProcessMemory>) {
        self.parts(
            memory,
            &[
                (bit::MEMORY_RESIDENT_BYTES, |memory| &mut memory.resident_bytes),
                (bit::MEMORY_VIRTUAL_BYTES, |memory| &mut memory.virtual_bytes),
                (bit::MEMORY_SHARED_BYTES, |memory| &mut memory.shared_bytes),
                (bit::MEMORY_TEXT_BYTES, |memory| &mut memory.text_bytes),
                (bit::MEMORY_DATA_BYTES, |memory| &mut memory.data_bytes),
                (bit::MEMORY_PEAK_RESIDENT_BYTES, |memory| &mut memory.peak_resident_bytes),
                (bit::MEMORY_PEAK_VIRTUAL_BYTES, |memory| &mut memory.peak_virtual_bytes),
                (bit::MEMORY_RESIDENT_ANONYMOUS_BYTES, |memory| &mut memory.resident_anonymous_bytes),
                (bit::MEMORY_RESIDENT_FILE_BYTES, |memory| &mut memory.resident_file_bytes),
                (bit::MEMORY_RESIDENT_SHMEM_BYTES, |memory| &mut memory.resident_shmem_bytes),
                (bit::MEMORY_SWAP_BYTES, |memory| &mut memory.swap_bytes),
                (bit::MEMORY_HUGETLB_BYTES, |memory| &mut memory.hugetlb_bytes),
                (bit::MEMORY_LOCKED_BYTES, |memory| &mut memory.locked_bytes),
                (bit::MEMORY_PAGE_TABLE_BYTES, |memory| &mut memory.page_table_bytes),
                (bit::MEMORY_ESTIMATED_PROPORTIONAL_BYTES, |memory| &mut memory.estimated_proportional_bytes),
            ],
        );
    }

    fn context_switches(&self, switches: &mut Option<ContextSwitches>) {
        self.parts(
            switches,
            &[
                (bit::CONTEXT_SWITCHES_VOLUNTARY, |switches| &mut switches.voluntary),
                (bit::CONTEXT_SWITCHES_INVOLUNTARY, |switches| &mut switches.involuntary),
                (bit::CONTEXT_SWITCHES_ALL_VOLUNTARY, |switches| &mut switches.all_threads_voluntary),
                (bit::CONTEXT_SWITCHES_ALL_INVOLUNTARY, |switches| &mut switches.all_threads_involuntary),
            ],
        );
    }

    fn page_faults(&self, faults: &mut Option<PageFaults>) {
        self.parts(
            faults,
            &[
                (bit::PAGE_FAULTS_MINOR, |faults| &mut faults.minor),
                (bit::PAGE_FAULTS_MAJOR, |faults| &mut faults.major),
                (bit::PAGE_FAULTS_CHILDREN_MINOR, |faults| &mut faults.children_minor),
                (bit::PAGE_FAULTS_CHILDREN_MAJOR, |faults| &mut faults.children_major),
            ],
        );
    }

    fn io(&self, io: &mut Option<ProcessIo>) {
        self.parts(
            io,
            &[
                (bit::IO_READ_CALLS, |io| &mut io.read_calls),
                (bit::IO_WRITE_CALLS, |io| &mut io.write_calls),
                (bit::IO_READ_BYTES, |io| &mut io.read_bytes),
                (bit::IO_WRITE_BYTES, |io| &mut io.write_bytes),
                (bit::IO_READ_CALL_BYTES, |io| &mut io.read_call_bytes),
                (bit::IO_WRITE_CALL_BYTES, |io| &mut io.write_call_bytes),
                (bit::IO_CANCELLED_WRITE_BYTES, |io| &mut io.cancelled_write_bytes),
            ],
        );
    }

    /// Errors name fields, messages, or a part of a field.
    fn is_about_it(&self, error: &FieldError) -> bool {
        self.0.iter().any(|field| is_at_or_below(field.path, &error.path) || is_at_or_below(&error.path, field.path))
    }
}

fn is_at_or_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::sync::Arc;

    use procwire_host::{Host, ProcessPlan, ProcessReader, Roots};
    use procwire_proto::{FieldTable as _, v1::FieldErrorReason};

    use super::*;

    fn own(fields: ProcessFieldSet) -> Process {
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        ProcessReader::new(host).read(std::process::id(), &ProcessPlan::new(fields)).unwrap().unwrap()
    }

    /// Which fields are there: values may differ from reading to reading.
    fn there(row: &Process) -> Vec<String> {
        let json = procwire_proto::json::to_json(row);
        let object = json.as_object().unwrap();
        let mut names = Vec::new();
        for (name, value) in object {
            match value.as_object().filter(|_| ["cpu_times", "memory", "io", "page_faults"].contains(&name.as_str())) {
                Some(parts) => names.extend(parts.keys().map(|part| format!("{name}.{part}"))),
                None => names.push(name.clone()),
            }
        }
        names
    }

    #[test]
    fn of_everything_that_was_read_only_what_was_asked_for_is_left() {
        let all = own(ProcessFieldSet::all_served());
        for field in Process::FIELDS {
            let single = ProcessFieldSet::matching(|other| other.path == field.path);
            let mut kept = all.clone();
            keep(&mut kept, single);
            assert_eq!(there(&kept), there(&own(single)), "{}", field.path);
        }
    }

    #[test]
    fn errors_of_what_was_not_asked_for_go_with_it() {
        let error = |path: &str| FieldError {
            path: path.to_owned(),
            reason: FieldErrorReason::PermissionDenied.into(),
            detail: String::new(),
        };
        let mut row = Process {
            pid: 1,
            errors: ["io", "io.read_bytes", "cwd", "cwd_deleted", "open_files[3].position_bytes"].map(error).into(),
            ..Default::default()
        };
        keep(&mut row, bit::IO_READ_BYTES.union(bit::CWD_DELETED).union(bit::OPEN_FILES));
        let paths: Vec<&str> = row.errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["io", "io.read_bytes", "cwd_deleted", "open_files[3].position_bytes"]);
    }
}
