//! The resource limits of a process.

use anstyle::{AnsiColor, Style};
use procwire_proto::v1::{LimitValue, Process, ResourceKind, ResourceLimit};

use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// From this share of the soft limit on, a row stands out.
const NEARLY_USED_UP: f64 = 0.8;

/// What stands for no limit.
const UNLIMITED: &str = "unlimited";

/// What is used and is not the process's own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Threads of all processes of the same real user.
    pub(crate) user_threads: Option<u64>,
}

impl Usage {
    /// What is used of a resource, in its unit; `None` where nothing tells.
    pub(crate) fn of(&self, process: &Process, resource: ResourceKind) -> Option<u64> {
        let memory = process.memory;
        match resource {
            ResourceKind::Nofile => process.fd_count.map(u64::from),
            ResourceKind::Nproc => self.user_threads,
            ResourceKind::Cpu => {
                let times = process.cpu_times?;
                Some(times.user_ns?.saturating_add(times.system_ns?) / 1_000_000_000)
            }
            ResourceKind::As => memory?.virtual_bytes,
            ResourceKind::Data => memory?.data_bytes,
            ResourceKind::Rss => memory?.resident_bytes,
            ResourceKind::Memlock => memory?.locked_bytes,
            ResourceKind::Rtprio => process.scheduling.as_ref()?.realtime_priority.map(u64::from),
            _ => None,
        }
    }
}

/// The table of all limits.
pub(crate) fn table(process: &Process, usage: &Usage) -> Table {
    let columns = [("RESOURCE", Align::Left), ("SOFT", Align::Right), ("HARD", Align::Right), ("USED", Align::Right)];
    let mut columns: Vec<_> = columns.map(|(header, align)| Column::new(header, align)).into();
    columns.push(Column::new("OF WHAT", Align::Left));
    let mut table = Table::new(columns);
    for limit in &process.resource_limits {
        let resource = limit.resource();
        let used = usage.of(process, resource);
        let cells = [
            resource.as_code().to_ascii_lowercase(),
            limit_text(resource, limit.soft.as_ref()),
            limit_text(resource, limit.hard.as_ref()),
            used.map_or_else(|| MISSING.to_owned(), |used| amount(resource, used)),
            meaning(process, limit),
        ];
        table.push(cells.to_vec(), style(limit, used));
    }
    table
}

/// One limit in short: `37 of 1024 open descriptors`; `None` where nothing is used or the use is not known.
pub(crate) fn in_short(process: &Process, resource: ResourceKind) -> Option<String> {
    let limit = process.resource_limit(resource)?;
    let soft = limit_text(resource, limit.soft.as_ref());
    Some(match Usage::default().of(process, resource) {
        Some(used) => format!("{} of {soft}", amount(resource, used)),
        None if soft == UNLIMITED => soft,
        None => format!("at most {soft}"),
    })
}

fn limit_text(resource: ResourceKind, value: Option<&LimitValue>) -> String {
    match value {
        None => MISSING.to_owned(),
        Some(value) => value.bound().map_or_else(|| UNLIMITED.to_owned(), |bound| amount(resource, bound)),
    }
}

/// A number in the unit of the resource (getrlimit(2)).
fn amount(resource: ResourceKind, number: u64) -> String {
    match resource {
        ResourceKind::Cpu => format!("{number} s"),
        ResourceKind::Rttime => format!("{number} us"),
        ResourceKind::Fsize
        | ResourceKind::Data
        | ResourceKind::Stack
        | ResourceKind::Core
        | ResourceKind::Rss
        | ResourceKind::Memlock
        | ResourceKind::As
        | ResourceKind::Msgqueue => units::bytes(number),
        _ => number.to_string(),
    }
}

fn meaning(process: &Process, limit: &ResourceLimit) -> String {
    match limit.resource() {
        ResourceKind::Cpu => "processor time".to_owned(),
        ResourceKind::Fsize => "a file it writes".to_owned(),
        ResourceKind::Data => "data segment".to_owned(),
        ResourceKind::Stack => "stack of its main thread".to_owned(),
        ResourceKind::Core => "core dump".to_owned(),
        ResourceKind::Rss => "resident memory (not enforced)".to_owned(),
        ResourceKind::Nproc => "threads of its user".to_owned(),
        ResourceKind::Nofile => "open descriptors".to_owned(),
        ResourceKind::Memlock => "locked memory".to_owned(),
        ResourceKind::As => "address space".to_owned(),
        ResourceKind::Locks => "file locks (not enforced)".to_owned(),
        ResourceKind::Sigpending => "queued signals of its user".to_owned(),
        ResourceKind::Msgqueue => "POSIX message queues of its user".to_owned(),
        ResourceKind::Nice => nice(process, limit),
        ResourceKind::Rtprio => "realtime priority".to_owned(),
        ResourceKind::Rttime => "realtime without blocking".to_owned(),
        ResourceKind::Unspecified => String::new(),
    }
}

