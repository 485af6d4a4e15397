//! Many processes whose ends are awaited through one descriptor.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd},
};

use rustix::{
    event::{Timespec, epoll},
    io::Errno,
};

use super::ProcessHandle;

/// So many are told of at a time.
const MOST_AT_ONCE: usize = 256;

/// An epoll set of pidfds. Its own descriptor is readable when one of the processes has ended and was not told of yet.
#[derive(Debug)]
pub struct EndingSet {
    epoll: OwnedFd,
}

impl EndingSet {
    /// An empty one.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Adds a process under a number of the caller's. It stays until its handle goes. False: it has no pidfd, and cannot be awaited.
    ///
    /// # Errors
    /// The kernel's bound on what a user may await (`fs.epoll.max_user_watches`) is reached.
    pub fn add(&self, number: u64, handle: &ProcessHandle) -> io::Result<bool> {
        let Some(pidfd) = handle.pidfd() else { return Ok(false) };
        // A pidfd stays readable for good; each end is told once.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        epoll::add(&self.epoll, pidfd, epoll::EventData::new_u64(number), flags)?;
        Ok(true)
    }

    /// The numbers of some that have ended, each once; none if there are no more for now.
    pub fn ended(&self) -> Vec<u64> {
        let mut events = Vec::with_capacity(MOST_AT_ONCE);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&at_once)) {
                Err(Errno::INTR) => {}
                // Nothing else can go wrong with a set of our own.
                _ => return events.into_iter().map(|event: epoll::Event| event.data.u64()).collect(),
            }
        }
    }
}

impl AsRawFd for EndingSet {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{process::Command, sync::Arc};

    use super::*;
    use crate::{Host, Roots, control::test_children::reference};

    #[test]
    fn each_end_is_told_once() {
        let host = Host::open(Roots::default()).unwrap();
        let set = EndingSet::new().unwrap();
        let mut children: Vec<_> = (0..3).map(|_| Command::new("sleep").arg("60").spawn().unwrap()).collect();
        let handles: Vec<_> = children
            .iter()
            .map(|child| Arc::new(ProcessHandle::open(&host, &reference(&host, child.id())).unwrap()))
            .collect();
        if handles[0].pidfd().is_none() {
            assert!(!set.add(0, &handles[0]).unwrap());
            return;
        }
        for (number, handle) in (0..).zip(&handles) {
            assert!(set.add(number, handle).unwrap());
        }
        assert_eq!(set.ended(), Vec::<u64>::new());
        for number in [2, 0] {
            children[number].kill().unwrap();
            children[number].wait().unwrap();
            assert_eq!(set.ended(), [number as u64]);
            assert_eq!(set.ended(), Vec::<u64>::new());
        }
        children[1].kill().unwrap();
        children[1].wait().unwrap();
    }
}
