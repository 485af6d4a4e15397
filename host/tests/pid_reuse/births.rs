//! Victims: born, read, and ended after a while; of each it is known how it ended.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use procwire_host::{Host, ProcessHandle, ProcessPlan, ProcessReader};
use procwire_proto::{process_fields::bit, v1::ProcessRef};

/// Victims of one breeder that live at a time.
const LIVING: usize = 110;
/// The latest references, from among which attempts choose: several turns of the pids.
const KEPT: usize = 1500;

#[derive(Default)]
pub(crate) struct Births {
    count: AtomicUsize,
    turns: AtomicUsize,
    is_over: AtomicBool,
    references: Mutex<VecDeque<(usize, ProcessRef)>>,
    /// How often a pid began in a clock tick.
    starts: Mutex<HashMap<(u32, u64), usize>>,
    /// By which signal a victim ended.
    ends: Mutex<HashMap<usize, i32>>,
}

struct Victim {
    identity: usize,
    child: Child,
}

impl Births {
    /// Until it is over; then all that live are ended.
    pub(crate) fn breed(&self, host: &Arc<Host>) {
        let mut living = VecDeque::new();
        let mut last_pid = 0;
        while !self.is_over.load(SeqCst) {
            let victim = self.bear(host);
            if victim.child.id() < last_pid {
                self.turns.fetch_add(1, SeqCst);
            }
            last_pid = victim.child.id();
            living.push_back(victim);
            if living.len() > LIVING {
                living.pop_front().into_iter().for_each(|oldest| self.bury(oldest));
            }
        }
        living.into_iter().for_each(|victim| self.bury(victim));
    }

    fn bear(&self, host: &Arc<Host>) -> Victim {
        let identity = self.count.fetch_add(1, SeqCst);
        let child = Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn().unwrap();
        // Nobody has waited for it: the pid is its own.
        let process = ProcessReader::new(Arc::clone(host)).read(child.id(), &ProcessPlan::new(bit::PID)).unwrap();
        let reference = process.unwrap().r#ref.unwrap();
        *self.starts.lock().unwrap().entry((reference.pid, reference.start_ticks)).or_default() += 1;
        let reference = match identity % 4 {
            // A bystander: nobody knows it.
            0 | 2 => None,
            // Named more exactly, where the kernel can.
            1 => Some(ProcessHandle::open(host, &reference).map_or(reference, |handle| handle.reference().clone())),
            _ => Some(reference),
        };
        if let Some(reference) = reference {
            let mut references = self.references.lock().unwrap();
            references.push_back((identity, reference));
            if references.len() > KEPT {
                references.pop_front();
            }
        }
        Victim { identity, child }
    }

    fn bury(&self, mut victim: Victim) {
        victim.child.kill().unwrap();
        let signal = victim.child.wait().unwrap().signal().unwrap();
        self.ends.lock().unwrap().insert(victim.identity, signal);
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, SeqCst);
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(SeqCst)
    }

    /// How often the pids went around, as one breeder saw it.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(SeqCst) / 2
    }

    /// One of those that lived a while ago, or live.
    pub(crate) fn choose(&self, random: u64) -> Option<(usize, ProcessRef)> {
        let references = self.references.lock().unwrap();
        let place = usize::try_from(random).unwrap().checked_rem(references.len())?;
        references.get(place).cloned()
    }

    pub(crate) fn hit_by(&self, signal: i32) -> HashSet<usize> {
        let ends = self.ends.lock().unwrap();
        ends.iter().filter(|(_, end)| **end == signal).map(|(identity, _)| *identity).collect()
    }

    /// References without an inode cannot tell such processes apart.
    pub(crate) fn same_pid_and_start(&self) -> usize {
        self.starts.lock().unwrap().values().filter(|count| **count > 1).count()
    }
}
