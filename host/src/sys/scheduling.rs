//! ioprio_set(2) and sched_setaffinity(2): the first has no wrapper in the C library, the second none for more than 1024 processors.

use rustix::io::Errno;

/// `IOPRIO_WHO_PROCESS`: the number is a thread's (include/uapi/linux/ioprio.h).
const WHO_PROCESS: libc::c_int = 1;

/// Sets the I/O priority of a thread, packed as the kernel packs it.
///
/// # Errors
/// `SRCH`: there is no such thread; `PERM`; `INVAL`: the kernel has no such class.
pub(crate) fn set_io_priority(thread: u32, packed: u32) -> Result<(), Errno> {
    let thread = super::thread_id(thread)?;
    // SAFETY: the call takes three numbers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, thread, packed) };
    super::result(result).map(drop)
}

/// A set of processors as the kernel takes it: an array of longs, bit by bit, of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessorMask(Vec<libc::c_ulong>);

impl ProcessorMask {
    /// Above what any kernel can be built for (`CONFIG_NR_CPUS` is at most 8192).
    const MOST: u32 = 1 << 19;
    /// Processors of one word.
    const WORD: u32 = libc::c_ulong::BITS;

    /// These processors; numbers that no kernel can have are left out.
    pub(crate) fn of(processors: &[u32]) -> Self {
        let highest = processors.iter().copied().filter(|number| *number < Self::MOST).max().unwrap_or(0);
        let mut words: Vec<libc::c_ulong> = vec![0; (highest / Self::WORD) as usize + 1];
        for number in processors {
            if let Some(word) = words.get_mut((number / Self::WORD) as usize) {
                *word |= 1 << (number % Self::WORD);
            }
        }
        Self(words)
    }

    /// Every processor that any kernel could have.
    pub(crate) fn all() -> Self {
        Self(vec![libc::c_ulong::MAX; (Self::MOST / Self::WORD) as usize])
    }
}

/// Lets a thread run on these processors; the kernel leaves those out that its cpuset does not have (kernel/sched/syscalls.c:
/// __sched_setaffinity).
///
/// # Errors
/// `SRCH`: there is no such thread; `PERM`; `INVAL`: none is left.
pub(crate) fn set_cpu_affinity(thread: u32, mask: &ProcessorMask) -> Result<(), Errno> {
    let thread = super::thread_id(thread)?;
    let ProcessorMask(words) = mask;
    // SAFETY: the kernel reads at most as many bytes as the second argument says, which are those of `words`; it writes nothing.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setaffinity, thread, size_of_val(words.as_slice()), words.as_ptr()) };
    super::result(result).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::sys::{cpu_affinity, io_priority};

    fn own_thread() -> u32 {
        rustix::thread::gettid().as_raw_pid().cast_unsigned()
    }

    /// In a thread of its own, whose priority and processors nobody else has.
    fn aside(work: impl FnOnce() + Send + 'static) {
        std::thread::spawn(work).join().unwrap();
    }

    #[test]
    fn the_io_priority_that_is_set_is_read_back() {
        aside(|| {
            for packed in [2 << 13 | 7, 3 << 13, 2 << 13] {
                set_io_priority(own_thread(), packed).unwrap();
                assert_eq!(io_priority(own_thread()), Ok(packed));
            }
            assert_eq!(set_io_priority(own_thread(), 7 << 13), Err(Errno::INVAL));
        });
    }

    #[test]
    fn processors_are_narrowed_and_given_back_whole() {
        aside(|| {
            let before = cpu_affinity(own_thread()).unwrap();
            let last = *before.last().unwrap();
            set_cpu_affinity(own_thread(), &ProcessorMask::of(&[last])).unwrap();
            assert_eq!(cpu_affinity(own_thread()), Ok(vec![last]));
            assert_eq!(set_cpu_affinity(own_thread(), &ProcessorMask::of(&[])), Err(Errno::INVAL));
            assert_eq!(set_cpu_affinity(own_thread(), &ProcessorMask::of(&[400_000])), Err(Errno::INVAL));
            set_cpu_affinity(own_thread(), &ProcessorMask::all()).unwrap();
            let after = cpu_affinity(own_thread()).unwrap();
            assert!(before.iter().all(|processor| after.contains(processor)), "{before:?} {after:?}");
        });
    }

    #[test]
    fn what_is_no_thread_is_refused_and_zero_does_not_mean_the_caller() {
        for thread in [0, u32::MAX, 0x3fff_ffff] {
            assert_eq!(set_io_priority(thread, 2 << 13), Err(Errno::SRCH));
            assert_eq!(set_cpu_affinity(thread, &ProcessorMask::all()), Err(Errno::SRCH));
        }
    }

    #[test]
    fn numbers_that_no_kernel_has_take_no_room() {
        let ProcessorMask(words) = ProcessorMask::of(&[1, 64, u32::MAX, ProcessorMask::MOST]);
        assert_eq!(words.len() * libc::c_ulong::BITS as usize, 128);
        assert_eq!(words.iter().map(|word| word.count_ones()).sum::<u32>(), 2);
    }
}
