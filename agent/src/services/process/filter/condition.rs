//! One condition, and what is known of it.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
};

use procwire_proto::{
    ProcessFieldSet, Timestamp,
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, Process, ProcessState},
};

use super::{Facts, Truth, text::Text};

/// A container id is long and unguessable; a shorter part of one could belong to several.
const CONTAINER_ID_MIN_PREFIX_BYTES: usize = 12;

/// Something that must hold of a process.
#[derive(Debug)]
pub(super) enum Condition {
    Pids(HashSet<u32>),
    /// Start ticks by pid; those of another boot are left out.
    Refs(HashMap<u32, Vec<u64>>),
    /// Member of the family with this index.
    Family(usize),
    LocalPorts(Vec<u32>),
    ListeningPorts(Vec<u32>),
    Ppids(HashSet<u32>),
    Name(Text),
    Exe(Text),
    Cmdline(Text),
    Usernames(HashSet<Vec<u8>>),
    Uids(HashSet<u32>),
    States(HashSet<ProcessState>),
    Terminals(HashSet<Vec<u8>>),
    CgroupPrefix(Vec<u8>),
    Units(HashSet<Vec<u8>>),
    ContainerIds(Vec<String>),
    KernelThread(bool),
    MinResidentBytes(u64),
    MinUsageRatio(f64),
    MinFdCount(u32),
    StartedAfter(Timestamp),
    StartedBefore(Timestamp),
}

/// A process, as far as it has been read.
pub(crate) struct Subject<'a> {
    pub(crate) pid: u32,
    pub(crate) row: Option<&'a Process>,
    /// Fields of the row that have been read, whether they could be or not.
    pub(crate) known: ProcessFieldSet,
    pub(crate) facts: &'a Facts,
    joined_cmdline: OnceCell<Vec<u8>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(pid: u32, row: Option<&'a Process>, known: ProcessFieldSet, facts: &'a Facts) -> Self {
        Self { pid, row, known, facts, joined_cmdline: OnceCell::new() }
    }

    /// Made once, however many conditions look at it.
    fn joined_cmdline(&self, row: &Process) -> &[u8] {
        self.joined_cmdline.get_or_init(|| row.cmdline.join(&b' '))
    }
}

impl Condition {
    /// The field that it looks at; none where the pid says all.
    pub(super) fn field(&self) -> ProcessFieldSet {
        match self {
            Self::Pids(_) => ProcessFieldSet::EMPTY,
            Self::Refs(_) | Self::Family(_) | Self::LocalPorts(_) | Self::ListeningPorts(_) => bit::REF,
            Self::Ppids(_) => bit::PPID,
            Self::Name(_) => bit::NAME,
            Self::Exe(_) => bit::EXE,
            Self::Cmdline(_) => bit::CMDLINE,
            Self::Usernames(_) => bit::USERNAME,
            Self::Uids(_) => bit::UIDS,
            Self::States(_) => bit::STATE,
            Self::Terminals(_) => bit::TERMINAL,
            Self::CgroupPrefix(_) | Self::Units(_) | Self::ContainerIds(_) => bit::CGROUP,
            Self::KernelThread(_) => bit::KERNEL_THREAD,
            Self::MinResidentBytes(_) => bit::MEMORY_RESIDENT_BYTES,
            Self::MinUsageRatio(_) => bit::CPU_USAGE_RATIO,
            Self::MinFdCount(_) => bit::FD_COUNT,
            Self::StartedAfter(_) | Self::StartedBefore(_) => bit::START_TIME,
        }
    }

    pub(super) fn judge(&self, subject: &Subject<'_>) -> Truth {
        let Subject { pid, row, facts, .. } = subject;
        match self {
            Self::Pids(pids) => pids.contains(pid).into(),
            Self::LocalPorts(ports) => facts.holds_local(*pid, started(*row), ports),
            Self::ListeningPorts(ports) => facts.listens(*pid, started(*row), ports),
            Self::Refs(refs) => match refs.get(pid) {
                None => Truth::False,
                Some(start_ticks) => started(*row).map_or(Truth::Unknown, |ticks| start_ticks.contains(&ticks).into()),
            },
            Self::Family(index) => {
                facts.family(*index).map_or(Truth::Unknown, |family| family.has(*pid, started(*row)))
            }
            // Everything else is said by the row, once it has been read.
            _ => match row {
                Some(row) if subject.known.contains(self.field()) => self.judge_row(row, subject),
                _ => Truth::Unknown,
            },
        }
    }

