//! The one door from async to blocking code.
//!
//! Reads of `/proc` may hang: `cmdline` waits for the target's memory lock, `io` for its exec lock. So each kind of work has a lane of
//! its own with a stated number of threads, a stated queue and a deadline. A job that hangs keeps its thread's permit until it really
//! ends: hung reads make a lane slower, never the agent bigger. Threads are tokio's blocking threads, which go away when idle; those of
//! the heavy lane are its own, because they stand back behind all others wherever there is too little processor for both.

use std::{future::Future, sync::Arc, thread, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use crate::counters::Counters;

/// A kind of work, with threads of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Reads that no other process can hold up.
    Quick,
    /// Reads that wait for locks of the process they look at.
    Slow,
    /// Reads that are long work: page tables, descriptors, threads, sockets.
    Heavy,
    /// Reads of sensors and other hardware, whose drivers may hang: never in the way of anything else.
    Device,
    /// Looking at and signalling targets of control, and the audit record: never behind anybody's reads.
    Control,
}

impl Lane {
    /// Its name in the configuration and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Lane::Quick => "quick",
            Lane::Slow => "slow",
            Lane::Heavy => "heavy",
            Lane::Device => "device",
            Lane::Control => "control",
        }
    }
}

/// What bounds a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Jobs that run at the same time.
    pub threads: usize,
    /// Jobs that may wait for a thread; one more is refused.
    pub queue: usize,
    /// Time from asking to the answer.
    pub deadline: Duration,
}

/// What bounds the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPoolLimits {
    /// Bounds of [`Lane::Quick`].
    pub quick: LaneLimits,
    /// Bounds of [`Lane::Slow`].
    pub slow: LaneLimits,
    /// Bounds of [`Lane::Heavy`].
    pub heavy: LaneLimits,
    /// Bounds of [`Lane::Device`].
    pub device: LaneLimits,
    /// Bounds of [`Lane::Control`].
    pub control: LaneLimits,
}

impl Default for HostPoolLimits {
    fn default() -> Self {
        let deadline = Duration::from_secs(5);
        Self {
            quick: LaneLimits { threads: 4, queue: 256, deadline },
            slow: LaneLimits { threads: 4, queue: 64, deadline },
            heavy: LaneLimits { threads: 2, queue: 64, deadline },
            device: LaneLimits { threads: 4, queue: 64, deadline },
            control: LaneLimits { threads: 4, queue: 1024, deadline },
        }
    }
}

/// Why the pool gives no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too many jobs wait already.
    #[error("{queue} jobs already wait for the {} lane of the host pool", lane.name())]
    QueueFull {
        /// The lane asked for.
        lane: Lane,
        /// How many it lets wait.
        queue: usize,
    },
    /// The job, or those before it, did not end in time.
    #[error("no answer from the {} lane of the host pool within {after:?}", lane.name())]
    Deadline {
        /// The lane asked for.
        lane: Lane,
        /// Its deadline.
        after: Duration,
    },
    /// The kernel starts no more threads for the agent: the job has not begun.
    #[error("no thread could be started for the {} lane of the host pool", lane.name())]
    NoThread {
        /// The lane asked for.
        lane: Lane,
    },
    /// The job panicked, or the runtime is ending.
    #[error("a job in the {} lane of the host pool did not return", lane.name())]
    Lost {
        /// The lane asked for.
        lane: Lane,
    },
}

/// Runs blocking work for async callers, within bounds.
#[derive(Debug)]
pub struct HostPool {
    limits: HostPoolLimits,
    quick: LanePermits,
    slow: LanePermits,
    heavy: LanePermits,
    device: LanePermits,
    control: LanePermits,
    counters: Arc<Counters>,
    heavy_thread: fn() -> thread::Builder,
}

#[derive(Debug)]
struct LanePermits {
    /// One for each job that runs.
    running: Arc<Semaphore>,
    /// One for each job that waits.
    waiting: Semaphore,
}

impl HostPool {
    /// An idle pool; it has no threads until there is work.
    pub fn new(limits: HostPoolLimits, counters: Arc<Counters>) -> Self {
        Self {
            limits,
            quick: LanePermits::new(limits.quick),
            slow: LanePermits::new(limits.slow),
            heavy: LanePermits::new(limits.heavy),
            device: LanePermits::new(limits.device),
            control: LanePermits::new(limits.control),
            counters,
            heavy_thread: || thread::Builder::new().name("host-heavy".to_owned()),
        }
    }

