//! Processes that hold up whoever reads them, remembered for as long as a read of them hangs, so that each hangs one thread and not all.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use procwire_host::Half;

/// The pids of reads that hang now.
#[derive(Debug, Default)]
pub(crate) struct StuckProcesses {
    pids: Mutex<HashMap<u32, usize>>,
    /// Asked for every row, and nearly always 0.
    count: AtomicUsize,
}

impl StuckProcesses {
    /// True if a read of this process hangs.
    pub(crate) fn contains(&self, pid: u32) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.lock().contains_key(&pid)
    }

    fn insert(&self, pid: u32) {
        let mut pids = self.lock();
        *pids.entry(pid).or_default() += 1;
        self.count.store(pids.len(), Ordering::Release);
    }

    fn remove(&self, pid: u32) {
        let mut pids = self.lock();
        if let Some(hangs) = pids.get_mut(&pid) {
            *hangs -= 1;
            if *hangs == 0 {
                pids.remove(&pid);
            }
        }
        self.count.store(pids.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.pids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a job is, told by its threads and asked by whoever waits for it.
#[derive(Debug)]
pub(crate) struct Progress {
    stuck: Arc<StuckProcesses>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The process that each half of the job reads now.
    front: Option<u32>,
    back: Option<u32>,
    /// Given up by the one who waited; it hung at these processes.
    given_up: Option<Vec<u32>>,
}

impl State {
    fn place(&mut self, half: Half) -> &mut Option<u32> {
        match half {
            Half::Front => &mut self.front,
            Half::Back => &mut self.back,
        }
    }
}

impl Progress {
    pub(crate) fn new(stuck: Arc<StuckProcesses>) -> Arc<Self> {
        Arc::new(Self { stuck, state: Mutex::default() })
    }

    /// A half of the job is about to read this process. False: nobody waits any more, so it may stop.
    pub(crate) fn at(&self, half: Half, pid: u32) -> bool {
        let mut state = self.lock();
        let is_awaited = state.given_up.is_none();
        *state.place(half) = Some(pid).filter(|_| is_awaited);
        is_awaited
    }

    /// A half of the job has read its part.
    pub(crate) fn done(&self, half: Half) {
        *self.lock().place(half) = None;
    }

    /// Tells when the job has ended, however it ends.
    pub(crate) fn ended_on_drop(self: &Arc<Self>) -> Ended {
        Ended(Arc::clone(self))
    }

    /// If the job was thought stuck, it is no longer.
    fn ended(&self) {
        let ended = std::mem::take(&mut *self.lock());
        for pid in ended.given_up.unwrap_or_default() {
            self.stuck.remove(pid);
        }
    }

    /// Nobody waits for the job any more. Remembers the processes that it hangs at: those that its halves read now. If only one of
    /// them hangs, the other is let go of with the job.
    pub(crate) fn give_up(&self) -> Vec<u32> {
        let mut state = self.lock();
        if state.given_up.is_some() {
            return Vec::new();
        }
        let hangs_at: Vec<u32> = [state.front.take(), state.back.take()].into_iter().flatten().collect();
        for pid in &hangs_at {
            self.stuck.insert(*pid);
        }
        state.given_up = Some(hangs_at.clone());
        hangs_at
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by a job while it runs.
#[must_use = "the job counts as ended when this is dropped"]
pub(crate) struct Ended(Arc<Progress>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_stuck_from_giving_up_until_the_job_ends() {
        let stuck = Arc::new(StuckProcesses::default());
        let (first, second) = (Progress::new(Arc::clone(&stuck)), Progress::new(Arc::clone(&stuck)));
        for job in [&first, &second] {
            assert!(job.at(Half::Front, 7));
            assert_eq!(job.give_up(), [7]);
        }
        assert!(stuck.contains(7) && !stuck.contains(8));
        assert!(!first.at(Half::Front, 8), "the job is told that nobody waits");
        first.ended();
        assert!(stuck.contains(7), "the second still hangs");
        second.ended();
        assert!(!stuck.contains(7));
    }

    #[test]
    fn a_half_that_is_done_does_not_hang() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        assert!(job.at(Half::Front, 7) && job.at(Half::Back, 90));
        job.done(Half::Front);
        assert_eq!(job.give_up(), [90]);
        assert!(stuck.contains(90) && !stuck.contains(7));
        job.ended();
        assert!(!stuck.contains(90));
    }

    #[test]
    fn a_job_that_ended_in_time_leaves_no_mark() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        assert!(job.at(Half::Front, 7));
        job.ended();
        assert!(job.give_up().is_empty());
        assert!(!stuck.contains(7));
    }
}
