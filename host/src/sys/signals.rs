//! Signals by number, the real-time ones too.

use rustix::process::Signal;

/// The signal of a number: 1 to 31, and the real-time signals 34 to 64. 32 and 33 belong to the C library.
pub(crate) fn signal(number: i32) -> Option<Signal> {
    if !matches!(number, 1..=31 | 34..=64) {
        return None;
    }
    // SAFETY: the number is not 0 and is one that the kernel knows; it is only sent to other processes, and none of the numbers
    // that the C library keeps for itself.
    Some(unsafe { Signal::from_raw_unchecked(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_signals_are_refused() {
        for number in [i32::MIN, -9, 0, 32, 33, 65, i32::MAX] {
            assert_eq!(signal(number), None);
        }
        assert_eq!(signal(15), Some(Signal::TERM));
        assert_eq!(signal(64).map(Signal::as_raw), Some(64));
    }
}