    /// As where the kernel starts no thread for the heavy lane any more: no address space is large enough for such a stack.
    #[cfg(test)]
    pub(crate) fn without_heavy_threads(mut self) -> Self {
        self.heavy_thread = || thread::Builder::new().stack_size(1 << 60);
        self
    }

    /// Runs `job` on a thread of `lane`. Dropping the future forgets the answer; a job that has begun still runs to its end.
    ///
    /// # Errors
    /// When the lane's queue is full, its deadline passes, or the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        self.run_within(lane, self.limits(lane).deadline, job).await
    }

    /// As [`HostPool::run`], for a job that ends within `cap` by its own account: if it runs for longer, it hangs.
    ///
    /// # Errors
    /// As [`HostPool::run`].
    pub async fn run_within<T: Send + 'static>(
        &self,
        lane: Lane,
        cap: Duration,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let LaneLimits { deadline, .. } = self.limits(lane);
        let ends = Instant::now() + deadline;
        let permit = self.by(ends, PoolError::Deadline { lane, after: deadline }, self.enter(lane)).await??;
        let cap = cap.min(deadline);
        let job = move || {
            let _held_until_the_job_ends = permit;
            job()
        };
        let hung = PoolError::Deadline { lane, after: cap };
        let ends = ends.min(Instant::now() + cap);
        let answer = match lane {
            Lane::Heavy => {
                let answer = on_a_thread_of_its_own((self.heavy_thread)(), job).ok_or(PoolError::NoThread { lane })?;
                self.by(ends, hung, answer).await?.ok()
            }
            Lane::Quick | Lane::Slow | Lane::Device | Lane::Control => {
                #[allow(clippy::disallowed_methods, reason = "this is the host pool")]
                let thread = tokio::task::spawn_blocking(job);
                self.by(ends, hung, thread).await?.ok()
            }
        };
        answer.ok_or(PoolError::Lost { lane })
    }

    async fn by<T>(&self, ends: Instant, too_late: PoolError, work: impl Future<Output = T>) -> Result<T, PoolError> {
        timeout_at(ends, work).await.map_err(|_| {
            self.counters.host_read_timeouts.increment();
            too_late
        })
    }

    async fn enter(&self, lane: Lane) -> Result<OwnedSemaphorePermit, PoolError> {
        let permits = self.permits(lane);
        if let Ok(permit) = Arc::clone(&permits.running).try_acquire_owned() {
            return Ok(permit);
        }
        let queue = self.limits(lane).queue;
        let _place = permits.waiting.try_acquire().map_err(|_| PoolError::QueueFull { lane, queue })?;
        let _counted = self.counters.host_reads_queued.raise();
        // The semaphore is never closed.
        Arc::clone(&permits.running).acquire_owned().await.map_err(|_| PoolError::Lost { lane })
    }

    fn limits(&self, lane: Lane) -> LaneLimits {
        match lane {
            Lane::Quick => self.limits.quick,
            Lane::Slow => self.limits.slow,
            Lane::Heavy => self.limits.heavy,
            Lane::Device => self.limits.device,
            Lane::Control => self.limits.control,
        }
    }

    fn permits(&self, lane: Lane) -> &LanePermits {
        match lane {
            Lane::Quick => &self.quick,
            Lane::Slow => &self.slow,
            Lane::Heavy => &self.heavy,
            Lane::Device => &self.device,
            Lane::Control => &self.control,
        }
    }
}

/// Runs a job where it takes only what processor others leave. Starting a thread costs far less than what such jobs do. `None`: no
/// thread was to be had (EAGAIN of pthread_create(3)).
fn on_a_thread_of_its_own<T: Send + 'static>(
    thread: thread::Builder,
    job: impl FnOnce() -> T + Send + 'static,
) -> Option<oneshot::Receiver<T>> {
    let (sender, answer) = oneshot::channel();
    let work = move || {
        procwire_host::stand_back();
        // Nobody may wait any more.
        let _ = sender.send(job());
    };
    // It is never joined: it may hang.
    let _thread = thread.spawn(work).ok()?;
    Some(answer)
}

