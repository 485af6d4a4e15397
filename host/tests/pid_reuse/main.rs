//! Pids that are reused all the time, and signals by references that may be stale: none may reach a process that was not meant.
//!
//! The test runs itself again in a pid namespace of its own, in which only a few hundred pids exist. There victims are born and ended all the
//! time, and signalled by references that were read when they lived. A victim that gets a signal ends by it, and its parent, who knows
//! which one it was, is told by the kernel. Half the victims are bystanders, whom no reference names.
//!
//! The same is done by pid alone, with another signal and by the same rules: that must hit the wrong ones, or the test would show nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they saw; attempts wait for births"
)]

mod attempts;
mod births;
mod namespace;

use std::{collections::HashSet, sync::Arc, thread};

use procwire_host::{ControlAbilities, Host, Roots};

use self::{
    attempts::{Attempts, MEANT, NAIVE, Tally},
    births::Births,
    namespace::Place,
};

/// Pids below 300 are given out once (`RESERVED_PIDS`, kernel/pid.c), so that about 500 go around.
const PID_MAX: u32 = 800;
const ATTEMPTS: usize = 100_000;

#[test]
fn of_a_hundred_thousand_signals_by_stale_references_none_reaches_a_process_that_was_not_meant() {
    let name = "of_a_hundred_thousand_signals_by_stale_references_none_reaches_a_process_that_was_not_meant";
    match namespace::of_few_pids(name, PID_MAX) {
        Place::Inside => race(),
        Place::Outside => {}
        Place::Nowhere(why) => eprintln!("skipped: {why}"),
    }
}

fn race() {
    let host = Arc::new(Host::open(Roots::default()).unwrap());
    let without_pidfd = ControlAbilities { pidfd: false, exit_status: false };
    let fallback = Arc::new(Host::open(Roots::default()).unwrap().with_control_abilities(without_pidfd));
    let has_pidfd = host.control_abilities().pidfd;
    let births = Births::default();
    let attempts = Attempts::new(ATTEMPTS);
    let (tally, naive) = thread::scope(|scope| {
        let breeders: Vec<_> = (0..2).map(|_| scope.spawn(|| births.breed(&host))).collect();
        let by_pidfd = [
            scope.spawn(|| attempts.by_reference(&host, &births, 1)),
            scope.spawn(|| attempts.by_reference(&host, &births, 2)),
        ];
        let by_directory = scope.spawn(|| attempts.by_reference(&fallback, &births, 3));
        let by_pid = scope.spawn(|| attempts.by_pid(&births, 4));
        let mut tally = by_directory.join().unwrap();
        for thread in by_pidfd {
            tally.add(thread.join().unwrap());
        }
        let naive = by_pid.join().unwrap();
        births.end();
        for breeder in breeders {
            breeder.join().unwrap();
        }
        (tally, naive)
    });
    judge(&births, &tally, &naive, has_pidfd);
}

fn judge(births: &Births, tally: &Tally, naive: &Tally, has_pidfd: bool) {
    let wrong = strangers(&births.hit_by(MEANT), &tally.sent);
    let wrong_by_pid = strangers(&births.hit_by(NAIVE), &naive.sent);
    eprintln!(
        "{} attempts (pidfds: {has_pidfd}): {} signals sent, {} refused because the pid was reused, {} because it was gone; {} wrong. \
         By pid alone: {} attempts, {} wrong. {} processes were born, pids went around {} times",
        tally.attempts,
        tally.sent.len(),
        tally.reused,
        tally.gone,
        wrong.len(),
        naive.attempts,
        wrong_by_pid.len(),
        births.count(),
        births.turns(),
    );
    assert!(wrong.is_empty(), "wrong processes were signalled: {wrong:?}");
    assert!(tally.attempts >= ATTEMPTS);
    assert_eq!(births.same_pid_and_start(), 0, "the machine reuses pids within a clock tick: raise PID_MAX");
    // That the test can fail: pids were reused, references were stale and some were not, and pids alone were not enough.
    assert!(tally.reused >= 1000 && tally.sent.len() >= 100, "{tally:?}");
    assert!(births.turns() >= 5, "pids went around {} times", births.turns());
    assert!(wrong_by_pid.len() >= 10, "by pid alone, only {} wrong processes were signalled", wrong_by_pid.len());
}

/// Those that were hit although nobody meant them.
fn strangers(hit: &HashSet<usize>, meant: &HashSet<usize>) -> Vec<usize> {
    hit.difference(meant).copied().collect()
}
