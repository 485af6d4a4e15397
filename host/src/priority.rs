//! How much of the processor a thread takes where there is too little for all.

use rustix::process::{getpriority_process, setpriority_process};

/// Weight 110 against the usual 1024 (kernel/sched/core.c: `sched_prio_to_weight`): a tenth of a processor that others want too.
const NICE: i32 = 10;

/// Lets the calling thread, and those that it starts from now on, run only where others leave room. There is no way back without
/// privilege, so it is for threads that end with their work.
pub fn stand_back() {
    // On Linux nice is an attribute of the thread (setpriority(2), "C library/kernel differences"), and making it worse needs no right.
    // Where a filter of system calls refuses it, the work is done all the same.
    let _ = setpriority_process(None, NICE.max(getpriority_process(None).unwrap_or(NICE)));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// In a thread of its own, as it cannot go back.
    #[test]
    fn nobody_is_brought_forward() {
        let stands_at = |nice: i32| {
            let stand = move || {
                setpriority_process(None, nice).unwrap();
                stand_back();
                getpriority_process(None).unwrap()
            };
            std::thread::spawn(stand).join().unwrap()
        };
        let own = getpriority_process(None).unwrap();
        assert_eq!(stands_at(own), own.max(NICE));
        assert_eq!(stands_at(19), 19);
    }
}
