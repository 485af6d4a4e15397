//! `procwire system`: the host as a page.

use std::{
    io::{self, Write},
    time::Duration,
};

use anstyle::Style;
use procwire_proto::{
    escape, json,
    v1::{Cpu, CpuUsage, Disk, LoadAverage, Memory, NetworkInterface, Swap, System},
};

use crate::render::{
    clock::Clock,
    page::Page,
    table::{Align, Column, Table},
    units, unreadable,
    value::{self, MISSING},
};

/// Sections in words of their own; others are shown as they come.
const SHOWN_IN_WORDS: [&str; 9] = ["sampled", "host", "boot", "cpu", "load", "memory", "swap", "disks", "network"];

type Pairs = Vec<(String, String)>;

/// Prints the page of a host.
pub(crate) fn write_page(out: &mut dyn Write, system: &System, clock: &Clock, width: Option<u16>) -> io::Result<()> {
    let mut page = Page::default();
    page.list(host_name(system), host(system, clock));
    if let Some(cpu) = &system.cpu {
        page.list("Processors", processors(cpu, system.load.as_ref()));
        page.grid(busy_title(cpu), each_processor(cpu));
    }
    if let Some(memory) = &system.memory {
        page.list("Memory", memory_summary(memory, system.swap.as_ref()));
        page.grid("Memory in detail", memory_details(memory, system.swap.as_ref()));
    }
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

fn processors(cpu: &Cpu, load: Option<&LoadAverage>) -> Pairs {
    let mut pairs = Pairs::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    push(
        "count",
        cpu.logical_count.map(|count| match cpu.usable_count {
            Some(usable) if usable != count => format!("{count}, {usable} usable by the agent"),
            _ => count.to_string(),
        }),
    );
    push(
        "busy",
        cpu.usage.as_ref().map(|usage| format!("{}  {}", bar(usage.busy_ratio), units::percent(usage.busy_ratio))),
    );
    push("of that", cpu.usage.as_ref().map(parts_of_usage));
    push(
        "load",
        load.and_then(|load| {
            let averages =
                [load.one_minute?, load.five_minutes?, load.fifteen_minutes?].map(|load| format!("{load:.2}"));
            Some(format!("{} over 1, 5 and 15 minutes", averages.join("  ")))
        }),
    );
    push(
        "threads",
        load.and_then(|load| {
            Some(format!("{} ready or running of {}", load.runnable_threads?, units::count(load.total_threads?.into())))
        }),
    );
    push("since boot", counters(cpu));
    pairs
}

fn parts_of_usage(usage: &CpuUsage) -> String {
    let parts = [
        ("user", usage.user_ratio),
        ("nice", usage.nice_ratio),
        ("system", usage.system_ratio),
        ("irq", usage.irq_ratio + usage.softirq_ratio),
        ("steal", usage.steal_ratio),
        ("guest", usage.guest_ratio + usage.guest_nice_ratio),
    ];
    let always = ["user", "system"];
    let shown = parts.into_iter().filter(|(name, ratio)| always.contains(name) || *ratio >= 0.0005);
    let shown: Vec<_> = shown.map(|(name, ratio)| format!("{name} {}", units::percent(ratio))).collect();
    format!("{}; waiting for disks {}", shown.join(", "), units::percent(usage.iowait_ratio))
}

fn counters(cpu: &Cpu) -> Option<String> {
    let counters = [("context switches", cpu.context_switches), ("interrupts", cpu.interrupts), ("forks", cpu.forks)];
    let shown = counters.iter().filter_map(|(name, count)| Some(format!("{} {name}", units::count((*count)?))));
    Some(shown.collect::<Vec<_>>().join(", ")).filter(|shown| !shown.is_empty())
}

fn busy_title(cpu: &Cpu) -> String {
    let window = cpu.cpus.iter().find_map(|one| one.usage).map(|usage| Duration::from_nanos(usage.window_ns));
    window.map_or_else(|| "Each processor".to_owned(), |window| format!("Each processor over {}", units::span(window)))
}

fn each_processor(cpu: &Cpu) -> Pairs {
    let usage = cpu.cpus.iter().filter_map(|one| Some((one.number, one.usage?)));
    usage.map(|(number, usage)| (format!("cpu {number}"), units::percent(usage.busy_ratio))).collect()
}

fn memory_summary(memory: &Memory, swap: Option<&Swap>) -> Pairs {
    let mut pairs = Pairs::new();
    let line = |used: Option<u64>, total: Option<u64>, ratio: Option<f64>| {
        let (used, total, ratio) = (used?, total?, ratio?);
        let text = format!("{} of {} ({})", units::bytes(used), units::bytes(total), units::percent(ratio));
        Some(format!("{}  {text}", bar(ratio)))
    };
    let push = |pairs: &mut Pairs, label: &str, text: Option<String>| {
        pairs.extend(text.map(|text| (label.to_owned(), text)));
    };
    push(&mut pairs, "used", line(memory.used_bytes, memory.total_bytes, memory.used_ratio));
    push(
        &mut pairs,
        "swap",
        swap.and_then(|swap| match swap.total_bytes {
            Some(0) => Some("none".to_owned()),
            _ => line(swap.used_bytes, swap.total_bytes, swap.used_ratio),
        }),
    );
    pairs
}

fn memory_details(memory: &Memory, swap: Option<&Swap>) -> Pairs {
    let swap = swap.filter(|swap| swap.total_bytes != Some(0));
    let bytes = [
        ("available", memory.available_bytes),
        ("free", memory.free_bytes),
        ("cached", memory.cached_bytes),
        ("buffers", memory.buffers_bytes),
        ("shared", memory.shared_bytes),
        ("active", memory.active_bytes),
        ("inactive", memory.inactive_bytes),
        ("slab", memory.slab_bytes),
    ];
    let rates = [
        ("swapped in", swap.and_then(|swap| swap.swapped_in_bytes_per_second)),
        ("swapped out", swap.and_then(|swap| swap.swapped_out_bytes_per_second)),
    ];
    let bytes = bytes.into_iter().filter_map(|(name, number)| Some((name.to_owned(), units::bytes(number?))));
    let rates = rates.into_iter().filter_map(|(name, rate)| Some((name.to_owned(), units::byte_rate(rate?))));
    bytes.chain(rates).collect()
}

fn was_used(disk: &Disk) -> bool {
    disk.reads.unwrap_or_default() > 0 || disk.writes.unwrap_or_default() > 0
}

fn disk_table(disks: &[&Disk]) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left),
        Column { drop_order: Some(2), ..Column::new("CLASS", Align::Left) },
        Column { drop_order: Some(1), ..right("SIZE") },
        right("READ"),
        right("WRITTEN"),
        right("READ/s"),
        right("WRITE/s"),
        right("BUSY"),
    ]);
    for disk in disks {
        let bytes = |number: Option<u64>| number.map(units::bytes_short);
        let rate = |rate: Option<f64>| rate.map(units::byte_rate_short);
        let class = disk.class().as_str_name().trim_start_matches("DISK_CLASS_").to_lowercase().replace('_', " ");
        push_row(
            &mut table,
            [
                Some(escape::terminal(&disk.name).into_owned()),
                Some(class),
                bytes(disk.size_bytes),
                bytes(disk.read_bytes),
                bytes(disk.written_bytes),
                rate(disk.rates.map(|rates| rates.read_bytes_per_second)),
                rate(disk.rates.map(|rates| rates.written_bytes_per_second)),
                disk.rates.map(|rates| units::percent(rates.busy_ratio)),
            ],
        );
    }
    table
}

