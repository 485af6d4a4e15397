//! The threads of a process.

use std::collections::BTreeMap;

use procwire_proto::{
    escape,
    v1::{GetProcessResponse, Process, ProcessThread},
};

use super::columns::style;
use crate::render::{
    table::{Align, Column, Table},
    units,
    value::MISSING,
};

/// Processor time of threads between two readings.
#[derive(Debug)]
pub(crate) struct ThreadUsage {
    /// By thread id and start: ids come back.
    earlier_ns: BTreeMap<(u32, u64), u64>,
    window_ns: Option<u64>,
}

impl ThreadUsage {
    /// From one reading of a process to a later one.
    pub(crate) fn between(earlier: &GetProcessResponse, later: &GetProcessResponse) -> Self {
        let threads = earlier.process.iter().flat_map(|process| &process.threads);
        let earlier_ns = threads.filter_map(|thread| Some((key(thread), used_ns(thread)?))).collect();
        let window_ns = match (&earlier.sampled, &later.sampled) {
            (Some(earlier), Some(later)) => later.nanoseconds_since(earlier).filter(|window| *window > 0),
            _ => None,
        };
        Self { earlier_ns, window_ns }
    }

    /// Share of one processor, 1.0 is all of it; `None` for a thread that was not there before.
    #[allow(clippy::cast_precision_loss, reason = "a share for the eye")]
    pub(crate) fn of(&self, thread: &ProcessThread) -> Option<f64> {
        let used = used_ns(thread)?.saturating_sub(*self.earlier_ns.get(&key(thread))?);
        Some(used as f64 / self.window_ns? as f64)
    }
}

/// The busiest first where that was measured, else as the kernel lists them.
pub(crate) fn in_order<'a>(process: &'a Process, usage: Option<&ThreadUsage>) -> Vec<&'a ProcessThread> {
    let mut threads: Vec<_> = process.threads.iter().collect();
    if let Some(usage) = usage {
        let busy = |thread: &ProcessThread| usage.of(thread).unwrap_or(-1.0);
        threads.sort_by(|left, right| busy(right).total_cmp(&busy(left)));
    }
    threads
}

/// The table of these threads.
pub(crate) fn table(threads: &[&ProcessThread], usage: Option<&ThreadUsage>, wide: bool) -> Table {
    let columns: Vec<_> = COLUMNS.iter().filter(|column| wide || !column.only_wide).collect();
    let mut shown: Vec<_> = columns.iter().map(|column| Column::new(column.header, column.align)).collect();
    if usage.is_some() {
        shown.insert(USAGE_AT, Column::new("%CPU", Align::Right));
    }
    let mut table = Table::new(shown);
    for thread in threads {
        let or_missing = |cell: Option<String>| cell.unwrap_or_else(|| MISSING.to_owned());
        let mut cells: Vec<_> = columns.iter().map(|column| or_missing((column.cell)(thread))).collect();
        if let Some(usage) = usage {
            cells.insert(USAGE_AT, or_missing(usage.of(thread).map(|ratio| format!("{:.1}", ratio * 100.0))));
        }
        table.push(cells, style(&Process { state: thread.state, ..Process::default() }));
    }
    table
}

/// Behind the id and the state.
const USAGE_AT: usize = 2;

struct ThreadColumn {
    header: &'static str,
    align: Align,
    only_wide: bool,
    cell: fn(&ProcessThread) -> Option<String>,
}

const fn column(header: &'static str, align: Align, cell: fn(&ProcessThread) -> Option<String>) -> ThreadColumn {
    ThreadColumn { header, align, only_wide: false, cell }
}

const fn wide(header: &'static str, align: Align, cell: fn(&ProcessThread) -> Option<String>) -> ThreadColumn {
    ThreadColumn { header, align, only_wide: true, cell }
}

