//! The only room where `unsafe` may be said: system calls and C functions that no safe wrapper covers.
#![allow(unsafe_code, reason = "this is the room for it; each block says why it is sound")]

mod affinity;
mod ethtool;
mod io_priority;
mod name_service;
mod nvml;
mod pidfd;
mod pidfd_info;
mod resource_limits;
mod scheduling;
mod shared_library;
mod signals;

use rustix::io::Errno;

pub(crate) use affinity::cpu_affinity;
pub(crate) use ethtool::{Ethtool, LinkSpeed};
pub(crate) use io_priority::io_priority;
pub(crate) use name_service::user_name;
#[cfg(test)]
pub(crate) use nvml::tests as nvml_tests;
pub(crate) use nvml::{Nvml, NvmlCard, NvmlError};
pub(crate) use pidfd::{pidfd_of_thread, pidfd_send_nothing};
pub(crate) use pidfd_info::pidfd_info;
pub(crate) use resource_limits::{LimitPair, resource_limit, set_resource_limit};
pub(crate) use scheduling::{ProcessorMask, set_cpu_affinity, set_io_priority};
pub(crate) use signals::signal;

/// A thread id for a system call; 0 would mean the caller.
fn thread_id(number: u32) -> Result<libc::pid_t, Errno> {
    libc::pid_t::try_from(number).ok().filter(|id| *id != 0).ok_or(Errno::SRCH)
}

/// What syscall(2) returned, with its errno.
fn result(returned: libc::c_long) -> Result<libc::c_long, Errno> {
    if returned >= 0 {
        return Ok(returned);
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    Err(Errno::from_raw_os_error(errno))
}