    fn judge_row(&self, row: &Process, subject: &Subject<'_>) -> Truth {
        let field = self.field();
        match self {
            Self::Ppids(ppids) => of(row, field, row.ppid, |ppid| ppids.contains(&ppid)),
            Self::Name(text) => match row.name.as_deref() {
                Some(name) if errors(row, field).any(|reason| reason == FieldErrorReason::Truncated) => {
                    text.matches_beginning(name)
                }
                name => of(row, field, name, |name| text.matches(name)),
            },
            Self::Exe(text) => of(row, field, row.exe.as_deref(), |exe| text.matches(exe)),
            Self::Cmdline(text) => cmdline(row, text, subject),
            Self::Usernames(names) => of(row, field, row.username.as_deref(), |name| names.contains(name)),
            Self::Uids(uids) => of(row, field, row.uids, |ids| uids.contains(&ids.real)),
            Self::States(states) => of(row, field, row.state.map(|_| row.state()), |state| states.contains(&state)),
            Self::Terminals(terminals) => of(row, field, row.terminal.as_deref(), |path| terminals.contains(path)),
            Self::CgroupPrefix(prefix) => of(row, field, row.cgroup.as_ref(), |cgroup| {
                // Where there is no unified tree a process sits in each of the others.
                let paths =
                    cgroup.path.iter().chain(cgroup.v1.iter().filter(|_| cgroup.path.is_none()).map(|v1| &v1.path));
                paths.into_iter().any(|path| is_at_or_below(path, prefix))
            }),
            Self::Units(units) => of(row, field, row.cgroup.as_ref(), |cgroup| {
                cgroup.unit.as_deref().is_some_and(|unit| units.contains(unit))
            }),
            Self::ContainerIds(ids) => of(row, field, row.cgroup.as_ref(), |cgroup| {
                let id = cgroup.container_id.as_deref();
                id.is_some_and(|id| ids.iter().any(|wanted| is_container(id, wanted)))
            }),
            Self::KernelThread(wanted) => of(row, field, row.kernel_thread, |is_one| is_one == *wanted),
            Self::MinResidentBytes(least) => {
                let resident = row.memory.as_ref().and_then(|memory| memory.resident_bytes);
                of(row, field, resident, |bytes| bytes >= *least)
            }
            Self::MinUsageRatio(least) => of(row, field, row.cpu_usage_ratio, |ratio| ratio >= *least),
            Self::MinFdCount(least) => of(row, field, row.fd_count, |count| count >= *least),
            Self::StartedAfter(moment) => of(row, field, row.start_time, |time| instant(time) >= instant(*moment)),
            Self::StartedBefore(moment) => of(row, field, row.start_time, |time| instant(time) < instant(*moment)),
            Self::Pids(_) | Self::Refs(_) | Self::Family(_) | Self::LocalPorts(_) | Self::ListeningPorts(_) => {
                Truth::Unknown
            }
        }
    }
}

fn started(row: Option<&Process>) -> Option<u64> {
    row?.r#ref.as_ref().map(|reference| reference.start_ticks)
}

/// A value that is there is judged; one that could not be read is unknown; where there is nothing to say, nothing holds of it. What a
/// zombie had, it has no longer.
fn of<T, H: Into<Truth>>(row: &Process, field: ProcessFieldSet, value: Option<T>, holds: impl FnOnce(T) -> H) -> Truth {
    match value {
        Some(value) => holds(value).into(),
        None if errors(row, field).any(|reason| reason != FieldErrorReason::Zombie) => Truth::Unknown,
        None => Truth::False,
    }
}

/// Why a field is absent or incomplete; errors may name the message that it is a part of.
fn errors(row: &Process, field: ProcessFieldSet) -> impl Iterator<Item = FieldErrorReason> {
    let names = move |path: &str| field.iter().any(|field| is_path_at_or_below(field.path, path));
    row.errors.iter().filter(move |error| names(&error.path)).map(FieldError::reason)
}

fn is_path_at_or_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn cmdline(row: &Process, text: &Text, subject: &Subject<'_>) -> Truth {
    let mut is_cut = false;
    for reason in errors(row, bit::CMDLINE) {
        match reason {
            FieldErrorReason::Truncated => is_cut = true,
            // Masked, and matched as masked: else the filter would tell what the row does not.
            FieldErrorReason::Redacted => {}
            // It has no arguments any more.
            FieldErrorReason::Zombie => return Truth::False,
            _ => return Truth::Unknown,
        }
    }
    let joined = subject.joined_cmdline(row);
    if is_cut { text.matches_beginning(joined) } else { text.matches(joined) }
}

fn is_at_or_below(path: &[u8], ancestor: &[u8]) -> bool {
    let ancestor = ancestor.strip_suffix(b"/").unwrap_or(ancestor);
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn is_container(id: &str, wanted: &str) -> bool {
    id == wanted || (wanted.len() >= CONTAINER_ID_MIN_PREFIX_BYTES && id.starts_with(wanted))
}

fn instant(time: Timestamp) -> (i64, i32) {
    (time.seconds, time.nanos)
}
