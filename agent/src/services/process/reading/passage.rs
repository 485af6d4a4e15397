//! The way of one process through the filter: read as little as decides, then what is wanted of those that pass.

use procwire_host::{HostError, ProcessPlan, ProcessReader};
use procwire_proto::{ProcessFieldSet, process_fields::bit, v1::Process};

use super::step::{Begun, Depth, Step, Waits, fields_that_wait};
use crate::services::process::filter::{Facts, Filter, Subject, Truth};

/// What became of a process.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and a box would be an allocation for each row")]
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed(Process),
    /// `unjudged`: a value that the filter looks at could not be read.
    LeftOut {
        unjudged: bool,
    },
    Vanished,
    /// Nobody waits for it any more.
    Abandoned,
}

/// How rows are read, and which of them.
#[derive(Debug)]
pub(crate) struct Passage {
    filter: Filter,
    facts: Facts,
    /// What the filter looks at, cheapest first; a process that is decided goes no further. Each step reads all that is wanted of the
    /// files that it opens.
    judging: Vec<Step>,
    /// What is wanted and has not been read after that many steps.
    finish: Vec<Step>,
    long: Option<Step>,
}

impl Passage {
    pub(super) fn new(
        filter: Filter,
        facts: Facts,
        wanted: ProcessFieldSet,
        plan: impl Fn(ProcessFieldSet) -> ProcessPlan,
    ) -> Self {
        let (wanted, long) = long_apart(wanted);
        let mut judging = Vec::new();
        let mut finish = vec![Step::new(wanted, &plan)];
        let mut known = ProcessFieldSet::EMPTY;
        for looked_at in by_price(filter.fields()) {
            let at_hand = wanted.intersection(at_hand_with(looked_at));
            let step = Step::new(looked_at.union(at_hand).difference(known), &plan);
            known = known.union(step.fields);
            judging.push(step);
            finish.push(Step::new(wanted.difference(known), &plan));
        }
        let long = (!long.is_empty()).then(|| Step::new(long, &plan));
        Self { filter, facts, judging, finish, long }
    }

    /// The most that reading waits for.
    pub(super) fn waits(&self, depth: Depth) -> Waits {
        let steps = self.judging.iter().chain(&self.finish).chain(&self.long);
        steps.map(|step| depth.at_most(step.waits)).max().unwrap_or(Waits::Never)
    }

    /// True if there is no filter.
    pub(crate) fn lets_all_pass(&self) -> bool {
        self.filter.is_empty()
    }

    /// Everything that is wanted but long work. There is always such a step: it says who the process is.
    pub(super) fn quick_part(&self) -> Option<&Step> {
        self.finish.first()
    }

    pub(super) fn long_work(&self) -> Option<&Step> {
        self.long.as_ref()
    }

    /// Reads a process as far as it goes. `at` is told before each step what that waits for, or that it is only judged what was read; it
    /// says whether anybody still waits.
    pub(crate) fn read(
        &self,
        reader: &mut ProcessReader,
        begun: Begun,
        depth: Depth,
        mut at: impl FnMut(Option<Waits>) -> bool,
    ) -> Result<Outcome, HostError> {
        let pid = match &begun {
            Begun::Listed(pid) | Begun::Named(pid) => *pid,
            Begun::Row(row) => row.pid,
        };
        let mut begun = begun;
        let mut known = ProcessFieldSet::EMPTY;
        let mut verdict = self.judge(pid, None, known);
        let mut steps = 0;
        for step in &self.judging {
            if verdict != Truth::Unknown {
                break;
            }
            if !at(Some(depth.at_most(step.waits))) {
                return Ok(Outcome::Abandoned);
            }
            let Some(row) = step.read(reader, begun, depth)? else { return Ok(Outcome::Vanished) };
            known = known.union(step.fields);
            if !at(None) {
                return Ok(Outcome::Abandoned);
            }
            verdict = self.judge(pid, Some(&row), known);
            begun = Begun::Row(row);
            steps += 1;
        }
        match verdict {
            Truth::False => return Ok(Outcome::LeftOut { unjudged: false }),
            Truth::Unknown => return Ok(Outcome::LeftOut { unjudged: true }),
            Truth::True => {}
        }
        for step in self.finish.get(steps).into_iter().chain(&self.long) {
            let is_done = matches!(begun, Begun::Row(_)) && step.fields.is_empty();
            if is_done {
                continue;
            }
            if !at(Some(depth.at_most(step.waits))) {
                return Ok(Outcome::Abandoned);
            }
            let Some(row) = step.read(reader, begun, depth)? else { return Ok(Outcome::Vanished) };
            begun = Begun::Row(row);
        }
        Ok(match begun {
            Begun::Row(row) => Outcome::Passed(row),
            Begun::Listed(_) | Begun::Named(_) => Outcome::Vanished,
        })
    }

    /// The fields that are read step by step, for each number of steps after which the filter is decided.
    #[cfg(test)]
    pub(super) fn ways(&self) -> impl Iterator<Item = Vec<ProcessFieldSet>> {
        self.finish.iter().enumerate().map(|(steps, finish)| {
            let judging = self.judging.iter().take(steps);
            judging.chain([finish]).chain(&self.long).map(|step| step.fields).collect()
        })
    }

    fn judge(&self, pid: u32, row: Option<&Process>, known: ProcessFieldSet) -> Truth {
        if self.filter.is_empty() {
            return Truth::True;
        }
        self.filter.judge(&Subject::new(pid, row, known, &self.facts))
    }
}

/// The fields that a filter looks at, those that cost the least first.
fn by_price(fields: ProcessFieldSet) -> impl Iterator<Item = ProcessFieldSet> {
    let stat = fields.intersection(ProcessFieldSet::from_source("/proc/PID/stat"));
    let rest = fields.difference(stat);
    let quick = rest.intersection(fields_that_wait(|waits| waits == Waits::Never));
    let slow = rest.difference(quick);
    [stat, quick, slow].into_iter().filter(|fields| !fields.is_empty())
}

/// Everything that the files of these fields answer, and stat, which is read each time. The name is not among it: it may take cmdline.
pub(super) fn at_hand_with(fields: ProcessFieldSet) -> ProcessFieldSet {
    let sources: Vec<&str> = fields.iter().map(|field| field.source).collect();
    ProcessFieldSet::matching(|field| field.source == "/proc/PID/stat" || sources.contains(&field.source))
        .difference(bit::NAME)
}

/// First what is quickly read, so that it is there whatever becomes of the rest.
pub(super) fn in_two_steps(fields: ProcessFieldSet, plan: impl Fn(ProcessFieldSet) -> ProcessPlan) -> Vec<Step> {
    let (short, long) = long_apart(fields);
    [short, long].into_iter().filter(|fields| !fields.is_empty()).map(|fields| Step::new(fields, &plan)).collect()
}

fn long_apart(fields: ProcessFieldSet) -> (ProcessFieldSet, ProcessFieldSet) {
    let long = fields.intersection(fields_that_wait(|waits| waits == Waits::ForWork));
    (fields.difference(long), long)
}
