//! Text out of messages. Nothing here decides or asks. Whatever came from a process is escaped here, and only here.

pub(crate) mod agent;
pub(crate) mod certificates;
pub(crate) mod cgroups;
pub(crate) mod clock;
pub(crate) mod cpu;
pub(crate) mod disks;
pub(crate) mod filesystems;
pub(crate) mod interfaces;
pub(crate) mod json;
pub(crate) mod memory;
pub(crate) mod page;
pub(crate) mod power;
pub(crate) mod pressure;
pub(crate) mod printable;
pub(crate) mod process;
pub(crate) mod sensors;
pub(crate) mod sessions;
pub(crate) mod sockets;
pub(crate) mod system;
pub(crate) mod systemd;
pub(crate) mod table;
pub(crate) mod termination;
pub(crate) mod units;
pub(crate) mod unreadable;
pub(crate) mod value;
pub(crate) mod wrap;
