#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::v1::{Cpu, CpuFrequencyPolicy, CpuKind, CpuTimes, CpuUsage, LoadAverage, LogicalCpu, SampleTime};

use super::*;

fn usage(busy_ratio: f64) -> CpuUsage {
    CpuUsage {
        busy_ratio,
        user_ratio: busy_ratio,
        idle_ratio: 1.0 - busy_ratio,
        window_ns: 500_000_000,
        ..CpuUsage::default()
    }
}

fn processor(number: u32) -> LogicalCpu {
    let kind = if number < 2 { CpuKind::Performance } else { CpuKind::Efficiency };
    LogicalCpu {
        number,
        usage: Some(usage(0.25)),
        times: Some(CpuTimes { user_ns: Some(3_210_000_000), ..CpuTimes::default() }),
        frequency_hz: Some(3_400_000_000),
        package_id: Some(0),
        core_id: Some(number / 2),
        kind: Some(kind.into()),
        ..LogicalCpu::default()
    }
}

fn policy(cpu: u32, current_hz: u64) -> CpuFrequencyPolicy {
    CpuFrequencyPolicy {
        cpus: vec![cpu],
        number: cpu,
        current_hz: Some(current_hz),
        min_hz: Some(800_000_000),
        max_hz: Some(3_000_000_000),
        governor: Some("schedutil\u{1b}[2J".to_owned()),
        ..CpuFrequencyPolicy::default()
    }
}

fn host(context_switches: u64, seconds: u64) -> System {
    let load = LoadAverage {
        one_minute: Some(0.5),
        five_minutes: Some(1.0),
        fifteen_minutes: Some(2.0),
        total_threads: Some(1234),
        ..LoadAverage::default()
    };
    System {
        sampled: Some(SampleTime { monotonic_ns: seconds * 1_000_000_000, ..SampleTime::default() }),
        load: Some(load),
        cpu: Some(Cpu {
            usage: Some(usage(0.25)),
            times: Some(CpuTimes { user_ns: Some(7_200_000_000_000), ..CpuTimes::default() }),
            cpus: (0..4).map(processor).collect(),
            logical_count: Some(4),
            physical_count: Some(2),
            usable_count: Some(3),
            quota_cpus: Some(1.5),
            offline_cpus: vec![4, 5, 7],
            models: vec![b"Fast \x1b[31mCPU".to_vec()],
            context_switches: Some(context_switches),
            running_threads: Some(3),
            blocked_threads: Some(1),
            frequency_policies: vec![policy(0, 1_200_000_000), policy(1, 3_000_000_000)],
            ..Cpu::default()
        }),
        ..System::default()
    }
}

fn printed(before: Option<&System>, system: &System, shown: Shown, width: Option<u16>) -> String {
    let mut out = Vec::new();
    write_cpu(&mut out, before, system, shown, width).unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

const EACH: Shown = Shown { each: true, times: false };
const TOGETHER: Shown = Shown { each: false, times: false };

#[test]
fn the_page_tells_what_there_is_and_what_it_does() {
    let (before, after) = (host(1000, 10), host(3468, 12));
    let page = printed(Some(&before), &after, TOGETHER, Some(80));
    for wanted in [
        r"model       Fast \x1b[31mCPU",
        "count       4 on 2 cores, 3 usable by the agent, the agent's control group may",
        "use 1.50",
        "kinds       performance 0-1, efficiency 2-3",
        "offline     4-5,7",
        "load        0.50  1.00  2.00 over 1, 5 and 15 minutes",
        "threads     3 running or ready, 1 waiting for disks, 1 234 in all",
        "per second  1 234 context switches",
        "Usage over 500 ms\n  CPU BUSY% USER% NICE%  SYS%  IRQ% SOFT% STEAL% GUEST% WAIT% IDLE%",
        "  all  25.0  25.0   0.0   0.0",
        r"  0-1  1.20-3.00GHz 800MHz-3.00GHz        - schedutil\x1b[2J",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
    }
    assert!(!page.contains("since boot"), "{page}");
}

#[test]
fn each_processor_has_a_row_with_its_clock_and_core() {
    let page = printed(None, &host(5, 1), EACH, Some(200));
    assert!(page.contains("IDLE%   CLOCK CORE KIND\n"), "{page}");
    assert!(
        page.lines().any(|line| line.starts_with("    3  25.0") && line.ends_with("3.40GHz  0/1 efficiency")),
        "{page}"
    );
    assert!(page.contains("since boot  5 context switches"), "{page}");
}

#[test]
fn times_are_those_since_boot() {
    let page = printed(None, &host(5, 1), Shown { each: true, times: true }, Some(80));
    assert!(page.contains("Time since boot\n  CPU    USER NICE SYS"), "{page}");
    assert!(page.contains("  all 2:00:00    -   -"), "{page}");
    assert!(page.contains("    3 0:03.21    -   -"), "{page}");
}

#[test]
fn no_line_is_longer_than_the_terminal() {
    for width in [80, 200] {
        let page = printed(Some(&host(1, 1)), &host(u64::MAX, 2), EACH, Some(width));
        assert!(page.lines().all(|line| line.chars().count() <= usize::from(width)), "{page}");
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = System { cpu: Some(Cpu::default()), ..System::default() };
    assert_eq!(printed(None, &bare, EACH, Some(80)), "");
    assert_eq!(printed(None, &System::default(), EACH, Some(80)), "");
    let silent = LogicalCpu { number: 9, ..LogicalCpu::default() };
    let one = System { cpu: Some(Cpu { usage: Some(usage(1.0)), cpus: vec![silent], ..Cpu::default() }), ..bare };
    let page = printed(None, &one, EACH, Some(80));
    assert!(page.lines().any(|line| line.split_whitespace().eq(std::iter::once("9").chain(["-"; 10]))), "{page}");
}

#[test]
fn nothing_is_said_per_second_across_a_reboot_or_backwards() {
    let line = |before: &System, after: &System| printed(Some(before), after, TOGETHER, None).contains("per second");
    let (early, late) = (host(1000, 10), host(1500, 11));
    assert!(line(&early, &late));
    assert!(!line(&late, &early) && !line(&early, &early));
    let mut rebooted = late;
    rebooted.sampled.as_mut().unwrap().boot_id = b"another".as_slice().into();
    assert!(!line(&early, &rebooted));
}
