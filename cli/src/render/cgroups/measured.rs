//! A control group between two readings.

use std::borrow::Cow;

use procwire_proto::v1::{Cgroup, CgroupIo, PressureResource};

/// A group as it is now, and as it was before the window, if it was there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) now: &'a Cgroup,
    pub(crate) before: Option<&'a Cgroup>,
    /// Time between the two.
    pub(crate) seconds: f64,
}

/// True if nothing runs in it or below; of a group that does not tell by its tasks.
pub(crate) fn is_empty(cgroup: &Cgroup) -> bool {
    match (cgroup.populated, cgroup.pids.and_then(|pids| pids.current)) {
        (Some(populated), _) => !populated,
        (None, Some(tasks)) => tasks == 0,
        (None, None) => false,
    }
}

/// The path by which a group is known: of a host with v1 trees only, that in the first of them.
pub(super) fn path_of(cgroup: &Cgroup) -> &[u8] {
    let v1 = cgroup.v1.first().map(|membership| membership.path.as_slice());
    cgroup.path.as_deref().or(v1).unwrap_or_default()
}

impl<'a> Group<'a> {
    pub(super) fn path(&self) -> &'a [u8] {
        path_of(self.now)
    }

    pub(super) fn used_cpus(&self) -> Option<f64> {
        self.now.cpu.and_then(|cpu| cpu.used_cpus)
    }

    pub(super) fn memory_bytes(&self) -> Option<u64> {
        self.now.memory.as_ref().and_then(|memory| memory.usage_bytes)
    }

    pub(super) fn tasks(&self) -> Option<u64> {
        self.now.pids.and_then(|pids| pids.current)
    }

    pub(super) fn read_bytes_per_second(&self) -> Option<f64> {
        self.io_rate(|io| io.read_bytes)
    }

    pub(super) fn written_bytes_per_second(&self) -> Option<f64> {
        self.io_rate(|io| io.write_bytes)
    }

    /// Over all devices. A group that was not there before has no rate; neither has one whose device came or went.
    fn io_rate(&self, counter: impl Fn(&CgroupIo) -> Option<u64>) -> Option<f64> {
        let sum = |cgroup: &Cgroup| -> Option<u64> {
            let is_told = !cgroup.errors.iter().any(|error| error.path == "io");
            is_told.then(|| cgroup.io.iter().filter_map(&counter).fold(0, u64::saturating_add))
        };
        let more = sum(self.now)?.checked_sub(sum(self.before?)?)?;
        (self.seconds > 0.0).then(|| more as f64 / self.seconds)
    }

    /// The resource that its tasks waited for most in the last ten seconds, and how much of them.
    pub(super) fn stall(&self) -> Option<(&'static str, f64)> {
        let pressure = self.now.pressure.as_ref()?;
        let some = |resource: &Option<PressureResource>| Some(resource.as_ref()?.some?.ten_seconds_ratio);
        let stalls = [("cpu", &pressure.cpu), ("memory", &pressure.memory), ("io", &pressure.io)];
        let stalls = stalls.into_iter().filter_map(|(name, resource)| Some((name, some(resource)?)));
        stalls.max_by(|(_, left), (_, right)| left.total_cmp(right))
    }

    /// Share of the periods of the window in which it was kept from running because its limit of processor time was used up.
    pub(super) fn throttled_ratio(&self) -> Option<f64> {
        let (now, before) = (self.now.cpu?, self.before?.cpu?);
        let periods = now.periods?.checked_sub(before.periods?).filter(|periods| *periods > 0)?;
        let throttled = now.throttled_periods?.checked_sub(before.throttled_periods?)?;
        Some(throttled as f64 / periods as f64)
    }

    /// What somebody should know of it, the worst first.
    pub(super) fn notes(&self) -> Vec<(Weight, Cow<'static, str>)> {
        let mut notes = Vec::new();
        let kills = |cgroup: &Cgroup| cgroup.memory.as_ref().and_then(|memory| memory.oom_kills);
        let killed = kills(self.now).unwrap_or_default();
        let just_now = self.before.and_then(kills).map_or(0, |before| killed.saturating_sub(before));
        if just_now > 0 {
            notes.push((Weight::Alarm, format!("{just_now} killed just now for want of memory").into()));
        }
        if let Some(memory) = &self.now.memory
            && let (Some(usage), Some(limit)) =
                (memory.usage_bytes, memory.limit_bytes.or(memory.effective_limit_bytes))
            && usage as f64 >= limit as f64 * NEARLY_FULL
        {
            notes.push((Weight::Alarm, "at its memory limit".into()));
        }
        if let Some(ratio) = self.throttled_ratio().filter(|ratio| *ratio > 0.0) {
            notes.push((Weight::Alarm, format!("throttled in {:.0} % of periods", ratio * 100.0).into()));
        }
        if let Some(pids) = self.now.pids
            && let (Some(current), Some(limit)) = (pids.current, pids.limit.or(pids.effective_limit))
            && current >= limit
        {
            notes.push((Weight::Alarm, "at its limit of tasks".into()));
        }
        if self.now.frozen == Some(true) {
            notes.push((Weight::Word, "frozen".into()));
        }
        if killed > just_now {
            notes.push((Weight::Word, format!("{} killed for want of memory before", killed - just_now).into()));
        }
        if let Some(refused) = self.now.pids.and_then(|pids| pids.limit_hits).filter(|refused| *refused > 0) {
            notes.push((Weight::Word, format!("{refused} forks refused").into()));
        }
        notes
    }
}

/// From this share of a memory limit on the kernel frees pages in haste.
const NEARLY_FULL: f64 = 0.95;

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// It suffers now.
    Alarm,
    /// Good to know.
    Word,
}
