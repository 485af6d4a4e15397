//! Many processes whose ends one task awaits: one set in the kernel, one registration with the reactor, and looks in batches.

use std::{
    collections::{HashMap, HashSet},
    future::pending,
    io,
    sync::Arc,
};

use procwire_host::{EndingSet, Liveness, ProcessHandle};
use procwire_proto::v1::ExitStatus;
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, sleep_until},
};

use super::{LOOK_EVERY, STATUS_WAIT, uncollected};
use crate::host_pool::{HostPool, Lane};

/// Processes that one job of the pool looks at.
const BATCH: usize = 128;

/// Processes whose ends are awaited, each under a number of the caller's.
pub(crate) struct Endings {
    set: AsyncFd<EndingSet>,
    /// Those that live, as far as is known.
    awaited: HashMap<usize, Arc<ProcessHandle>>,
    /// Those that are dead, with the time when that was seen: how they ended is not known yet.
    dead: HashMap<usize, Instant>,
    /// Those among the awaited that nothing wakes for: they have no pidfd.
    unwoken: HashSet<usize>,
    look_next: Instant,
    told: Vec<(usize, ExitStatus)>,
    pool: Arc<HostPool>,
}

impl Endings {
    /// Nobody yet.
    ///
    /// # Errors
    /// The agent has no descriptors left.
    pub(crate) fn new(pool: Arc<HostPool>) -> io::Result<Self> {
        #[allow(
            deprecated,
            reason = "its successor is unsafe and asks for what holds here: the set keeps one descriptor open for its whole life"
        )]
        let set = AsyncFd::with_interest(EndingSet::new()?, Interest::READABLE)?;
        Ok(Self {
            set,
            awaited: HashMap::new(),
            dead: HashMap::new(),
            unwoken: HashSet::new(),
            look_next: Instant::now(),
            told: Vec::new(),
            pool,
        })
    }

    /// Awaits one more. A number is used once.
    ///
    /// # Errors
    /// The kernel awaits no more for the agent's user (`fs.epoll.max_user_watches`).
    pub(crate) fn add(&mut self, number: usize, handle: &Arc<ProcessHandle>) -> io::Result<()> {
        if !self.set.get_ref().add(number as u64, handle)? {
            self.unwoken.insert(number);
        }
        self.awaited.insert(number, Arc::clone(handle));
        Ok(())
    }

    /// Those whose end was not told yet, held.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = (usize, Arc<ProcessHandle>)> {
        self.awaited.iter().map(|(number, handle)| (*number, Arc::clone(handle)))
    }

    /// The next end, of whichever comes first; never, if there is nobody. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> (usize, ExitStatus) {
        loop {
            if let Some((number, status)) = self.told.pop() {
                self.awaited.remove(&number);
                return (number, status);
            }
            self.collect().await;
            self.look().await;
        }
    }

    /// Waits until there is somebody to look at.
    async fn collect(&mut self) {
        let looks = !self.dead.is_empty() || !self.unwoken.is_empty();
        let look = async { if looks { sleep_until(self.look_next).await } else { pending().await } };
        tokio::select! {
            ready = self.set.readable() => {
                let ended = self.set.get_ref().ended();
                match ready {
                    Ok(mut ready) if ended.is_empty() => ready.clear_ready(),
                    Ok(_) => {}
                    // The reactor is gone, and the agent with it.
                    Err(_) => pending().await,
                }
                let now = Instant::now();
                // Looked at now, however lately others were.
                self.look_next = now;
                let numbers = ended.into_iter().filter_map(|number| usize::try_from(number).ok());
                self.dead.extend(numbers.map(|number| (number, now)));
            }
            () = look => {}
        }
    }

    /// Looks at the dead, and at those that nothing wakes for, if it is time to.
    async fn look(&mut self) {
        if Instant::now() < self.look_next {
            return;
        }
        let numbers: Vec<usize> = self.dead.keys().chain(&self.unwoken).copied().collect();
        for batch in numbers.chunks(BATCH) {
            let handle = |number: &usize| Some((*number, Arc::clone(self.awaited.get(number)?)));
            let handles: Vec<_> = batch.iter().filter_map(handle).collect();
            let look = move || {
                let looked = handles.into_iter().map(|(number, handle)| (number, handle.liveness()));
                looked.collect::<Vec<_>>()
            };
            // A pool that is busy is asked again.
            let Ok(looked) = self.pool.run(Lane::Control, look).await else { break };
            for (number, liveness) in looked {
                self.learn(number, liveness);
            }
        }
        self.look_next = Instant::now() + LOOK_EVERY;
    }

    fn learn(&mut self, number: usize, liveness: Liveness) {
        let status = match liveness {
            Liveness::Running(_) => return,
            Liveness::Ended(status) => status,
            Liveness::ZombieUnknown => {
                self.unwoken.remove(&number);
                let since = *self.dead.entry(number).or_insert_with(Instant::now);
                if since.elapsed() < STATUS_WAIT {
                    return;
                }
                uncollected()
            }
        };
        self.dead.remove(&number);
        self.unwoken.remove(&number);
        self.told.push((number, status));
    }
}
