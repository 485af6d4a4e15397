//! Every field of a process that rows can be ordered by: those that are numbers or bytes. What a read mask names as a whole is
//! reached into: `memory_footprint.unique_bytes`.

use procwire_proto::{
    ProcessFieldSet, Timestamp,
    process_fields::bit,
    v1::{Capabilities, Process, ProcessNamespaces, SignalMasks},
};

use super::Value;

/// Bytes of a value that are looked at: each row is kept with them until it is known which come first.
pub(super) const BYTES_COMPARED: usize = 1024;

/// One of them.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) path: &'static str,
    /// What must be read for it.
    pub(super) field: ProcessFieldSet,
    pub(super) kind: Kind,
    pub(super) value: fn(&Process) -> Option<Value>,
}

/// What kind of values it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Bytes,
}

pub(super) fn column(path: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.path == path)
}

/// A column below this path, or whose last part is this.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let is_below = |column: &&Column| column.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    let ends_so = |column: &&Column| column.path.strip_suffix(path).is_some_and(|rest| rest.ends_with('.'));
    COLUMNS.iter().find(|column| is_below(column) || ends_so(column)).map(|column| column.path)
}

fn integer(number: Option<impl Into<i128>>) -> Option<Value> {
    number.map(|number| Value::Integer(number.into()))
}

/// Of a command line of megabytes the beginning is kept: rows that are the same so far are as good as equal.
fn bytes(bytes: Option<impl AsRef<[u8]>>) -> Option<Value> {
    bytes.map(|bytes| {
        let bytes = bytes.as_ref();
        Value::Bytes(bytes.get(..BYTES_COMPARED).unwrap_or(bytes).into())
    })
}

fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

macro_rules! columns {
    ($($kind:ident $path:literal of $field:ident: $value:expr;)*) => {
        pub(super) static COLUMNS: &[Column] =
            &[$(Column { path: $path, field: bit::$field, kind: Kind::$kind, value: $value }),*];
    };
}

fn namespace(row: &Process, get: fn(&ProcessNamespaces) -> Option<u64>) -> Option<Value> {
    integer(row.namespaces.as_ref().and_then(|message| get(message)))
}

fn capability(row: &Process, get: fn(&Capabilities) -> Option<u64>) -> Option<Value> {
    integer(row.capabilities.as_ref().and_then(|message| get(message)))
}

fn signals(row: &Process, get: fn(&SignalMasks) -> Option<u64>) -> Option<Value> {
    integer(row.signals.as_ref().and_then(|message| get(message)))
}

