//! Kernel text to values: bytes in, values out, no files, no panics on whatever the bytes are.

pub(crate) mod cpu_list;
pub(super) mod cpuinfo;
pub(super) mod diskstats;
pub(super) mod fib_trie;
pub(super) mod filesystems;
pub(super) mod hwmon;
pub(super) mod if_inet6;
pub(super) mod loadavg;
pub(super) mod meminfo;
pub(crate) mod mountinfo;
pub(super) mod net_dev;
pub(super) mod nvidia;
pub(super) mod pressure;
pub(super) mod route;
pub(super) mod session;
pub(super) mod snmp;
pub(super) mod stat;
pub(super) mod swaps;
mod text;
pub(super) mod utmp;
pub(super) mod vmstat;
pub(super) mod zoneinfo;

use text::lines;