/// The limit counts from 20 downwards: nice may go as low as 20 minus the limit (getrlimit(2)).
fn nice(process: &Process, limit: &ResourceLimit) -> String {
    let now = process.nice.map(|nice| format!(", now {nice}")).unwrap_or_default();
    match limit.soft.as_ref().and_then(LimitValue::bound).and_then(|bound| i64::try_from(bound).ok()) {
        Some(bound) if bound > 0 => format!("nice down to {}{now}", 20_i64.saturating_sub(bound).max(-20)),
        _ => format!("nice cannot be lowered{now}"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share for the eye")]
fn style(limit: &ResourceLimit, used: Option<u64>) -> Style {
    let soft = limit.soft.as_ref().and_then(LimitValue::bound);
    match (soft, used) {
        (Some(soft), Some(used)) if used > 0 && used as f64 >= soft as f64 * NEARLY_USED_UP => {
            AnsiColor::Yellow.on_default()
        }
        _ => Style::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{ProcessCpuTimes, ProcessMemory, Unlimited, limit_value};

    use super::*;

    fn value(bound: Option<u64>) -> Option<LimitValue> {
        let value = bound.map_or(limit_value::Value::Unlimited(Unlimited {}), limit_value::Value::Limit);
        Some(LimitValue { value: Some(value) })
    }

    fn limit(resource: ResourceKind, soft: Option<u64>, hard: Option<u64>) -> ResourceLimit {
        ResourceLimit { resource: resource.into(), soft: value(soft), hard: value(hard) }
    }

    fn process() -> Process {
        Process {
            fd_count: Some(900),
            nice: Some(0),
            memory: Some(ProcessMemory { virtual_bytes: Some(3_565_158), ..ProcessMemory::default() }),
            cpu_times: Some(ProcessCpuTimes {
                user_ns: Some(1_900_000_000),
                system_ns: Some(200_000_000),
                ..ProcessCpuTimes::default()
            }),
            resource_limits: vec![
                limit(ResourceKind::Cpu, None, None),
                limit(ResourceKind::Stack, Some(8 << 20), None),
                limit(ResourceKind::Nproc, Some(7), Some(9)),
                limit(ResourceKind::Nofile, Some(1024), Some(524_288)),
                limit(ResourceKind::As, None, None),
                limit(ResourceKind::Nice, Some(30), Some(40)),
                limit(ResourceKind::Locks, Some(0), Some(0)),
            ],
            ..Process::default()
        }
    }

    #[test]
    fn limits_have_units_and_what_is_used_beside_them() {
        let mut out = Vec::new();
        table(&process(), &Usage { user_threads: Some(3) }).write(&mut out, Some(80)).unwrap();
        let text = String::from_utf8(out).unwrap();
        let plain = anstream::adapter::strip_str(&text).to_string();
        let lines: Vec<_> = plain.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "RESOURCE SOFT HARD USED OF WHAT",
                "cpu unlimited unlimited 2 s processor time",
                "stack 8.0 MiB unlimited - stack of its main thread",
                "nproc 7 9 3 threads of its user",
                "nofile 1024 524288 900 open descriptors",
                "as unlimited unlimited 3.4 MiB address space",
                "nice 30 40 - nice down to -10, now 0",
                "locks 0 0 - file locks (not enforced)",
            ]
        );
        let yellow = text.lines().filter(|line| line.contains("\u{1b}[33m")).collect::<Vec<_>>();
        assert!(yellow.len() == 1 && yellow[0].contains("nofile"), "{yellow:?}");
    }

    #[test]
    fn a_limit_in_short_says_what_is_used_where_that_is_known() {
        assert_eq!(in_short(&process(), ResourceKind::Nofile).unwrap(), "900 of 1024");
        assert_eq!(in_short(&process(), ResourceKind::As).unwrap(), "3.4 MiB of unlimited");
        assert_eq!(in_short(&process(), ResourceKind::Stack).unwrap(), "at most 8.0 MiB");
        assert_eq!(in_short(&process(), ResourceKind::Core), None);
    }

    #[test]
    fn a_limit_that_was_not_told_is_a_dash_and_a_nice_limit_of_none_forbids() {
        let odd = ResourceLimit { resource: ResourceKind::Nice.into(), soft: None, hard: None };
        let process = Process { resource_limits: vec![odd], ..Process::default() };
        let mut out = Vec::new();
        table(&process, &Usage::default()).write_rows(&mut out, None).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "nice        -    -    - nice cannot be lowered\n");
    }
}
