//! What one caller may have of what it asked for, and how it is read.

mod passage;
mod step;

use std::sync::Arc;

use procwire_host::{EnvironDisclosure, HostError, ProcessPlan, ProcessReader, UsageBaseline};
use procwire_proto::{
    ProcessFieldSet,
    v1::{FieldError, FieldErrorReason, Process},
};

use self::step::Step;
pub(crate) use self::{
    passage::{Outcome, Passage},
    step::{Begun, Depth, Waits},
};
use super::{
    filter::{Facts, Filter},
    kept::keep,
    order::Order,
};
use crate::{
    host_pool::Lane,
    policy::{Disclosure, Sight},
};

/// A request's fields, split once into those that are read, in which steps, and those that each row says something about instead.
#[derive(Debug)]
pub(crate) struct Reading {
    asked: ProcessFieldSet,
    withheld: Vec<FieldError>,
    /// Rows are read with more than was asked for.
    has_extra: bool,
    /// How all processes are looked at: what the filter and the order need and, without an order, what was asked for.
    passage: Passage,
    order: Order,
    /// What is read of the rows that an order has chosen.
    rest: Vec<Step>,
}

/// What a request asks for beside fields.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) filter: Filter,
    pub(crate) facts: Facts,
    pub(crate) order: Order,
    /// Since when the use of processors is measured.
    pub(crate) baseline: Option<Arc<UsageBaseline>>,
}

impl Reading {
    pub(crate) fn new(asked: ProcessFieldSet, sight: &Sight, selection: Selection) -> Self {
        let Selection { filter, facts, order, baseline } = selection;
        let unserved = asked.difference(ProcessFieldSet::all_served());
        let denied = asked.difference(unserved).intersection(ProcessFieldSet::matching(|f| !sight.sees(f.class)));
        // What is not served stays in the plan, which says so in each row.
        let allowed = asked.difference(denied);
        let plan = |fields| plan(fields, sight, baseline.as_ref());
        let looked_at = filter.fields().union(order.fields());
        // Of the files that are opened for the keys everything is read that is wanted of them: each is read once.
        let (wanted, rest) = if order.is_empty() {
            (allowed, ProcessFieldSet::EMPTY)
        } else {
            let at_hand = passage::at_hand_with(looked_at).union(looked_at);
            let wanted = order.fields().union(allowed.intersection(at_hand));
            (wanted, allowed.difference(wanted))
        };
        let withheld = denied
            .iter()
            .map(|field| FieldError {
                path: field.path.to_owned(),
                reason: FieldErrorReason::Redacted.into(),
                detail: sight.obstacle(field.class),
            })
            .collect();
        Self {
            asked,
            withheld,
            has_extra: !asked.contains(looked_at),
            passage: Passage::new(filter, facts, wanted, plan),
            order,
            rest: passage::in_two_steps(rest, plan),
        }
    }

    /// Every field that the request named.
    pub(crate) fn asked(&self) -> ProcessFieldSet {
        self.asked
    }

    pub(crate) fn passage(&self) -> &Passage {
        &self.passage
    }

    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// Where all processes are looked at.
    pub(crate) fn lane(&self, depth: Depth) -> Lane {
        self.passage.waits(depth).lane()
    }

    /// Where the rest of chosen rows is read.
    pub(crate) fn lane_of_rest(&self, depth: Depth) -> Lane {
        self.rest.iter().map(|step| depth.at_most(step.waits)).max().unwrap_or(Waits::Never).lane()
    }

    /// Reads the rest of a row that an order has chosen.
    pub(crate) fn read_rest(
        &self,
        reader: &mut ProcessReader,
        row: Process,
        depth: Depth,
        mut at: impl FnMut(Waits) -> bool,
    ) -> Result<Outcome, HostError> {
        let mut row = row;
        for step in &self.rest {
            if !at(depth.at_most(step.waits)) {
                return Ok(Outcome::Abandoned);
            }
            match step.read(reader, Begun::Row(row), depth)? {
                Some(more) => row = more,
                None => return Ok(Outcome::Vanished),
            }
        }
        Ok(Outcome::Passed(row))
    }

    /// Reads of one process what is no long work.
    pub(crate) fn read_quick_part(
        &self,
        reader: &mut ProcessReader,
        begun: Begun,
        depth: Depth,
    ) -> Result<Option<Process>, HostError> {
        self.passage.quick_part().map_or(Ok(None), |step| step.read(reader, begun, depth))
    }

    /// True if something was asked for that is long work.
    pub(crate) fn has_long_work(&self) -> bool {
        self.passage.long_work().is_some()
    }

    /// Adds what is long work to a row.
    pub(crate) fn read_long_work(
        &self,
        reader: &mut ProcessReader,
        row: Process,
        depth: Depth,
    ) -> Result<Option<Process>, HostError> {
        match self.passage.long_work() {
            Some(step) => step.read(reader, Begun::Row(row), depth),
            None => Ok(Some(row)),
        }
    }

    /// Says in a row that what is long work was not read after all.
    pub(crate) fn give_up_long_work(&self, row: &mut Process) {
        if let Some(step) = self.passage.long_work() {
            step.give_up(row);
        }
    }

    /// Makes of a row that has been read the one that is sent: only what was asked for, and why some of that is not there.
    pub(crate) fn complete(&self, row: &mut Process) {
        if self.has_extra {
            keep(row, self.asked);
        }
        row.errors.extend_from_slice(&self.withheld);
    }
}

/// What is hidden from the caller is hidden by whoever reads it.
fn plan(fields: ProcessFieldSet, sight: &Sight, baseline: Option<&Arc<UsageBaseline>>) -> ProcessPlan {
    let environ = match (sight.has(Disclosure::EnvironValues), sight.has(Disclosure::EnvironSecrets)) {
        (false, _) => EnvironDisclosure::Names,
        (true, false) => EnvironDisclosure::Masked,
        (true, true) => EnvironDisclosure::Whole,
    };
    let plan = ProcessPlan::new(fields).scrub_cmdline(!sight.has(Disclosure::CmdlineSecrets)).disclose_environ(environ);
    match baseline {
        Some(baseline) => plan.usage_since(Arc::clone(baseline)),
        None => plan,
    }
}

#[cfg(test)]
mod tests;
