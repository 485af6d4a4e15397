//! Choosing processes on the command line: the same options for every command that lists some.

mod exception;
mod filter;
mod values;

use std::{ffi::OsString, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use procwire_client::{ProcessRef, v1::ProcessState};

pub(crate) use self::values::{parse_bytes, parse_pid, parse_usage_window};
use self::{
    exception::Exception,
    values::{
        User, parse_container, parse_percent, parse_port, parse_program, parse_state, parse_terminal, parse_unit,
        parse_user,
    },
};

/// Window over which processor use is measured if none is named.
pub(crate) const USAGE_WINDOW: Duration = Duration::from_millis(500);

/// Processes named one by one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NamedProcesses {
    /// Whatever has one of these pids.
    pub(crate) pids: Vec<u32>,
    /// One of these processes and no later one with its pid.
    pub(crate) references: Vec<ProcessRef>,
}

/// Which processes, as typed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which processes (all options must hold; of several values of one option, any)")]
pub(crate) struct SelectorArgs {
    /// With one of these pids
    #[arg(short, long = "pid", id = "pid", value_name = "PID,...", value_delimiter = ',', value_parser = parse_pid)]
    pub(crate) pids: Vec<u32>,
    /// Or one of these and no later one with its pid.
    #[arg(skip)]
    pub(crate) references: Vec<ProcessRef>,
    /// Started by this user (real user)
    #[arg(short, long, value_name = "NAME|UID,...", value_delimiter = ',', value_parser = parse_user)]
    user: Vec<User>,
    /// With exactly this name
    #[arg(long, value_name = "NAME", conflicts_with = "match")]
    name: Vec<OsString>,
    /// With a name that contains this regular expression
    #[arg(long = "match", id = "match", value_name = "REGEX")]
    pub(crate) matches: Vec<String>,
    /// With arguments, joined by spaces, that contain this regular expression
    #[arg(long, value_name = "REGEX")]
    pub(crate) command: Vec<String>,
    /// Running this program; ending in / or *: every program whose path begins so
    #[arg(long, value_name = "PATH", value_parser = OsStringValueParser::new().try_map(parse_program))]
    exe: Vec<OsString>,
    /// In this state: Z, zombie, running, ...
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', value_parser = parse_state)]
    state: Vec<ProcessState>,
    /// On this terminal: pts/0, /dev/tty1
    #[arg(long, value_name = "TTY,...", value_delimiter = ',', value_parser = parse_terminal)]
    tty: Vec<OsString>,
    /// Of this systemd unit; without a type: a service
    #[arg(long, value_name = "UNIT", value_parser = parse_unit)]
    unit: Vec<String>,
    /// In this control group or below
    #[arg(long, value_name = "PATH")]
    cgroup: Vec<OsString>,
    /// In this container: its id, or at least 12 characters of it
    #[arg(long, value_name = "ID", value_parser = parse_container)]
    container: Vec<String>,
    /// Children of this process
    #[arg(short = 'P', long, value_name = "PID,...", value_delimiter = ',', value_parser = parse_pid)]
    parent: Vec<u32>,
    /// Descendants of this process, at any depth
    #[arg(long, value_name = "PID,...", value_delimiter = ',', value_parser = parse_pid)]
    under: Vec<u32>,
    /// Holding a socket bound to this local port
    #[arg(long, value_name = "PORT,...", value_delimiter = ',', value_parser = parse_port)]
    port: Vec<u16>,
    /// Listening on this port
    #[arg(long, value_name = "PORT,...", value_delimiter = ',', value_parser = parse_port)]
    listening: Vec<u16>,
    /// Threads of the kernel only
    #[arg(long, conflicts_with = "no_kernel_threads")]
    kernel_threads: bool,
    /// No threads of the kernel
    #[arg(long)]
    no_kernel_threads: bool,
    /// With at least this much memory resident: 100M, 1.5G
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    min_rss: Option<u64>,
    /// Using at least this much of one processor: 50%; measured over half a second
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    min_cpu: Option<f64>,
    /// With at least so many open descriptors
    #[arg(long, value_name = "N")]
    min_fds: Option<u32>,
    /// Started within this time: 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    newer_than: Option<Duration>,
    /// Started before this time: 1h
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Leave out what another of these options would choose: user=root, name=bash, state=Z, kernel-threads
    #[arg(long, value_name = "OPTION=VALUE")]
    except: Vec<Exception>,
}

impl SelectorArgs {
    /// True if every process is meant.
    pub(crate) fn is_everything(&self) -> bool {
        self.except.is_empty() && !self.narrows()
    }

    /// True if processes are named, or chosen by more than what they are not.
    pub(crate) fn names_or_narrows(&self) -> bool {
        self.names_some() || self.narrows()
    }

    /// True if a value over the usage window decides.
    pub(crate) fn needs_usage(&self) -> bool {
        self.min_cpu.is_some() || self.except.iter().any(|exception| exception.0.needs_usage())
    }

    /// True if what decides may be kept from whoever asks: programs and descriptors of other users.
    pub(crate) fn looks_at_guarded_values(&self) -> bool {
        let is_guarded =
            !self.exe.is_empty() || self.min_fds.is_some() || !self.port.is_empty() || !self.listening.is_empty();
        is_guarded || self.except.iter().any(|exception| exception.0.looks_at_guarded_values())
    }

    /// The same without threads of the kernel, unless they were asked for.
    #[must_use]
    pub(crate) fn without_kernel_threads(mut self) -> Self {
        self.no_kernel_threads = !self.kernel_threads;
        self
    }

    /// The same and, in place of any other, one of these processes.
    #[must_use]
    pub(crate) fn with_named(mut self, named: NamedProcesses) -> Self {
        self.pids.extend(named.pids);
        self.references.extend(named.references);
        self
    }

    /// Lets these names be chosen too.
    pub(crate) fn add_names(&mut self, names: &[OsString]) {
        self.name.extend_from_slice(names);
    }

    /// True if processes are named one by one.
    pub(crate) fn names_some(&self) -> bool {
        !self.pids.is_empty() || !self.references.is_empty()
    }

    /// The pids of the processes that are named one by one.
    pub(crate) fn named_pids(&self) -> Vec<u32> {
        self.pids.iter().copied().chain(self.references.iter().map(|reference| reference.pid)).collect()
    }

    /// The users named, for whoever finds nothing of theirs.
    pub(crate) fn usernames(&self) -> impl Iterator<Item = &str> {
        self.user.iter().filter_map(|user| match user {
            User::Name(name) => Some(name.as_str()),
            User::Id(_) => None,
        })
    }
}
