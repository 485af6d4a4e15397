//! The only room where `unsafe` may be said: system calls and C functions that no safe wrapper covers.
#![allow(unsafe_code, reason = "this is the room for it; each block says why it is sound")]

mod name_service;
mod pidfd_info;
mod signals;

pub(crate) use name_service::user_name;
pub(crate) use pidfd_info::pidfd_info;
pub(crate) use signals::signal;
