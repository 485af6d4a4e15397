//! ioprio_get(2), which has no wrapper in the C library.

use rustix::io::Errno;

/// `IOPRIO_WHO_PROCESS`: the number is a thread's (include/uapi/linux/ioprio.h).
const WHO_PROCESS: libc::c_int = 1;

/// The I/O priority of a thread, packed as the kernel packs it.
///
/// # Errors
/// `SRCH`: there is no such thread.
pub(crate) fn io_priority(thread: u32) -> Result<u32, Errno> {
    let thread = super::thread_id(thread)?;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    let packed = unsafe { libc::syscall(libc::SYS_ioprio_get, WHO_PROCESS, thread) };
    super::result(packed).and_then(|packed| u32::try_from(packed).map_err(|_| Errno::RANGE))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_one_of_the_four_classes() {
        assert!(io_priority(std::process::id()).unwrap() >> 13 < 4);
        for thread in [0, u32::MAX, 0x3fff_ffff] {
            assert_eq!(io_priority(thread), Err(Errno::SRCH));
        }
    }
}
