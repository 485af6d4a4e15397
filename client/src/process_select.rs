//! Which processes.

use procwire_proto::Timestamp;
use procwire_proto::v1::{BytesMatch, ProcessPredicate, ProcessRef, ProcessState, bytes_match};

/// Agents take this pid, but no process has it: pids stay below the limit (kernel/pid.c, `alloc_pid`).
const NO_PROCESS: u32 = ProcessRef::MAX_PID;

/// A condition on processes, judged on the host: everything that is set must hold. Lists take several: those that match any
/// of [`matching`](crate::ListProcesses::matching), without those that match any of [`except`](crate::ListProcesses::except).
///
/// What is called again adds an alternative (`uid(0).uid(33)` is either), except for the matches of names, programs and
/// command lines and for the bounds: there the last call counts. A condition on a value that cannot be read is not met, nor is
/// its opposite. One in which nothing is set is refused by the agent.
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, supervisor: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::{Duration, SystemTime};
/// use procwire_client::ProcessSelect;
/// use procwire_client::v1::ProcessState;
///
/// let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
/// let stuck = ProcessSelect::new()
///     .descendants_of(&supervisor)
///     .name_prefix("import-")
///     .user("etl")
///     .state(ProcessState::DiskSleep)
///     .state(ProcessState::Stopped)
///     .started_before(an_hour_ago);
/// let hungry = ProcessSelect::new().unit("postgresql.service").min_resident_bytes(4 << 30);
/// let busy_servers = ProcessSelect::new().listening_on(80).listening_on(443).min_cpu_usage(0.5);
/// let list = client
///     .processes()
///     .list()
///     .matching(stuck)
///     .matching(hungry)
///     .matching(busy_servers)
///     .except(ProcessSelect::new().cmdline_regex("--batch( |$)"))
///     .usage_window(Duration::from_secs(1))
///     .await?;
/// println!("{:?}", list.processes);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a condition does nothing until a list is given it"]
pub struct ProcessSelect {
    predicate: ProcessPredicate,
    /// An empty choice was made: nothing matches, whatever else is set.
    nothing: bool,
}

impl ProcessSelect {
    /// A condition in which nothing is set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its pid is this.
    pub fn pid(self, pid: u32) -> Self {
        self.pids([pid])
    }

    /// Its pid is one of these; no process has one of none.
    pub fn pids(mut self, pids: impl IntoIterator<Item = u32>) -> Self {
        self.nothing |= !grow(&mut self.predicate.pids, pids);
        self
    }

    /// Its parent's pid is one of these; no process has one of none. [`children_of`](Self::children_of) names the parent
    /// beyond doubt.
    pub fn ppids(mut self, pids: impl IntoIterator<Item = u32>) -> Self {
        self.nothing |= !grow(&mut self.predicate.ppids, pids);
        self
    }

    /// It is one of these processes, of which those that are gone will be missing; no process is one of none.
    pub fn refs(mut self, references: impl IntoIterator<Item = ProcessRef>) -> Self {
        self.nothing |= !grow(&mut self.predicate.refs, references);
        self
    }

    /// It is a child of this process.
    pub fn children_of(mut self, parent: &ProcessRef) -> Self {
        self.predicate.children_of.push(parent.clone());
        self
    }

    /// It descends from this process, at any depth; the process itself does not.
    pub fn descendants_of(mut self, ancestor: &ProcessRef) -> Self {
        self.predicate.descendants_of.push(ancestor.clone());
        self
    }

    /// Its name is this.
    pub fn name(mut self, name: impl AsRef<[u8]>) -> Self {
        self.predicate.name = exactly(name);
        self
    }

    /// Its name begins with this.
    pub fn name_prefix(mut self, prefix: impl AsRef<[u8]>) -> Self {
        self.predicate.name = beginning(prefix);
        self
    }

    /// This regular expression is found in its name. Syntax of the crate `regex`, at most 1024 bytes.
    pub fn name_regex(mut self, regex: impl Into<String>) -> Self {
        self.predicate.name = containing(regex);
        self
    }

    /// The path of its program is this.
    pub fn exe(mut self, path: impl AsRef<[u8]>) -> Self {
        self.predicate.exe = exactly(path);
        self
    }

    /// The path of its program begins with this.
    pub fn exe_prefix(mut self, prefix: impl AsRef<[u8]>) -> Self {
        self.predicate.exe = beginning(prefix);
        self
    }

    /// This regular expression is found in the path of its program.
    pub fn exe_regex(mut self, regex: impl Into<String>) -> Self {
        self.predicate.exe = containing(regex);
        self
    }

    /// Its arguments, joined by single spaces, are this.
    pub fn cmdline(mut self, arguments: impl AsRef<[u8]>) -> Self {
        self.predicate.cmdline = exactly(arguments);
        self
    }

