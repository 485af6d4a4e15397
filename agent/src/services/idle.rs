//! Readers between two requests: their buffers and descriptors are worth keeping, a few of them.

use std::sync::{Mutex, PoisonError};

/// How many are kept.
const KEPT: usize = 2;

/// Readers that nobody uses now.
#[derive(Debug)]
pub(crate) struct Idle<Reader>(Mutex<Vec<Reader>>);

impl<Reader> Default for Idle<Reader> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Reader> Idle<Reader> {
    /// An idle one, or a new one.
    pub(crate) fn take(&self, new: impl FnOnce() -> Reader) -> Reader {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(new)
    }

    /// Keeps it for the next request, if there is room. One that hung or panicked is simply not put back.
    pub(crate) fn put_back(&self, reader: Reader) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(reader);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_kept() {
        let idle = Idle::default();
        for reader in 0..5 {
            idle.put_back(reader);
        }
        assert_eq!([idle.take(|| 9), idle.take(|| 9), idle.take(|| 9)], [1, 0, 9]);
    }
}