columns! {
    Number "pid" of PID: |row| integer(Some(row.pid));
    Number "ref.start_ticks" of REF: |row| integer(row.r#ref.as_ref().map(|reference| reference.start_ticks));
    Number "ppid" of PPID: |row| integer(row.ppid);
    Bytes "name" of NAME: |row| bytes(row.name.as_ref());
    Number "cpu_times.user_ns" of CPU_TIMES_USER_NS: |row| integer(row.cpu_times.and_then(|times| times.user_ns));
    Number "cpu_times.system_ns" of CPU_TIMES_SYSTEM_NS: |row| integer(row.cpu_times.and_then(|times| times.system_ns));
    Number "cpu_times.children_user_ns" of CPU_TIMES_CHILDREN_USER_NS:
        |row| integer(row.cpu_times.and_then(|times| times.children_user_ns));
    Number "cpu_times.children_system_ns" of CPU_TIMES_CHILDREN_SYSTEM_NS:
        |row| integer(row.cpu_times.and_then(|times| times.children_system_ns));
    Number "cpu_times.block_io_wait_ns" of CPU_TIMES_BLOCK_IO_WAIT_NS:
        |row| integer(row.cpu_times.and_then(|times| times.block_io_wait_ns));
    Number "start_time" of START_TIME: |row| integer(row.start_time.map(nanoseconds));
    Number "thread_count" of THREAD_COUNT: |row| integer(row.thread_count);
    Number "memory.resident_bytes" of MEMORY_RESIDENT_BYTES: |row| integer(row.memory.and_then(|memory| memory.resident_bytes));
    Number "memory.virtual_bytes" of MEMORY_VIRTUAL_BYTES: |row| integer(row.memory.and_then(|memory| memory.virtual_bytes));
    Number "memory.shared_bytes" of MEMORY_SHARED_BYTES: |row| integer(row.memory.and_then(|memory| memory.shared_bytes));
    Number "memory.text_bytes" of MEMORY_TEXT_BYTES: |row| integer(row.memory.and_then(|memory| memory.text_bytes));
    Number "memory.data_bytes" of MEMORY_DATA_BYTES: |row| integer(row.memory.and_then(|memory| memory.data_bytes));
    Number "memory.peak_resident_bytes" of MEMORY_PEAK_RESIDENT_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.peak_resident_bytes));
    Number "memory.peak_virtual_bytes" of MEMORY_PEAK_VIRTUAL_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.peak_virtual_bytes));
    Number "memory.resident_anonymous_bytes" of MEMORY_RESIDENT_ANONYMOUS_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.resident_anonymous_bytes));
    Number "memory.resident_file_bytes" of MEMORY_RESIDENT_FILE_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.resident_file_bytes));
    Number "memory.resident_shmem_bytes" of MEMORY_RESIDENT_SHMEM_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.resident_shmem_bytes));
    Number "memory.swap_bytes" of MEMORY_SWAP_BYTES: |row| integer(row.memory.and_then(|memory| memory.swap_bytes));
    Number "memory.hugetlb_bytes" of MEMORY_HUGETLB_BYTES: |row| integer(row.memory.and_then(|memory| memory.hugetlb_bytes));
    Number "memory.locked_bytes" of MEMORY_LOCKED_BYTES: |row| integer(row.memory.and_then(|memory| memory.locked_bytes));
    Number "memory.page_table_bytes" of MEMORY_PAGE_TABLE_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.page_table_bytes));
    Number "memory.estimated_proportional_bytes" of MEMORY_ESTIMATED_PROPORTIONAL_BYTES:
        |row| integer(row.memory.and_then(|memory| memory.estimated_proportional_bytes));
    Number "uids.real" of UIDS: |row| integer(row.uids.map(|uids| uids.real));
    Number "uids.effective" of UIDS: |row| integer(row.uids.map(|uids| uids.effective));
    Number "uids.saved" of UIDS: |row| integer(row.uids.map(|uids| uids.saved));
    Number "uids.filesystem" of UIDS: |row| integer(row.uids.map(|uids| uids.filesystem));
    Number "gids.real" of GIDS: |row| integer(row.gids.map(|gids| gids.real));
    Number "gids.effective" of GIDS: |row| integer(row.gids.map(|gids| gids.effective));
    Number "gids.saved" of GIDS: |row| integer(row.gids.map(|gids| gids.saved));
    Number "gids.filesystem" of GIDS: |row| integer(row.gids.map(|gids| gids.filesystem));
    Bytes "username" of USERNAME: |row| bytes(row.username.as_ref());
    Bytes "exe" of EXE: |row| bytes(row.exe.as_ref());
    Bytes "cwd" of CWD: |row| bytes(row.cwd.as_ref());
    Number "nice" of NICE: |row| integer(row.nice);
    Bytes "terminal" of TERMINAL: |row| bytes(row.terminal.as_ref());
    Number "context_switches.voluntary" of CONTEXT_SWITCHES_VOLUNTARY:
        |row| integer(row.context_switches.and_then(|switches| switches.voluntary));
    Number "context_switches.involuntary" of CONTEXT_SWITCHES_INVOLUNTARY:
        |row| integer(row.context_switches.and_then(|switches| switches.involuntary));
    Number "context_switches.all_threads_voluntary" of CONTEXT_SWITCHES_ALL_VOLUNTARY:
        |row| integer(row.context_switches.and_then(|switches| switches.all_threads_voluntary));
    Number "context_switches.all_threads_involuntary" of CONTEXT_SWITCHES_ALL_INVOLUNTARY:
        |row| integer(row.context_switches.and_then(|switches| switches.all_threads_involuntary));
    Number "page_faults.minor" of PAGE_FAULTS_MINOR: |row| integer(row.page_faults.and_then(|faults| faults.minor));
    Number "page_faults.major" of PAGE_FAULTS_MAJOR: |row| integer(row.page_faults.and_then(|faults| faults.major));
    Number "page_faults.children_minor" of PAGE_FAULTS_CHILDREN_MINOR:
        |row| integer(row.page_faults.and_then(|faults| faults.children_minor));
    Number "page_faults.children_major" of PAGE_FAULTS_CHILDREN_MAJOR:
        |row| integer(row.page_faults.and_then(|faults| faults.children_major));
    Number "io.read_calls" of IO_READ_CALLS: |row| integer(row.io.and_then(|io| io.read_calls));
    Number "io.write_calls" of IO_WRITE_CALLS: |row| integer(row.io.and_then(|io| io.write_calls));
    Number "io.read_bytes" of IO_READ_BYTES: |row| integer(row.io.and_then(|io| io.read_bytes));
    Number "io.write_bytes" of IO_WRITE_BYTES: |row| integer(row.io.and_then(|io| io.write_bytes));
    Number "io.read_call_bytes" of IO_READ_CALL_BYTES: |row| integer(row.io.and_then(|io| io.read_call_bytes));
    Number "io.write_call_bytes" of IO_WRITE_CALL_BYTES: |row| integer(row.io.and_then(|io| io.write_call_bytes));
    Number "io.cancelled_write_bytes" of IO_CANCELLED_WRITE_BYTES:
        |row| integer(row.io.and_then(|io| io.cancelled_write_bytes));
    Number "fd_count" of FD_COUNT: |row| integer(row.fd_count);
    Number "cpu_number" of CPU_NUMBER: |row| integer(row.cpu_number);
    Number "cpu_usage_ratio" of CPU_USAGE_RATIO: |row| row.cpu_usage_ratio.map(Value::Real);
    Number "io_priority.level" of IO_PRIORITY: |row| integer(row.io_priority.as_ref().map(|priority| priority.level));
    Number "memory_footprint.unique_bytes" of MEMORY_FOOTPRINT:
        |row| integer(row.memory_footprint.as_ref().and_then(|footprint| footprint.unique_bytes));
    Number "memory_footprint.proportional_bytes" of MEMORY_FOOTPRINT:
        |row| integer(row.memory_footprint.as_ref().and_then(|footprint| footprint.proportional_bytes));
    Number "memory_footprint.swap_bytes" of MEMORY_FOOTPRINT:
        |row| integer(row.memory_footprint.as_ref().and_then(|footprint| footprint.swap_bytes));
    Number "memory_footprint.proportional_swap_bytes" of MEMORY_FOOTPRINT:
        |row| integer(row.memory_footprint.as_ref().and_then(|footprint| footprint.proportional_swap_bytes));
    Number "memory_ratio" of MEMORY_RATIO: |row| row.memory_ratio.map(Value::Real);
    Bytes "cgroup.path" of CGROUP: |row| bytes(row.cgroup.as_ref().and_then(|cgroup| cgroup.path.as_ref()));
    Bytes "cgroup.unit" of CGROUP: |row| bytes(row.cgroup.as_ref().and_then(|cgroup| cgroup.unit.as_ref()));
    Bytes "cgroup.container_id" of CGROUP: |row| bytes(row.cgroup.as_ref().and_then(|cgroup| cgroup.container_id.as_ref()));
    Number "namespaces.cgroup" of NAMESPACES: |row| namespace(row, |inodes| inodes.cgroup);
    Number "namespaces.ipc" of NAMESPACES: |row| namespace(row, |inodes| inodes.ipc);
    Number "namespaces.mount" of NAMESPACES: |row| namespace(row, |inodes| inodes.mount);
    Number "namespaces.network" of NAMESPACES: |row| namespace(row, |inodes| inodes.network);
    Number "namespaces.pid" of NAMESPACES: |row| namespace(row, |inodes| inodes.pid);
    Number "namespaces.time" of NAMESPACES: |row| namespace(row, |inodes| inodes.time);
    Number "namespaces.user" of NAMESPACES: |row| namespace(row, |inodes| inodes.user);
    Number "namespaces.uts" of NAMESPACES: |row| namespace(row, |inodes| inodes.uts);
    Number "oom.score" of OOM: |row| integer(row.oom.as_ref().and_then(|oom| oom.score));
    Number "oom.score_adjustment" of OOM: |row| integer(row.oom.as_ref().and_then(|oom| oom.score_adjustment));
    Number "capabilities.inheritable" of CAPABILITIES: |row| capability(row, |sets| sets.inheritable);
    Number "capabilities.permitted" of CAPABILITIES: |row| capability(row, |sets| sets.permitted);
    Number "capabilities.effective" of CAPABILITIES: |row| capability(row, |sets| sets.effective);
    Number "capabilities.bounding" of CAPABILITIES: |row| capability(row, |sets| sets.bounding);
    Number "capabilities.ambient" of CAPABILITIES: |row| capability(row, |sets| sets.ambient);
    Number "syscall_filter.filter_count" of SYSCALL_FILTER:
        |row| integer(row.syscall_filter.as_ref().and_then(|filter| filter.filter_count));
    Number "scheduling.realtime_priority" of SCHEDULING:
        |row| integer(row.scheduling.as_ref().and_then(|scheduling| scheduling.realtime_priority));
    Number "scheduling.priority" of SCHEDULING: |row| integer(row.scheduling.as_ref().and_then(|scheduling| scheduling.priority));
    Number "process_group_id" of PROCESS_GROUP_ID: |row| integer(row.process_group_id);
    Number "session_id" of SESSION_ID: |row| integer(row.session_id);
    Number "foreground_process_group_id" of FOREGROUND_PROCESS_GROUP_ID: |row| integer(row.foreground_process_group_id);
    Number "tracer_pid" of TRACER_PID: |row| integer(row.tracer_pid);
    Bytes "root" of ROOT: |row| bytes(row.root.as_ref());
    Bytes "security_label" of SECURITY_LABEL: |row| bytes(row.security_label.as_ref());
    Number "login_uid" of LOGIN_UID: |row| integer(row.login_uid);
    Number "signals.pending" of SIGNALS: |row| signals(row, |masks| masks.pending);
    Number "signals.blocked" of SIGNALS: |row| signals(row, |masks| masks.blocked);
    Number "signals.ignored" of SIGNALS: |row| signals(row, |masks| masks.ignored);
    Number "signals.caught" of SIGNALS: |row| signals(row, |masks| masks.caught);
    Bytes "cmdline_raw" of CMDLINE_RAW: |row| bytes(row.cmdline_raw.as_ref());
}
