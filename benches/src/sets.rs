//! What is read of each process: three sets of fields, each with what the floor reads for them and what psutil calls them.

/// One set of fields.
#[derive(Debug)]
pub struct Set {
    pub name: &'static str,
    pub fields: &'static [&'static str],
    /// Files that the kernel answers them from; read by the floor.
    pub files: &'static [&'static str],
    /// Links among them.
    pub links: &'static [&'static str],
    /// True if the size of the directory of descriptors is among them.
    pub counts_descriptors: bool,
    /// As psutil's `process_iter` calls them.
    pub attributes: &'static [&'static str],
    /// How many times its floor the host may take.
    pub times_the_floor: f64,
}

/// Identity, state, times, memory.
pub static S1: Set = Set {
    name: "S1",
    fields: &[
        "pid",
        "name",
        "ppid",
        "state",
        "cpu_times",
        "start_time",
        "thread_count",
        "memory.resident_bytes",
        "memory.virtual_bytes",
    ],
    files: &["stat", "statm"],
    links: &[],
    counts_descriptors: false,
    attributes: &["pid", "name", "ppid", "status", "cpu_times", "create_time", "num_threads", "memory_info"],
    times_the_floor: 1.15,
};

/// S1 with users, command lines and context switches.
pub static S2: Set = Set {
    name: "S2",
    fields: &[
        "pid",
        "name",
        "ppid",
        "state",
        "cpu_times",
        "start_time",
        "thread_count",
        "memory.resident_bytes",
        "memory.virtual_bytes",
        "uids",
        "username",
        "cmdline",
        "context_switches.voluntary",
        "context_switches.involuntary",
    ],
    files: &["stat", "statm", "status", "cmdline"],
    links: &[],
    counts_descriptors: false,
    attributes: &[
        "pid",
        "name",
        "ppid",
        "status",
        "cpu_times",
        "create_time",
        "num_threads",
        "memory_info",
        "uids",
        "username",
        "cmdline",
        "num_ctx_switches",
    ],
    times_the_floor: 1.2,
};

/// S2 with paths, I/O, descriptors and shares of memory.
pub static S3: Set = Set {
    name: "S3",
    fields: &[
        "pid",
        "name",
        "ppid",
        "state",
        "cpu_times",
        "start_time",
        "thread_count",
        "memory.resident_bytes",
        "memory.virtual_bytes",
        "uids",
        "username",
        "cmdline",
        "context_switches.voluntary",
        "context_switches.involuntary",
        "exe",
        "cwd",
        "io",
        "fd_count",
        "memory_footprint",
    ],
    files: &["stat", "statm", "status", "cmdline", "io", "smaps_rollup"],
    links: &["exe", "cwd"],
    counts_descriptors: true,
    attributes: &[
        "pid",
        "name",
        "ppid",
        "status",
        "cpu_times",
        "create_time",
        "num_threads",
        "memory_info",
        "uids",
        "username",
        "cmdline",
        "num_ctx_switches",
        "exe",
        "cwd",
        "io_counters",
        "num_fds",
        "memory_full_info",
    ],
    times_the_floor: 1.2,
};