    /// Its arguments, joined by single spaces, begin with this.
    pub fn cmdline_prefix(mut self, prefix: impl AsRef<[u8]>) -> Self {
        self.predicate.cmdline = beginning(prefix);
        self
    }

    /// This regular expression is found in its arguments, joined by single spaces. What the caller's role shows masked is
    /// matched as masked.
    pub fn cmdline_regex(mut self, regex: impl Into<String>) -> Self {
        self.predicate.cmdline = containing(regex);
        self
    }

    /// The name of its real user is this.
    pub fn user(mut self, name: impl AsRef<[u8]>) -> Self {
        self.predicate.usernames.push(name.as_ref().to_vec());
        self
    }

    /// Its real user id is this.
    pub fn uid(mut self, uid: u32) -> Self {
        self.predicate.uids.push(uid);
        self
    }

    /// It is in this state.
    pub fn state(mut self, state: ProcessState) -> Self {
        self.predicate.states.push(state.into());
        self
    }

    /// Its controlling terminal is this, by path: `/dev/pts/1`.
    pub fn terminal(mut self, path: impl AsRef<[u8]>) -> Self {
        self.predicate.terminals.push(path.as_ref().to_vec());
        self
    }

    /// The path of its control group is this or lies below it. The last call counts.
    pub fn cgroup(mut self, path: impl AsRef<[u8]>) -> Self {
        self.predicate.cgroup_prefix = Some(path.as_ref().to_vec());
        self
    }

    /// Its systemd unit is this: `ssh.service`.
    pub fn unit(mut self, name: impl AsRef<[u8]>) -> Self {
        self.predicate.units.push(name.as_ref().to_vec());
        self
    }

    /// It runs in the container with this id, of which the first 12 characters are enough.
    pub fn container(mut self, id: impl Into<String>) -> Self {
        self.predicate.container_ids.push(id.into());
        self
    }

    /// It is a kernel thread, or (`false`) a program.
    pub fn kernel_threads(mut self, yes: bool) -> Self {
        self.predicate.kernel_thread = Some(yes);
        self
    }

    /// It has at least this much memory resident.
    pub fn min_resident_bytes(mut self, bytes: u64) -> Self {
        self.predicate.min_resident_bytes = Some(bytes);
        self
    }

    /// It uses at least this many processors (1.0 is one, in full) over the list's
    /// [`usage_window`](crate::ListProcesses::usage_window), which must be set.
    pub fn min_cpu_usage(mut self, ratio: f64) -> Self {
        self.predicate.min_cpu_usage_ratio = Some(ratio);
        self
    }

    /// It has at least this many descriptors open.
    pub fn min_fds(mut self, count: u32) -> Self {
        self.predicate.min_fd_count = Some(count);
        self
    }

    /// It was started at this moment of the host's clock, or later.
    pub fn started_after(mut self, moment: impl Into<Timestamp>) -> Self {
        self.predicate.started_after = Some(moment.into());
        self
    }

    /// It was started before this moment of the host's clock.
    pub fn started_before(mut self, moment: impl Into<Timestamp>) -> Self {
        self.predicate.started_before = Some(moment.into());
        self
    }

    /// It holds a socket that is bound to this port of the host, connections included. Needs the role inspector.
    pub fn local_port(mut self, port: u16) -> Self {
        self.predicate.local_ports.push(port.into());
        self
    }

    /// It serves this port: listens on it, or has bound it without a peer (UDP). Needs the role inspector.
    pub fn listening_on(mut self, port: u16) -> Self {
        self.predicate.listening_ports.push(port.into());
        self
    }
}

impl From<ProcessSelect> for ProcessPredicate {
    fn from(select: ProcessSelect) -> Self {
        if select.nothing {
            return Self { pids: vec![NO_PROCESS], ..Self::default() };
        }
        select.predicate
    }
}

impl From<ProcessPredicate> for ProcessSelect {
    fn from(predicate: ProcessPredicate) -> Self {
        Self { predicate, nothing: false }
    }
}

/// Adds to a list that the wire takes as "any of these", where an empty one would not be "none" but "no condition".
fn grow<Item>(list: &mut Vec<Item>, items: impl IntoIterator<Item = Item>) -> bool {
    let before = list.len();
    list.extend(items);
    list.len() > before
}

fn exactly(bytes: impl AsRef<[u8]>) -> Option<BytesMatch> {
    Some(BytesMatch { r#match: Some(bytes_match::Match::Exact(bytes.as_ref().to_vec())) })
}

fn beginning(bytes: impl AsRef<[u8]>) -> Option<BytesMatch> {
    Some(BytesMatch { r#match: Some(bytes_match::Match::Prefix(bytes.as_ref().to_vec())) })
}

fn containing(regex: impl Into<String>) -> Option<BytesMatch> {
    Some(BytesMatch { r#match: Some(bytes_match::Match::Regex(regex.into())) })
}
