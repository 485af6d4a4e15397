//! What one caller may have of what it asked for, and how it is read.

use procwire_host::ProcessPlan;
use procwire_proto::{
    DataClass, Field, ProcessFieldSet,
    process_fields::bit,
    v1::{FieldCost, FieldError, FieldErrorReason, Process},
};

use crate::{
    access::{Role, RoleSet},
    host_pool::Lane,
};

/// A request's fields, split once into those that are read and those that each row says something about instead.
#[derive(Debug)]
pub(crate) struct Reading {
    asked: ProcessFieldSet,
    whole: Pass,
    light: Pass,
}

/// One way to read a row: what is read, and what is said of the rest.
#[derive(Debug)]
struct Pass {
    plan: ProcessPlan,
    lane: Lane,
    withheld: Vec<FieldError>,
}

/// How much of a row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Everything that was asked for and is allowed.
    Whole,
    /// Without what waits for locks of the process; those fields say TIMEOUT.
    Light,
}

impl Reading {
    pub(crate) fn new(asked: ProcessFieldSet, roles: RoleSet) -> Self {
        let unserved = asked.difference(ProcessFieldSet::all_served());
        let denied =
            asked.difference(unserved).intersection(ProcessFieldSet::matching(|f| !roles.allows(needed_role(f.class))));
        // What is not served stays in the plan, which says so in each row.
        let planned = asked.difference(denied);
        let waiting = planned.difference(unserved).intersection(ProcessFieldSet::matching(waits_for_the_process));

        let withheld =
            errors(denied, FieldErrorReason::Redacted, "the caller's roles do not include this class of data");
        let mut timed_out =
            errors(waiting, FieldErrorReason::Timeout, "the process did not let go of its locks in time");
        timed_out.extend(withheld.iter().cloned());

        let scrub = !roles.allows(unmasked_role(DataClass::CommandLine));
        let plan = |fields| ProcessPlan::new(fields).scrub_cmdline(scrub);
        // A name that the kernel cut is completed from cmdline, so it can wait too; without waiting it is there, but cut.
        let can_wait = !waiting.is_empty() || planned.contains(bit::NAME);
        let lane = if can_wait { Lane::Slow } else { Lane::Quick };
        Self {
            asked,
            whole: Pass { plan: plan(planned), lane, withheld },
            light: Pass {
                plan: plan(planned.difference(waiting)).leave_names_cut(true),
                lane: Lane::Quick,
                withheld: timed_out,
            },
        }
    }

    /// Every field that the request named.
    pub(crate) fn asked(&self) -> ProcessFieldSet {
        self.asked
    }

    pub(crate) fn plan(&self, depth: Depth) -> &ProcessPlan {
        &self.pass(depth).plan
    }

    pub(crate) fn lane(&self, depth: Depth) -> Lane {
        self.pass(depth).lane
    }

    /// Says in the row why fields that were asked for are not there.
    pub(crate) fn complete(&self, depth: Depth, row: &mut Process) {
        row.errors.extend_from_slice(&self.pass(depth).withheld);
    }

    fn pass(&self, depth: Depth) -> &Pass {
        match depth {
            Depth::Whole => &self.whole,
            Depth::Light => &self.light,
        }
    }
}

/// Lowest role that gets something of this class; what it gets may be masked.
fn needed_role(class: DataClass) -> Role {
    match class {
        DataClass::Basic | DataClass::CommandLine => Role::Reader,
        DataClass::Environ | DataClass::Files | DataClass::Sockets | DataClass::Maps => Role::Inspector,
    }
}

/// Lowest role that gets all of this class.
pub(crate) fn unmasked_role(class: DataClass) -> Role {
    match class {
        DataClass::Basic => Role::Reader,
        DataClass::CommandLine | DataClass::Files | DataClass::Sockets | DataClass::Maps => Role::Inspector,
        DataClass::Environ => Role::Admin,
    }
}

/// cmdline and environ wait for the memory lock (fs/proc/base.c: get_mm_cmdline, environ_read); io waits for the exec lock (do_io_accounting); whatever is heavy walks page tables or threads.
fn waits_for_the_process(field: &Field) -> bool {
    field.cost == FieldCost::Heavy || matches!(field.source, "/proc/PID/cmdline" | "/proc/PID/environ" | "/proc/PID/io")
}

fn errors(fields: ProcessFieldSet, reason: FieldErrorReason, detail: &str) -> Vec<FieldError> {
    let paths = fields.to_mask().paths.into_iter();
    paths.map(|path| FieldError { path, reason: reason.into(), detail: detail.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(role: Role) -> RoleSet {
        RoleSet::from_iter([role])
    }

    fn said(reading: &Reading, depth: Depth) -> Vec<(String, FieldErrorReason)> {
        let mut row = Process::default();
        reading.complete(depth, &mut row);
        row.errors.iter().map(|error| (error.path.clone(), error.reason())).collect()
    }

    #[test]
    fn fields_not_served_are_left_to_the_plan_to_answer() {
        let asked = bit::STATE.union(bit::THREADS).union(bit::ENVIRON);
        let reading = Reading::new(asked, roles(Role::Reader));
        for depth in [Depth::Whole, Depth::Light] {
            assert_eq!(reading.plan(depth).fields(), asked);
            assert!(said(&reading, depth).is_empty());
            assert_eq!(reading.lane(depth), Lane::Quick, "nothing heavy is read");
        }
    }

    #[test]
    fn what_may_hang_goes_to_the_slow_lane_and_can_be_left_out() {
        for waiting in [bit::CMDLINE, bit::IO_READ_BYTES] {
            let reading = Reading::new(bit::STATE.union(waiting), roles(Role::Reader));
            assert_eq!((reading.lane(Depth::Whole), reading.lane(Depth::Light)), (Lane::Slow, Lane::Quick));
            assert_eq!(reading.plan(Depth::Light).fields(), bit::STATE);
            assert_eq!(said(&reading, Depth::Light), [(waiting.to_mask().paths[0].clone(), FieldErrorReason::Timeout)]);
            assert!(said(&reading, Depth::Whole).is_empty());
        }
        let named = Reading::new(bit::NAME, roles(Role::Reader));
        assert_eq!((named.lane(Depth::Whole), named.lane(Depth::Light)), (Lane::Slow, Lane::Quick));
        assert_eq!(named.plan(Depth::Light).fields(), bit::NAME, "there, but as the kernel cut it");
        assert!(said(&named, Depth::Light).is_empty());
        assert_eq!(Reading::new(bit::STATE, roles(Role::Reader)).lane(Depth::Whole), Lane::Quick);
    }

    #[test]
    fn nobody_without_a_role_reads_anything() {
        let reading = Reading::new(bit::NAME, RoleSet::default());
        assert!(reading.plan(Depth::Whole).fields().is_empty());
        assert_eq!(said(&reading, Depth::Whole), [("name".to_owned(), FieldErrorReason::Redacted)]);
    }

    #[test]
    fn classes_above_a_reader_are_withheld_from_it() {
        for class in [DataClass::Environ, DataClass::Files, DataClass::Sockets, DataClass::Maps] {
            assert!(!roles(Role::Reader).allows(needed_role(class)), "{class:?}");
        }
        assert!(!roles(Role::Reader).allows(unmasked_role(DataClass::CommandLine)));
    }
}