impl LanePermits {
    fn new(limits: LaneLimits) -> Self {
        Self { running: Arc::new(Semaphore::new(limits.threads)), waiting: Semaphore::new(limits.queue) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(threads: usize, queue: usize, deadline: Duration) -> Arc<HostPool> {
        let narrow = LaneLimits { threads, queue, deadline };
        let limits = HostPoolLimits { quick: narrow, slow: narrow, heavy: narrow, device: narrow, control: narrow };
        Arc::new(HostPool::new(limits, Arc::default()))
    }

    /// A job that runs until the sender is dropped.
    fn hung_job() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (release, held) = mpsc::channel();
        (release, move || assert!(held.recv().is_err()))
    }

    const LONG: Duration = Duration::from_secs(60);

    const LANES: [Lane; 5] = [Lane::Quick, Lane::Slow, Lane::Heavy, Lane::Device, Lane::Control];

    #[tokio::test]
    async fn answers_come_back() {
        for lane in LANES {
            assert_eq!(pool(1, 1, LONG).run(lane, || 6 * 7).await, Ok(42));
        }
    }

    #[tokio::test]
    async fn heavy_work_stands_back_and_nothing_else_does() {
        // proc_pid_stat(5): 17 fields after the name comes nice.
        fn nice() -> i32 {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
        }
        let pool = pool(1, 1, LONG);
        let own = nice();
        for _ in 1..=2 {
            assert!(pool.run(Lane::Heavy, nice).await.unwrap() > own);
            assert_eq!(pool.run(Lane::Slow, nice).await, Ok(own));
        }
    }

    #[tokio::test]
    async fn a_hung_job_times_out_and_keeps_its_place_until_it_ends() {
        let after = Duration::from_millis(10);
        let pool = pool(1, 4, LONG);
        let pool = HostPool::new(
            HostPoolLimits { slow: LaneLimits { deadline: after, ..pool.limits.slow }, ..pool.limits },
            Arc::default(),
        );
        let (release, job) = hung_job();
        let timed_out = PoolError::Deadline { lane: Lane::Slow, after };
        assert_eq!(pool.run(Lane::Slow, job).await, Err(timed_out));
        assert_eq!(pool.counters.host_read_timeouts.get(), 1);
        assert_eq!(pool.run(Lane::Slow, || ()).await, Err(timed_out), "its thread is still taken");
        assert_eq!(pool.run(Lane::Quick, || ()).await, Ok(()), "other lanes do not notice");
        drop(release);
        let _thread_is_free_again = pool.slow.running.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let pool = pool(1, 1, LONG);
        let (release, job) = hung_job();
        let running = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(Lane::Quick, job).await }
        });
        while pool.quick.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(Lane::Quick, || 1).await }
        });
        while pool.counters.host_reads_queued.get() == 0 {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(Lane::Quick, || 2).await;
        assert_eq!(refused, Err(PoolError::QueueFull { lane: Lane::Quick, queue: 1 }));
        drop(release);
        assert_eq!(running.await.unwrap(), Ok(()));
        assert_eq!(waiting.await.unwrap(), Ok(1));
        assert_eq!(pool.counters.host_reads_queued.get(), 0);
    }

    #[tokio::test]
    async fn a_panic_gives_the_place_back() {
        let pool = pool(1, 1, LONG);
        for lane in LANES {
            let lost = pool.run(lane, || std::panic::resume_unwind(Box::new("odd file"))).await;
            assert_eq!(lost, Err::<(), _>(PoolError::Lost { lane }));
            assert_eq!(pool.run(lane, || 1).await, Ok(1));
        }
    }

    #[tokio::test]
    async fn a_thread_that_cannot_be_started_is_told_apart_and_takes_no_place() {
        let narrow = LaneLimits { threads: 1, queue: 1, deadline: LONG };
        let limits = HostPoolLimits { heavy: narrow, ..HostPoolLimits::default() };
        let pool = HostPool::new(limits, Arc::default()).without_heavy_threads();
        for _ in 1..=3 {
            assert_eq!(pool.run(Lane::Heavy, || ()).await, Err(PoolError::NoThread { lane: Lane::Heavy }));
        }
        assert_eq!(pool.run(Lane::Slow, || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_caller_who_leaves_the_queue_frees_his_place() {
        let pool = pool(1, 1, LONG);
        let (release, job) = hung_job();
        let running = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(Lane::Quick, job).await }
        });
        while pool.quick.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let left = tokio::time::timeout(Duration::from_millis(1), pool.run(Lane::Quick, || ())).await;
        assert!(left.is_err());
        assert_eq!((pool.quick.waiting.available_permits(), pool.counters.host_reads_queued.get()), (1, 0));
        drop(release);
        running.await.unwrap().unwrap();
    }
}
