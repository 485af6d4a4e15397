//! The snapshot of the host.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use procwire_proto::v1::CpuUsage;
use procwire_tests::{Agent, Role, Victim, boot_id};

#[tokio::test]
async fn a_snapshot_without_a_mask_has_the_usual_sections_and_counters_only() {
    let agent = Agent::start();
    let response = agent.client(Role::Reader).system().get().await.unwrap();
    let system = response.system.unwrap();
    let cpu = system.cpu.unwrap();
    assert!(system.host.is_some() && system.boot.is_some() && system.load.is_some() && system.swap.is_some());
    assert!(system.memory.unwrap().available_bytes.is_some());
    assert!(cpu.times.is_some() && !cpu.cpus.is_empty());
    assert!(system.network.unwrap().interfaces.iter().any(|interface| interface.name == b"lo"));
    assert_eq!(cpu.usage, None, "usage needs two readings");
    assert!(!system.errors.iter().any(|error| error.path.contains("usage")), "{:?}", system.errors);
    assert!(response.effective_mask.unwrap().paths.iter().any(|path| path.starts_with("memory")));
}

#[tokio::test]
async fn a_window_gives_rates_and_shares_that_add_up() {
    let agent = Agent::start();
    let _busy = Victim::start(&["busy"]);
    let window = Duration::from_millis(300);
    let system = agent
        .client(Role::Reader)
        .system()
        .get()
        .fields(["cpu", "disks", "network"])
        .usage_window(window)
        .await
        .unwrap();
    let system = system.system.unwrap();
    let cpu = system.cpu.unwrap();
    assert_shares_add_up(&cpu.usage.unwrap(), window);
    for processor in &cpu.cpus {
        assert_shares_add_up(processor.usage.as_ref().unwrap(), window);
    }
    let busy: f64 = cpu.cpus.iter().map(|processor| processor.usage.as_ref().unwrap().busy_ratio).sum();
    assert!(busy > 0.5, "one processor is kept busy, and {busy} is shown");
    for interface in system.network.unwrap().interfaces {
        let rates = interface.rates.unwrap();
        assert!(rates.window_ns >= 300_000_000 && rates.received_bytes_per_second >= 0.0, "{rates:?}");
    }
    for disk in system.disks {
        let rates = disk.rates.unwrap();
        assert!((0.0..=1.05).contains(&rates.busy_ratio), "{rates:?}");
    }
}

fn assert_shares_add_up(usage: &CpuUsage, window: Duration) {
    let parts = [
        usage.user_ratio,
        usage.nice_ratio,
        usage.system_ratio,
        usage.idle_ratio,
        usage.iowait_ratio,
        usage.irq_ratio,
        usage.softirq_ratio,
        usage.steal_ratio,
        usage.guest_ratio,
        usage.guest_nice_ratio,
    ];
    assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)), "{usage:?}");
    assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{usage:?}");
    assert!((usage.busy_ratio - (1.0 - usage.idle_ratio - usage.iowait_ratio)).abs() < 1e-6, "{usage:?}");
    assert!(u128::from(usage.window_ns) >= window.as_nanos(), "{usage:?}");
}

#[tokio::test]
async fn a_snapshot_is_stamped_with_both_clocks() {
    let agent = Agent::start();
    let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let uptime = || fs::read_to_string("/proc/uptime").unwrap().split(' ').next().unwrap().parse::<f64>().unwrap();
    let (wall_before, uptime_before) = (wall(), uptime());
    let system = agent.client(Role::Reader).system().get().fields(["boot.id"]).await.unwrap().system.unwrap();
    let (wall_after, uptime_after) = (wall(), uptime());
    let sampled = system.sampled.unwrap();
    let stamp = sampled.wall.unwrap();
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a double")]
    let stamp = stamp.seconds as f64 + f64::from(stamp.nanos) / 1e9;
    assert!((wall_before - 0.01..=wall_after + 0.01).contains(&stamp), "{wall_before} {stamp} {wall_after}");
    #[allow(clippy::cast_precision_loss, reason = "uptimes are far below 2^53 ns")]
    let monotonic = sampled.monotonic_ns as f64 / 1e9;
    assert!(
        (uptime_before - 0.01..=uptime_after + 0.02).contains(&monotonic),
        "{uptime_before} {monotonic} {uptime_after}"
    );
    assert_eq!(sampled.boot_id, boot_id());
    assert_eq!(system.boot.unwrap().id, boot_id());
}

#[tokio::test]
async fn the_agent_tells_what_it_costs() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    client.processes().list().await.unwrap();
    let status = client.agent().status().await.unwrap();
    assert!(
        status.resident_bytes > 1 << 20 && status.cpu_time_ns > 0 && status.fd_count > 5 && status.thread_count > 0
    );
    assert_eq!(status.connections, 1);
    assert!(status.calls >= 1, "{status:?}");
    assert!(status.certificate_expires.is_some());
}