fn network_table(interfaces: &[NetworkInterface]) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left),
        right("RECEIVED"),
        right("SENT"),
        right("RECV/s"),
        right("SENT/s"),
        Column { drop_order: Some(1), ..right("ERRORS") },
        Column { drop_order: Some(1), ..right("DROPS") },
    ]);
    for interface in interfaces {
        let counters = interface.counters.unwrap_or_default();
        let both = |one: Option<u64>, other: Option<u64>| Some(units::count(one?.saturating_add(other?)));
        push_row(
            &mut table,
            [
                Some(escape::terminal(&interface.name).into_owned()),
                counters.received_bytes.map(units::bytes_short),
                counters.sent_bytes.map(units::bytes_short),
                interface.rates.map(|rates| units::byte_rate_short(rates.received_bytes_per_second)),
                interface.rates.map(|rates| units::byte_rate_short(rates.sent_bytes_per_second)),
                both(counters.receive_errors, counters.send_errors),
                both(counters.receive_drops, counters.send_drops),
            ],
        );
    }
    table
}

fn push_row<const N: usize>(table: &mut Table, cells: [Option<String>; N]) {
    table.push(cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect(), Style::new());
}

/// A share of one as a bar of 20.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and the number is clamped")]
fn bar(ratio: f64) -> String {
    let full = (ratio * 20.0).round().clamp(0.0, 20.0) as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(20 - full))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;
    use procwire_proto::v1::{DiskClass, FieldError, FieldErrorReason, HostIdentity, LogicalCpu, Network};

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
            class: DiskClass::Disk.into(),
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

    #[test]
    fn bars_stay_within_their_length() {
        for ratio in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN, f64::INFINITY] {
            assert_eq!(bar(ratio).chars().count(), 20, "{ratio}");
        }
    }
}
