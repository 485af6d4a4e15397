//! How much of the processor a thread takes where there is too little for all.

use rustix::process::setpriority_process;

/// Weight 110 against the usual 1024 (kernel/sched/core.c: `sched_prio_to_weight`): a tenth of a processor that others want too.
const NICE: i32 = 10;

/// Lets the calling thread, and those that it starts from now on, run only where others leave room. There is no way back without
/// privilege, so it is for threads that end with their work.
pub fn stand_back() {
    // On Linux nice is an attribute of the thread (setpriority(2), "C library/kernel differences"), and making it worse needs no right.
    // Where a filter of system calls refuses it, the work is done all the same.
    let _ = setpriority_process(None, NICE);
}
