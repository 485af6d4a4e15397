//! Two readers that share the work on a table: half of the pids each, on two threads (docs/adr/0009).

use std::{sync::Arc, thread};

use super::ProcessReader;
use crate::{Host, HostError};

/// Fewer pids than this are read by one thread: starting the other would cost more than it saves.
const WORTH_A_THREAD: usize = 64;

/// Two readers of one host. Like one, it is cheap to make and worth keeping between scans.
#[derive(Debug)]
pub struct ReaderPair {
    first: ProcessReader,
    second: ProcessReader,
}

impl ReaderPair {
    /// Readers of this host.
    pub fn new(host: &Arc<Host>) -> Self {
        Self { first: ProcessReader::new(Arc::clone(host)), second: ProcessReader::new(Arc::clone(host)) }
    }

    /// The pids that procfs lists, ascending.
    ///
    /// # Errors
    /// procfs cannot be listed.
    pub fn list_pids(&mut self) -> Result<Vec<u32>, HostError> {
        self.first.list_pids()
    }

    /// Lets `read` work on both halves of the pids at once, and gives what it made of the first and of the second; of all and of
    /// none where a second thread is not worth it or cannot be had. `Half` tells the calls apart.
    pub fn read<T: Send>(
        &mut self,
        pids: &[u32],
        read: impl Fn(&mut ProcessReader, Half, &[u32]) -> T + Sync,
    ) -> (T, Option<T>) {
        let Self { first, second } = self;
        let (front, back) = pids.split_at(pids.len().div_ceil(2));
        let has_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        if pids.len() < WORTH_A_THREAD || !has_cores {
            return (read(first, Half::Front, pids), None);
        }
        thread::scope(|scope| {
            let work = || read(second, Half::Back, back);
            let Ok(other) = thread::Builder::new().name("host-reader".to_owned()).spawn_scoped(scope, work) else {
                return (read(first, Half::Front, pids), None);
            };
            let made = read(first, Half::Front, front);
            match other.join() {
                Ok(rest) => (made, Some(rest)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

/// Which half of the pids a call of the work is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The first, or all.
    Front,
    /// The second.
    Back,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::Roots;

    fn pair() -> ReaderPair {
        ReaderPair::new(&Arc::new(Host::open(Roots::default()).unwrap()))
    }

    #[test]
    fn both_halves_together_are_the_pids_in_their_order() {
        for count in [0, 1, 63, 64, 65, 1000] {
            let pids: Vec<u32> = (0..count).collect();
            let (front, back) = pair().read(&pids, |_, half, pids| (half, pids.to_vec()));
            assert_eq!(front.0, Half::Front);
            assert!(back.as_ref().is_none_or(|(half, _)| *half == Half::Back));
            let together = [front.1, back.map(|(_, pids)| pids).unwrap_or_default()].concat();
            assert_eq!(together, pids);
        }
    }
}