static COLUMNS: [ThreadColumn; 12] = [
    column("TID", Align::Right, |thread| Some(thread.thread_id.to_string())),
    column("S", Align::Left, |thread| thread.state.map(|_| thread.state().letter().to_string())),
    column("USER", Align::Right, |thread| thread.user_ns.map(units::cpu_time)),
    column("SYSTEM", Align::Right, |thread| thread.system_ns.map(units::cpu_time)),
    column("CPU", Align::Right, |thread| thread.cpu_number.map(|number| number.to_string())),
    wide("NI", Align::Right, |thread| thread.nice.map(|nice| nice.to_string())),
    wide("POLICY", Align::Left, |thread| thread.policy.map(|_| thread.policy().as_words().replace(' ', "-"))),
    wide("VOLUNTARY", Align::Right, |thread| thread.voluntary_context_switches.map(|count| count.to_string())),
    wide("FORCED", Align::Right, |thread| thread.involuntary_context_switches.map(|count| count.to_string())),
    wide("IOWAIT", Align::Right, |thread| thread.block_io_wait_ns.map(units::cpu_time)),
    wide("MAY RUN ON", Align::Left, |thread| {
        thread.allowed_cpus.as_ref().map(|cpus| escape::terminal(cpus.as_bytes()).into_owned())
    }),
    column("NAME", Align::Left, |thread| thread.name.as_deref().map(|name| escape::terminal(name).into_owned())),
];

fn key(thread: &ProcessThread) -> (u32, u64) {
    (thread.thread_id, thread.start_ticks)
}

fn used_ns(thread: &ProcessThread) -> Option<u64> {
    Some(thread.user_ns?.saturating_add(thread.system_ns?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{ProcessState, SampleTime, SchedulingPolicy};

    use super::*;

    fn thread(thread_id: u32, name: &[u8], user_ms: u64) -> ProcessThread {
        ProcessThread {
            thread_id,
            start_ticks: 100,
            name: Some(name.to_vec()),
            state: Some(ProcessState::Sleeping.into()),
            user_ns: Some(user_ms * 1_000_000),
            system_ns: Some(0),
            cpu_number: Some(3),
            policy: Some(SchedulingPolicy::RoundRobin.into()),
            ..ProcessThread::default()
        }
    }

    fn response(monotonic_ns: u64, threads: Vec<ProcessThread>) -> GetProcessResponse {
        GetProcessResponse {
            process: Some(Process { threads, ..Process::default() }),
            sampled: Some(SampleTime { monotonic_ns, ..SampleTime::default() }),
            effective_mask: None,
        }
    }

    fn lines(process: &Process, usage: Option<&ThreadUsage>, wide: bool) -> Vec<String> {
        let mut out = Vec::new();
        table(&in_order(process, usage), usage, wide).write(&mut out, Some(100)).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn usage_is_measured_between_two_readings_and_sorts_the_busiest_first() {
        let earlier = response(1_000_000_000, vec![thread(7, b"idle", 10), thread(8, b"busy", 100)]);
        let new = ProcessThread { start_ticks: 200, ..thread(9, b"new", 5) };
        let reused = ProcessThread { start_ticks: 300, ..thread(7, b"reused", 20) };
        let later = response(1_500_000_000, vec![reused, thread(8, b"busy", 350), new]);
        let usage = ThreadUsage::between(&earlier, &later);
        assert_eq!(
            lines(later.process.as_ref().unwrap(), Some(&usage), false),
            [
                "TID S %CPU USER SYSTEM CPU NAME",
                "8 S 50.0 0:00.35 0:00.00 3 busy",
                "7 S - 0:00.02 0:00.00 3 reused",
                "9 S - 0:00.00 0:00.00 3 new"
            ]
        );
    }

    #[test]
    fn without_a_window_nothing_is_made_up() {
        let at_once = response(5, vec![thread(7, b"a", 10)]);
        let usage = ThreadUsage::between(&at_once, &at_once);
        assert_eq!(usage.of(&thread(7, b"a", 10)), None);
    }

    #[test]
    fn names_are_hostile_and_what_is_missing_is_a_dash() {
        let process = Process {
            threads: vec![thread(7, b")\n\x1b[2J", 0), ProcessThread { thread_id: 8, ..ProcessThread::default() }],
            ..Process::default()
        };
        assert_eq!(
            lines(&process, None, false),
            ["TID S USER SYSTEM CPU NAME", r"7 S 0:00.00 0:00.00 3 )\n\x1b[2J", "8 - - - - -"]
        );
        let wide = lines(&process, None, true);
        assert!(wide[0].contains("POLICY VOLUNTARY FORCED IOWAIT MAY RUN ON NAME"), "{wide:?}");
        assert!(wide[1].contains(" round-robin "), "{wide:?}");
    }
}
