//! Whether connections are worth a second thread. Two dumps of half the connections each take 1.3 times the processor time of one,
//! because each walks the whole table, and two thirds of the time if they have a core each (20,000 connections over loopback: 52 ms in
//! place of 40, and 28 from beginning to end).

use std::{num::NonZero, thread};

use crate::{
    Host, procfs,
    sockets::namespaces::{Namespace, Way},
};

/// Fewer sockets than this are dumped by one thread: the other would hardly have begun.
const WORTH_A_THREAD: u64 = 8192;

/// True if the TCP connections of a namespace are worth a second thread, and a core has nothing else to do.
pub(super) fn is_worth_a_thread(host: &Host, namespace: &Namespace) -> bool {
    let directory = match &namespace.way {
        Way::Own => "self",
        Way::Process(directory) => directory,
        Way::Bound(_) => return false,
    };
    if !has_idle_core(host) {
        return false;
    }
    let net = host.roots().proc.join(directory).join("net");
    let count = |file: &str| std::fs::read(net.join(file)).map(|text| tcp_sockets(&text)).unwrap_or(0);
    count("sockstat") + count("sockstat6") >= WORTH_A_THREAD
}

/// True if fewer threads run, this one included, than there are cores.
fn has_idle_core(host: &Host) -> bool {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let load = std::fs::read(host.roots().proc.join("loadavg")).unwrap_or_default();
    running(&load).is_some_and(|running| running < cores as u64)
}

/// The threads that run or want to: "0.20 0.18 0.12 1/80 11206" (fs/proc/loadavg.c).
fn running(load: &[u8]) -> Option<u64> {
    procfs::number(load.split(|byte| *byte == b' ').nth(3)?)
}

/// Sockets of TCP in the text of `sockstat` or `sockstat6` (net/ipv4/proc.c: sockstat_seq_show), those that wait for stray segments
/// included.
fn tcp_sockets(text: &[u8]) -> u64 {
    let mut lines = text.split(|byte| *byte == b'\n');
    let Some(line) = lines.find_map(|line| line.strip_prefix(b"TCP: ").or(line.strip_prefix(b"TCP6: "))) else {
        return 0;
    };
    let mut words = line.split(|byte| *byte == b' ');
    let mut sum = 0_u64;
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if matches!(name, b"inuse" | b"tw") {
            sum = sum.saturating_add(procfs::number(value).unwrap_or(0));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_run_are_the_fourth_word() {
        assert_eq!(running(b"0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(running(b""), None);
    }

    #[test]
    fn sockets_are_counted_with_those_that_wait() {
        assert_eq!(
            tcp_sockets(b"sockets: used 40\nTCP: inuse 5 orphan 7 tw 6 alloc 9 mem 1\nUDP: inuse 2 mem 0\n"),
            11
        );
        assert_eq!(tcp_sockets(b"TCP6: inuse 3\nUDP6: inuse 1\n"), 3);
        assert_eq!(tcp_sockets(b""), 0);
        assert_eq!(tcp_sockets(b"TCP: inuse x tw"), 0);
    }
}
