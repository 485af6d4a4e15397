//! Requests of ControlService, parsed once into what is meant. Nothing past this door checks a field again.
//!
//! Here: what several of them have. Beneath: each of them.

mod signal;
mod terminate;
mod update;
mod wait;

use std::collections::HashMap;

use procwire_proto::v1::{ControlScope, ErrorReason, ProcessRef, Signal};

pub(crate) use self::{
    signal::Signalling,
    terminate::{KILL_WAIT, Termination},
    update::{Update, value_in_words as setting_in_words},
    wait::{WaitManySpec, WaitSpec},
};
use crate::{services::request, status::Failure};

const TARGETS_MAX: usize = 1024;
const REASON_MAX_BYTES: usize = 1024;
const REQUEST_ID_MAX_BYTES: usize = 128;

/// What belongs to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The process alone.
    Process,
    /// It and all its descendants.
    Tree,
    /// Its control group and the groups below.
    Cgroup,
}

impl Scope {
    /// As the audit record has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Tree => "tree",
            Self::Cgroup => "cgroup",
        }
    }
}

/// "TERM", or "RT 40".
pub(crate) fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("RT {number}"), |signal| signal.as_code().to_owned())
}

/// Whole references: at least one, at most 1024.
fn references(path: &str, given: &[ProcessRef]) -> Result<Vec<ProcessRef>, Failure> {
    if given.is_empty() {
        return Err(Failure::invalid(path, "is empty: name each process by its whole ref"));
    }
    if given.len() > TARGETS_MAX {
        return Err(Failure::invalid(path, format!("has {} entries; at most {TARGETS_MAX} are taken", given.len())));
    }
    for (index, reference) in given.iter().enumerate() {
        request::reference(&format!("{path}[{index}]"), reference)?;
    }
    Ok(given.to_vec())
}

/// Targets of one pid and start: their places, and their inodes where they were given.
type SameStart = Vec<(usize, Option<u64>)>;

/// Processes to act on: each once, because nobody means to signal one twice.
fn targets(given: &[ProcessRef]) -> Result<Vec<ProcessRef>, Failure> {
    let targets = references("targets", given)?;
    let mut known: HashMap<_, SameStart> = HashMap::new();
    for (index, target) in targets.iter().enumerate() {
        let same_start = known.entry((target.pid, target.start_ticks, &target.boot_id)).or_default();
        // Two inodes are two processes; a reference without one may be either.
        let first = same_start
            .iter()
            .find(|(_, inode)| inode.zip(target.pidfd_inode).is_none_or(|(earlier, this)| earlier == this));
        if let Some((first, _)) = first {
            let problem = format!("is the same process as targets[{first}]: name each process once");
            return Err(Failure::invalid(format!("targets[{index}]"), problem));
        }
        same_start.push((index, target.pidfd_inode));
    }
    Ok(targets)
}

/// More than one target must have been counted by whoever means them; a dry run is for counting.
fn confirm_count(given: Option<u32>, targets: &[ProcessRef], dry_run: bool) -> Result<(), Failure> {
    let count = targets.len();
    let problem = match given {
        Some(given) if usize::try_from(given).is_ok_and(|given| given == count) => return Ok(()),
        None if count == 1 || dry_run => return Ok(()),
        Some(given) => format!("confirm_count is {given} and the request names {count} processes; nothing was done"),
        None => format!(
            "the request names {count} processes and has no confirm_count; nothing was done; set it to {count} if you mean them all"
        ),
    };
    Err(Failure::new(ErrorReason::ConfirmCountMismatch, problem)
        .with_field("confirm_count", format!("is not {count}"))
        .with_metadata("count", &count))
}

/// The most processes that may be hit: as many as there are targets, unless the request says more.
fn confirm_at_most(given: Option<u32>, scope: Scope, targets: &[ProcessRef]) -> Result<usize, Failure> {
    let path = "confirm_at_most";
    match (given, scope) {
        (None, _) => Ok(targets.len()),
        (Some(_), Scope::Process) => Err(Failure::invalid(path, "goes with scope tree or cgroup only")),
        (Some(given), Scope::Tree | Scope::Cgroup) => match usize::try_from(given) {
            Ok(given) if given >= targets.len() => Ok(given),
            _ => Err(Failure::invalid(path, format!("is {given}, fewer than the {} targets", targets.len()))),
        },
    }
}

fn scope(number: i32) -> Result<Scope, Failure> {
    match ControlScope::try_from(number) {
        Ok(ControlScope::Unspecified | ControlScope::Process) => Ok(Scope::Process),
        Ok(ControlScope::Tree) => Ok(Scope::Tree),
        Ok(ControlScope::Cgroup) => Ok(Scope::Cgroup),
        Err(_) => Err(unknown_number("scope", number)),
    }
}

/// A number that the kernel delivers, in the field `signal`.
fn signal(number: i32) -> Result<i32, Failure> {
    match number {
        1..=31 | 34..=64 => Ok(number),
        0 => Err(Failure::invalid("signal", "is missing: signals are 1 to 31 and 34 to 64")),
        // signal(7): the C library keeps them for threads.
        32 | 33 => Err(Failure::invalid(
            "signal",
            format!("is {number}, which the C library uses for itself; signals are 1 to 31 and 34 to 64"),
        )),
        other => Err(Failure::invalid("signal", format!("is {other}; signals are 1 to 31 and 34 to 64"))),
    }
}

/// Given, or made.
fn request_id(given: &str) -> Result<String, Failure> {
    demand_at_most("request_id", given, REQUEST_ID_MAX_BYTES)?;
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::internal(&format!("the kernel gave no random bytes for a request id: {error}")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

fn reason(given: &str) -> Result<String, Failure> {
    demand_at_most("reason", given, REASON_MAX_BYTES)?;
    Ok(given.to_owned())
}

fn demand_at_most(path: &str, text: &str, most_bytes: usize) -> Result<(), Failure> {
    if text.len() <= most_bytes {
        return Ok(());
    }
    Err(Failure::invalid(path, format!("has {} bytes; at most {most_bytes} are taken", text.len())))
}

fn unknown_number(path: &str, number: i32) -> Failure {
    Failure::invalid(path, format!("is {number}, which this version of the agent does not know"))
}
