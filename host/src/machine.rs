//! Facts of the machine that do not change while the kernel runs.

use std::fs;

use bytes::Bytes;

use crate::{HostError, Roots};

/// What ticks, pages and start times are counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Bytes of a memory page: `sysconf(_SC_PAGESIZE)`.
    pub page_size_bytes: u64,
    /// Clock ticks per second in `/proc`: `sysconf(_SC_CLK_TCK)`, 100 on every common architecture.
    pub ticks_per_second: u64,
    /// The 16 bytes of the boot id.
    pub boot_id: Bytes,
}

impl Machine {
    /// The facts of this machine, with the boot id of the given procfs.
    ///
    /// # Errors
    /// The boot id cannot be read or is none.
    pub fn this(roots: &Roots) -> Result<Self, HostError> {
        Ok(Self {
            page_size_bytes: rustix::param::page_size() as u64,
            ticks_per_second: rustix::param::clock_ticks_per_second(),
            boot_id: read_boot_id(roots)?,
        })
    }

    /// Clock ticks as nanoseconds.
    pub fn ticks_to_ns(&self, ticks: u64) -> u64 {
        let ns = u128::from(ticks) * 1_000_000_000 / u128::from(self.ticks_per_second.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

fn read_boot_id(roots: &Roots) -> Result<Bytes, HostError> {
    let path = roots.proc.join("sys/kernel/random/boot_id");
    let text = fs::read_to_string(&path).map_err(|error| HostError::io("read", &path, error))?;
    parse_uuid(text.trim()).ok_or_else(|| HostError::invalid(path, format!("{text:?} is no UUID")))
}

fn parse_uuid(text: &str) -> Option<Bytes> {
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    let id = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(Bytes::copy_from_slice(&id.to_be_bytes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_is_sixteen_bytes() {
        let id = parse_uuid("00010203-0405-0607-0809-0a0b0c0d0e0f").unwrap();
        assert_eq!(id.as_ref(), (0..16).collect::<Vec<u8>>());
        assert_eq!(parse_uuid("0001"), None);
        assert_eq!(parse_uuid(""), None);
    }

    #[test]
    fn ticks_become_nanoseconds_without_overflow() {
        let machine = |ticks_per_second| Machine { page_size_bytes: 4096, ticks_per_second, boot_id: Bytes::new() };
        assert_eq!(machine(100).ticks_to_ns(7), 70_000_000);
        assert_eq!(machine(300).ticks_to_ns(1), 3_333_333);
        assert_eq!(machine(100).ticks_to_ns(u64::MAX), u64::MAX);
    }
}
