//! Processes that hold up whoever reads them, remembered for as long as a read of them hangs, so that each hangs one thread and not all.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use procwire_host::Half;

use super::reading::{Depth, Waits};

/// The pids of reads that hang now.
#[derive(Debug, Default)]
pub(crate) struct StuckProcesses {
    pids: Mutex<HashMap<u32, Hangs>>,
    /// Asked for every row, and nearly always 0.
    count: AtomicUsize,
}

/// How many reads hang at one process.
#[derive(Debug, Default)]
struct Hangs {
    /// At long work, such as its mappings.
    at_work: usize,
    /// At anything else.
    at_locks: usize,
}

impl Hangs {
    fn at(&mut self, waits: Waits) -> &mut usize {
        match waits {
            Waits::ForWork => &mut self.at_work,
            Waits::ForLocks | Waits::Never => &mut self.at_locks,
        }
    }
}

impl StuckProcesses {
    /// How much of this process can be read without hanging where others hang.
    pub(crate) fn depth(&self, pid: u32) -> Depth {
        if self.count.load(Ordering::Acquire) == 0 {
            return Depth::Whole;
        }
        match self.lock().get(&pid) {
            None => Depth::Whole,
            Some(Hangs { at_locks: 0, .. }) => Depth::Moderate,
            Some(_) => Depth::Light,
        }
    }

    fn insert(&self, Place { pid, waits }: Place) {
        let mut pids = self.lock();
        *pids.entry(pid).or_default().at(waits) += 1;
        self.count.store(pids.len(), Ordering::Release);
    }

    fn remove(&self, Place { pid, waits }: Place) {
        let mut pids = self.lock();
        if let Some(hangs) = pids.get_mut(&pid) {
            *hangs.at(waits) -= 1;
            if matches!(hangs, Hangs { at_work: 0, at_locks: 0 }) {
                pids.remove(&pid);
            }
        }
        self.count.store(pids.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Hangs>> {
        self.pids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one half of a job reads now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    pid: u32,
    waits: Waits,
}

/// Where a job is, told by its threads and asked by whoever waits for it.
#[derive(Debug)]
pub(crate) struct Progress {
    stuck: Arc<StuckProcesses>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    front: Option<Place>,
    back: Option<Place>,
    /// Given up by the one who waited; it hung at these places.
    given_up: Option<Vec<Place>>,
}

impl State {
    fn place(&mut self, half: Half) -> &mut Option<Place> {
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

    /// A half of the job is about to read something of this process. False: nobody waits any more, so it may stop.
    pub(crate) fn at(&self, half: Half, pid: u32, waits: Waits) -> bool {
        let mut state = self.lock();
        let is_awaited = state.given_up.is_none();
        *state.place(half) = Some(Place { pid, waits }).filter(|_| is_awaited);
        is_awaited
    }

    /// A half of the job works on what it has read. False: nobody waits any more.
    pub(crate) fn off(&self, half: Half) -> bool {
        let mut state = self.lock();
        *state.place(half) = None;
        state.given_up.is_none()
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
        for place in ended.given_up.unwrap_or_default() {
            self.stuck.remove(place);
        }
    }

    /// Nobody waits for the job any more. Remembers the processes that it hangs at: those that its halves read now. If only one of
    /// them hangs, the other is let go of with the job.
    pub(crate) fn give_up(&self) -> Vec<u32> {
        let mut state = self.lock();
        if state.given_up.is_some() {
            return Vec::new();
        }
        let hangs_at: Vec<Place> = [state.front.take(), state.back.take()].into_iter().flatten().collect();
        for place in &hangs_at {
            self.stuck.insert(*place);
        }
        let pids = hangs_at.iter().map(|place| place.pid).collect();
        state.given_up = Some(hangs_at);
        pids
    }

    /// Nobody wants the answer any more: the job may stop, and hangs at nobody.
    fn abandon(&self) {
        self.lock().given_up.get_or_insert_default();
    }

    /// Tells the job when whoever waits for it goes away.
    pub(crate) fn abandoned_on_drop(self: &Arc<Self>) -> Awaited {
        Awaited(Arc::clone(self))
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

/// Held by whoever waits for a job.
#[must_use = "nobody waits for the job once this is dropped"]
pub(crate) struct Awaited(Arc<Progress>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.abandon();
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
            assert!(job.at(Half::Front, 7, Waits::ForLocks));
            assert_eq!(job.give_up(), [7]);
        }
        assert_eq!([stuck.depth(7), stuck.depth(8)], [Depth::Light, Depth::Whole]);
        assert!(!first.at(Half::Front, 8, Waits::Never), "the job is told that nobody waits");
        first.ended();
        assert_eq!(stuck.depth(7), Depth::Light, "the second still hangs");
        second.ended();
        assert_eq!(stuck.depth(7), Depth::Whole);
    }

    #[test]
    fn what_hangs_at_long_work_is_still_read_otherwise() {
        let stuck = Arc::new(StuckProcesses::default());
        let (working, waiting) = (Progress::new(Arc::clone(&stuck)), Progress::new(Arc::clone(&stuck)));
        assert!(working.at(Half::Front, 7, Waits::ForWork) && waiting.at(Half::Front, 7, Waits::ForLocks));
        working.give_up();
        assert_eq!(stuck.depth(7), Depth::Moderate);
        waiting.give_up();
        assert_eq!(stuck.depth(7), Depth::Light, "the worse of both");
        waiting.ended();
        assert_eq!(stuck.depth(7), Depth::Moderate);
        working.ended();
        assert_eq!(stuck.depth(7), Depth::Whole);
    }

    #[test]
    fn a_half_that_is_done_does_not_hang() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        assert!(job.at(Half::Front, 7, Waits::ForLocks) && job.at(Half::Back, 90, Waits::ForLocks));
        job.done(Half::Front);
        assert_eq!(job.give_up(), [90]);
        assert_eq!([stuck.depth(90), stuck.depth(7)], [Depth::Light, Depth::Whole]);
        job.ended();
        assert_eq!(stuck.depth(90), Depth::Whole);
    }

    #[test]
    fn a_job_that_ended_in_time_leaves_no_mark() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        assert!(job.at(Half::Front, 7, Waits::ForLocks));
        job.ended();
        assert!(job.give_up().is_empty());
        assert_eq!(stuck.depth(7), Depth::Whole);
    }

    #[test]
    fn who_works_on_what_it_has_read_hangs_at_nobody() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        assert!(job.at(Half::Front, 7, Waits::ForLocks) && job.off(Half::Front));
        assert!(job.give_up().is_empty() && !job.off(Half::Front));
        assert_eq!(stuck.depth(7), Depth::Whole);
    }

    #[test]
    fn a_job_whose_caller_has_gone_is_told_and_marks_nobody() {
        let stuck = Arc::new(StuckProcesses::default());
        let job = Progress::new(Arc::clone(&stuck));
        let awaited = job.abandoned_on_drop();
        assert!(job.at(Half::Front, 7, Waits::ForLocks));
        drop(awaited);
        assert!(!job.at(Half::Front, 8, Waits::ForLocks));
        assert_eq!([stuck.depth(7), stuck.depth(8)], [Depth::Whole; 2]);
        job.ended();
    }
}
