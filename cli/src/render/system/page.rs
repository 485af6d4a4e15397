//! `procwire system`: the host as a page.

use std::{
    io::{self, Write},
    time::Duration,
};

use procwire_proto::{escape, json, v1::System};

use super::{
    devices::{disk_table, network_table, was_used},
    memory::{memory_details, memory_summary},
    processors::{busy_title, each_processor, processors},
};
use crate::render::{clock::Clock, page::Page, units, unreadable, value};

/// Sections in words of their own; others are shown as they come.
const SHOWN_IN_WORDS: [&str; 9] = ["sampled", "host", "boot", "cpu", "load", "memory", "swap", "disks", "network"];

/// Labels and values.
pub(super) type Pairs = Vec<(String, String)>;

/// Prints the page of a host.
pub(crate) fn write_page(out: &mut dyn Write, system: &System, clock: &Clock, width: Option<u16>) -> io::Result<()> {
    let mut page = Page::default();
    page.list(host_name(system), host(system, clock));
    let (cpu, memory) = (system.cpu.clone().unwrap_or_default(), system.memory.clone().unwrap_or_default());
    page.list("Processors", processors(&cpu, system.load.as_ref()));
    page.grid(busy_title(&cpu), each_processor(&cpu));
    page.list("Memory", memory_summary(&memory, system.swap.as_ref()));
    page.grid("Memory in detail", memory_details(&memory, system.swap.as_ref()));
    let disks: Vec<_> = system.disks.iter().filter(|disk| was_used(disk)).collect();
    if !disks.is_empty() {
        page.table("Disks", disk_table(&disks));
    }
    let interfaces = system.network.as_ref().map_or(&[][..], |network| &network.interfaces);
    if !interfaces.is_empty() {
        page.table("Network", network_table(interfaces));
    }
    let object = json::to_json(system);
    for (name, section) in object.as_object().into_iter().flatten() {
        if !SHOWN_IN_WORDS.contains(&name.as_str()) && name != "errors" {
            page.value(value::title(name), section, clock);
        }
    }
    page.list("Not readable", unreadable::by_reason(&system.errors));
    page.write(out, width)
}

fn host_name(system: &System) -> String {
    let name = system.host.as_ref().map(|host| escape::terminal(&host.hostname).into_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Host".to_owned())
}

fn host(system: &System, clock: &Clock) -> Pairs {
    let mut pairs = Pairs::new();
    if let Some(host) = &system.host {
        let parts = [&host.kernel_name, &host.kernel_release, &host.machine].map(|part| escape::terminal(part));
        pairs.push(("kernel".to_owned(), parts.join(" ")));
    }
    if let Some(boot) = &system.boot {
        let up = boot.uptime_ns.map(|uptime| units::span(Duration::from_nanos(uptime)));
        let since = boot.time.as_ref().map(|time| format!("since {}", clock.full(time)));
        let parts: Vec<_> = up.into_iter().chain(since).collect();
        pairs.push(("up".to_owned(), parts.join(", ")));
    }
    pairs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::v1::{
        Cpu, CpuUsage, Disk, DiskClass, FieldError, FieldErrorReason, HostIdentity, LoadAverage, LogicalCpu, Memory,
        Network, NetworkInterface, Swap,
    };

    use super::*;

    fn system() -> System {
        let usage = CpuUsage {
            busy_ratio: 0.25,
            user_ratio: 0.2,
            system_ratio: 0.05,
            window_ns: 500_000_000,
            ..CpuUsage::default()
        };
        let disk = |name: &[u8], reads| Disk {
            name: name.to_vec(),
            disk_class: DiskClass::Disk.into(),
            reads: Some(reads),
            read_bytes: Some(3_565_158),
            ..Disk::default()
        };
        System {
            host: Some(HostIdentity {
                hostname: b"web1\x1b[2J".to_vec(),
                kernel_name: b"Linux".to_vec(),
                ..HostIdentity::default()
            }),
            cpu: Some(Cpu {
                usage: Some(usage),
                cpus: vec![LogicalCpu { number: 3, usage: Some(usage), ..LogicalCpu::default() }],
                logical_count: Some(2),
                ..Cpu::default()
            }),
            memory: Some(Memory {
                total_bytes: Some(1 << 30),
                used_bytes: Some(1 << 29),
                used_ratio: Some(0.5),
                ..Memory::default()
            }),
            swap: Some(Swap { total_bytes: Some(0), used_ratio: Some(0.0), ..Swap::default() }),
            disks: vec![disk(b"vda", 5), disk(b"loop0", 0)],
            network: Some(Network {
                interfaces: vec![NetworkInterface { name: b"eth0".to_vec(), ..NetworkInterface::default() }],
                ..Network::default()
            }),
            errors: vec![FieldError {
                path: "boot".to_owned(),
                reason: FieldErrorReason::PermissionDenied.into(),
                detail: String::new(),
            }],
            ..System::default()
        }
    }

    fn printed(system: &System, width: Option<u16>) -> String {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        let mut out = Vec::new();
        write_page(&mut out, system, &clock, width).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn the_page_says_what_matters_first() {
        let page = printed(&system(), Some(80));
        for wanted in [
            "web1\\x1b[2J\n",
            "busy     █████░░░░░░░░░░░░░░░  25.0 %",
            "of that  user 20.0 %, system 5.0 %; waiting for disks 0.0 %",
            "Each processor over 500 ms\n  cpu 3  25.0 %",
            "used  ██████████░░░░░░░░░░  512 MiB of 1.0 GiB (50.0 %)",
            "swap  none",
            "permission denied  boot",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
        }
    }

    #[test]
    fn a_disk_that_never_did_anything_is_left_out() {
        let page = printed(&system(), Some(80));
        assert!(page.contains("vda") && !page.contains("loop0"));
    }

    #[test]
    fn a_section_asked_for_alone_is_shown() {
        let load = LoadAverage {
            one_minute: Some(0.5),
            five_minutes: Some(1.0),
            fifteen_minutes: Some(2.0),
            ..LoadAverage::default()
        };
        let page = printed(&System { load: Some(load), ..System::default() }, Some(80));
        assert_eq!(page, "Processors\n  load  0.50  1.00  2.00 over 1, 5 and 15 minutes\n");
        let swap = Swap { total_bytes: Some(0), ..Swap::default() };
        assert_eq!(printed(&System { swap: Some(swap), ..System::default() }, None), "Memory\n  swap  none\n");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        for width in [80, 200] {
            let page = printed(&system(), Some(width));
            assert!(page.lines().all(|line| line.chars().count() <= usize::from(width)), "{page}");
        }
    }

    #[test]
    fn a_host_that_told_nothing_is_an_almost_empty_page() {
        assert_eq!(printed(&System::default(), Some(80)), "");
    }
}
