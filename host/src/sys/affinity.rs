//! sched_getaffinity(2). rustix asks with a mask of 1024 processors, and the kernel refuses a mask that is smaller than its own, however
//! few processors there are.

use rustix::io::Errno;

/// Words of the first mask: 1024 processors, as many as nearly every kernel is built for.
const FIRST_WORDS: usize = 16;

/// Words of the largest mask: 524,288 processors, far above what any kernel can be built for.
const MOST_WORDS: usize = 8192;

/// The processors that a thread may run on and that are online, ascending.
///
/// # Errors
/// `SRCH`: there is no such thread.
pub(crate) fn cpu_affinity(thread: u32) -> Result<Vec<u32>, Errno> {
    let thread = super::thread_id(thread)?;
    let mut mask = vec![0_u64; FIRST_WORDS];
    loop {
        // SAFETY: the kernel writes at most as many bytes as the second argument says, which are those of `mask`; it is not used
        // meanwhile, and any bits are a valid value.
        let written = unsafe {
            libc::syscall(libc::SYS_sched_getaffinity, thread, size_of_val(mask.as_slice()), mask.as_mut_ptr())
        };
        match super::result(written) {
            Err(Errno::INVAL) if mask.len() < MOST_WORDS => mask.resize(mask.len() * 2, 0),
            Err(errno) => return Err(errno),
            Ok(_) => return Ok(set_bits(&mask)),
        }
    }
}

/// The mask is an array of longs (kernel/sched/syscalls.c: sched_getaffinity).
fn set_bits(mask: &[u64]) -> Vec<u32> {
    let numbered = (0_u32..).step_by(64).zip(mask);
    let mut numbers = Vec::with_capacity(mask.iter().map(|word| word.count_ones() as usize).sum());
    for (first, &word) in numbered {
        let mut rest = in_order(word);
        while rest != 0 {
            numbers.push(first + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
    numbers
}

/// Of two longs of 32 bits the first holds the lower numbers, whatever the order of bytes.
fn in_order(word: u64) -> u64 {
    if cfg!(all(target_endian = "big", target_pointer_width = "32")) { word.rotate_left(32) } else { word }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_processors_of_this_thread_are_those_the_kernel_lists() {
        let own = rustix::thread::sched_getaffinity(None).unwrap();
        let listed: Vec<u32> = (0..1024).filter(|cpu| own.is_set(*cpu)).map(|cpu| cpu.try_into().unwrap()).collect();
        let thread = rustix::thread::gettid().as_raw_pid().cast_unsigned();
        assert_eq!(cpu_affinity(thread).unwrap(), listed);
        assert!(!listed.is_empty());
    }

    #[test]
    fn what_is_no_thread_is_refused_and_zero_does_not_mean_the_caller() {
        for thread in [0, u32::MAX, 0x3fff_ffff] {
            assert_eq!(cpu_affinity(thread), Err(Errno::SRCH));
        }
    }

    #[test]
    fn bits_are_numbered_over_all_words() {
        assert!(set_bits(&[]).is_empty());
        assert_eq!(set_bits(&[0b1011, 0, 1, u64::MAX << 62]), [0, 1, 3, 128, 254, 255]);
    }
}
