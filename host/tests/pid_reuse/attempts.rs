//! Attempts to signal a victim that may be gone, and whose pid may be another's.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use procwire_host::{ControlError, Host, ProcessHandle};
use rustix::process::{Pid, Signal, kill_process};

use super::births::Births;

/// SIGUSR1, by reference.
pub(crate) const MEANT: i32 = 10;
/// SIGUSR2, by pid alone.
pub(crate) const NAIVE: i32 = 12;

/// Attempts for each birth: pids turn over between them.
const FOR_EACH_BIRTH: usize = 12;
/// Births for each attempt by pid alone, which hits and ends many.
const BIRTHS_FOR_EACH_NAIVE: usize = 4;
/// Processes that are held for a while before they are signalled: many end meanwhile, and their pids are given to others.
const HELD: usize = 40;

pub(crate) struct Attempts {
    wanted: usize,
    made: AtomicUsize,
    naive: AtomicUsize,
}

/// What came of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) attempts: usize,
    /// Whom a signal was sent to, as the one who sent it was told.
    pub(crate) sent: HashSet<usize>,
    pub(crate) reused: usize,
    pub(crate) gone: usize,
}

impl Attempts {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, made: AtomicUsize::new(0), naive: AtomicUsize::new(0) }
    }

    /// Opens by reference, holds on for a while, and signals.
    pub(crate) fn by_reference(&self, host: &Arc<Host>, births: &Births, seed: u64) -> Tally {
        let mut tally = Tally::default();
        let mut random = Random(seed);
        let mut held = VecDeque::new();
        while self.made.load(SeqCst) < self.wanted {
            let Some((identity, reference)) = births.choose(random.next()).filter(|_| self.may_go_on(births)) else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            self.made.fetch_add(1, SeqCst);
            tally.attempts += 1;
            match ProcessHandle::open(host, &reference) {
                Ok(handle) if random.next().is_multiple_of(2) => tally.signal(identity, &handle),
                Ok(handle) => held.push_back((identity, handle)),
                Err(error) => tally.refused(&error),
            }
            if held.len() > HELD {
                held.pop_front().iter().for_each(|(identity, handle)| tally.signal(*identity, handle));
            }
        }
        held.iter().for_each(|(identity, handle)| tally.signal(*identity, handle));
        tally
    }

    fn may_go_on(&self, births: &Births) -> bool {
        self.made.load(SeqCst) < births.count() * FOR_EACH_BIRTH
    }

    /// As `kill $(cat pidfile)` does. Everything else in this namespace is process 1, whom the kernel keeps from such signals.
    pub(crate) fn by_pid(&self, births: &Births, seed: u64) -> Tally {
        let mut tally = Tally::default();
        let mut random = Random(seed);
        while self.made.load(SeqCst) < self.wanted {
            let may_go_on = self.naive.load(SeqCst) < births.count() / BIRTHS_FOR_EACH_NAIVE;
            let Some((identity, reference)) = births.choose(random.next()).filter(|_| may_go_on) else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            self.naive.fetch_add(1, SeqCst);
            tally.attempts += 1;
            let pid = Pid::from_raw(i32::try_from(reference.pid).unwrap()).unwrap();
            match kill_process(pid, Signal::USR2) {
                Ok(()) => {
                    tally.sent.insert(identity);
                }
                Err(_) => tally.gone += 1,
            }
        }
        tally
    }
}

impl Tally {
    fn signal(&mut self, identity: usize, handle: &ProcessHandle) {
        match handle.signal(MEANT) {
            Ok(_) => {
                self.sent.insert(identity);
            }
            Err(error) => self.refused(&error),
        }
    }

    fn refused(&mut self, error: &ControlError) {
        match error {
            ControlError::Gone { .. } => self.gone += 1,
            ControlError::Reused { .. } => self.reused += 1,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        let Tally { attempts, sent, reused, gone } = other;
        self.attempts += attempts;
        self.sent.extend(sent);
        self.reused += reused;
        self.gone += gone;
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
