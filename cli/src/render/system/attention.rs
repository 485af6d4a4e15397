//! What somebody who looks after the host should know first.

use procwire_proto::{
    escape,
    v1::{Battery, Cgroup, Memory, Mount, PressureStall, Swap, System},
};

use super::page::Pairs;
use crate::render::{filesystems::why_unknown, sensors, units};

/// A filesystem that is so full is soon in the way.
const FULL_RATIO: f64 = 0.9;
/// With less than this share of memory to give out, programs soon wait for it.
const LEAST_AVAILABLE_RATIO: f64 = 0.1;
/// So much of what a control group may use is nearly all of it.
const NEAR_LIMIT_RATIO: f64 = 0.9;
/// Swap that is so full will not help much longer.
const FULL_SWAP_RATIO: f64 = 0.8;
/// Waiting for memory or disks for such a share of the last 10 seconds is felt.
const FELT_STALL_RATIO: f64 = 0.1;
/// So much of the time that programs ran without a processor for some is a queue that does not get shorter.
const BUSY_STALL_RATIO: f64 = 0.5;
/// What the hypervisor takes for others beyond this is missed.
const STOLEN_RATIO: f64 = 0.1;
/// A battery with less than this, and no mains, soon ends everything.
const LEAST_CHARGE_RATIO: f64 = 0.15;

/// Label and sentence for each; nothing if all is well. `mounts` are the filesystems that are shown.
pub(super) fn attention(system: &System, mounts: &[&Mount]) -> Pairs {
    let mut pairs = Pairs::new();
    let mut say = |label: &str, sentence: Option<String>| pairs.extend(sentence.map(|text| (label.to_owned(), text)));
    for mount in mounts {
        say("filesystem", filesystem(mount));
    }
    say("memory", system.memory.as_ref().and_then(memory));
    say("swap", system.swap.as_ref().and_then(swap));
    if let Some(cgroup) = &system.cgroup {
        say("control group", near_limit(cgroup));
        say("control group", kills(cgroup));
    }
    if let Some(pressure) = &system.pressure {
        let some = |resource: Option<procwire_proto::v1::PressureResource>| resource.and_then(|resource| resource.some);
        say("processors", waited(some(pressure.cpu), BUSY_STALL_RATIO, "a processor"));
        say("memory", waited(some(pressure.memory), FELT_STALL_RATIO, "memory"));
        say("disks", waited(some(pressure.io), FELT_STALL_RATIO, "disks"));
    }
    say("processors", stolen(system));
    say("sensors", alarms(system));
    for battery in system.power.iter().flat_map(|power| &power.batteries) {
        say("battery", low(battery));
    }
    pairs
}

fn filesystem(mount: &Mount) -> Option<String> {
    let place = escape::terminal(&mount.mount_point);
    if let Some(reason) = why_unknown(mount) {
        // What cannot be looked at by this agent is no news; what hangs is.
        let hangs = reason == procwire_proto::v1::FieldErrorReason::Timeout;
        return hangs.then(|| format!("{place} does not answer"));
    }
    // What is read only, as an image, was full when it was made.
    let usage = mount.usage.as_ref().filter(|_| !mount.read_only)?;
    let inodes = usage.total_inodes.zip(usage.free_inodes).filter(|(total, _)| *total > 0);
    let used_inodes = inodes.map(|(total, free)| total.saturating_sub(free) as f64 / total as f64);
    match (usage.used_ratio, used_inodes) {
        (Some(used), _) if used >= FULL_RATIO => {
            let left = units::bytes(usage.available_bytes);
            Some(format!("{place} is {} full, {left} of {} are left", percent(used), units::bytes(usage.total_bytes)))
        }
        (_, Some(used)) if used >= FULL_RATIO => Some(format!("{place} has used {} of its inodes", percent(used))),
        _ => None,
    }
}

fn memory(memory: &Memory) -> Option<String> {
    let (available, total) = (memory.available_bytes?, memory.total_bytes?);
    let is_short = (available as f64) < total as f64 * LEAST_AVAILABLE_RATIO;
    is_short.then(|| format!("{} of {} are available", units::bytes(available), units::bytes(total)))
}

fn swap(swap: &Swap) -> Option<String> {
    let used = swap.used_ratio.filter(|used| *used >= FULL_SWAP_RATIO)?;
    Some(format!("{} of {} are used", percent(used), units::bytes(swap.total_bytes?)))
}

fn near_limit(cgroup: &Cgroup) -> Option<String> {
    let memory = cgroup.memory.as_ref()?;
    // The page cache of a group goes when room is needed; what is left is what may not fit.
    let used = memory.working_set_bytes.or(memory.usage_bytes)?;
    let limit = memory.effective_limit_bytes.or(memory.limit_bytes).filter(|limit| *limit > 0)?;
    let share = used as f64 / limit as f64;
    let sentence = || format!("the agent's own uses {} of the {} it may", units::bytes(used), units::bytes(limit));
    (share >= NEAR_LIMIT_RATIO).then(sentence)
}

fn kills(cgroup: &Cgroup) -> Option<String> {
    let kills = cgroup.memory.as_ref()?.oom_kills.filter(|kills| *kills > 0)?;
    let noun = if kills == 1 { "process was" } else { "processes were" };
    Some(format!("{} {noun} killed in the agent's own for want of memory", units::count(kills)))
}

fn waited(stall: Option<PressureStall>, least: f64, what: &str) -> Option<String> {
    let share = stall?.ten_seconds_ratio;
    (share >= least).then(|| format!("tasks waited for {what} {} of the last 10 s", percent(share)))
}

fn stolen(system: &System) -> Option<String> {
    let share = system.cpu.as_ref()?.usage?.steal_ratio;
    (share >= STOLEN_RATIO).then(|| format!("the hypervisor took {} of the time for others", percent(share)))
}

fn alarms(system: &System) -> Option<String> {
    let noun = |count| if count == 1 { "sensor is" } else { "sensors are" };
    let count = sensors::alarms(system);
    (count > 0).then(|| format!("{count} {} beyond the limits: procwire sensors", noun(count)))
}

fn low(battery: &Battery) -> Option<String> {
    let charge = battery.charge_ratio.filter(|charge| *charge < LEAST_CHARGE_RATIO)?;
    let feeds_host = battery.scope.as_deref() != Some("Device");
    let is_emptied = battery.status.as_deref() == Some("Discharging");
    let name = escape::terminal(&battery.name);
    (feeds_host && is_emptied).then(|| format!("{name} has {} left", percent(charge)))
}

fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{
        CgroupMemory, Cpu, CpuUsage, DiskUsage, FieldError, FieldErrorReason, Power, Pressure, PressureResource,
        SensorIdentity, Sensors, TemperatureSensor,
    };

    use super::*;

    fn mount(used_ratio: f64, free_inodes: u64) -> Mount {
        let usage = DiskUsage {
            total_bytes: 100 << 30,
            available_bytes: 5 << 30,
            used_ratio: Some(used_ratio),
            total_inodes: Some(1000),
            free_inodes: Some(free_inodes),
            ..DiskUsage::default()
        };
        Mount { mount_point: b"/srv\x1b".to_vec(), usage: Some(usage), ..Mount::default() }
    }

    fn stalled(ratio: f64) -> Option<PressureResource> {
        let stall = PressureStall { ten_seconds_ratio: ratio, ..PressureStall::default() };
        Some(PressureResource { some: Some(stall), full: None })
    }

    /// Everything just beyond its threshold, or just within.
    fn host(beyond: bool) -> System {
        let pick = |bad: f64, good: f64| if beyond { bad } else { good };
        let current = pick(91.0, 89.0);
        let temperature = TemperatureSensor {
            sensor: Some(SensorIdentity { chip: b"coretemp".to_vec(), ..SensorIdentity::default() }),
            current_celsius: Some(current),
            high_celsius: Some(90.0),
            ..TemperatureSensor::default()
        };
        let battery = Battery {
            name: b"BAT0".to_vec(),
            charge_ratio: Some(pick(0.14, 0.16)),
            status: Some("Discharging".to_owned()),
            ..Battery::default()
        };
        let group = CgroupMemory {
            usage_bytes: Some(if beyond { 60 } else { 50 } << 20),
            effective_limit_bytes: Some(64 << 20),
            oom_kills: Some(u64::from(beyond)),
            ..CgroupMemory::default()
        };
        System {
            memory: Some(Memory {
                total_bytes: Some(1 << 30),
                available_bytes: Some(if beyond { 100 } else { 110 } << 20),
                ..Memory::default()
            }),
            swap: Some(Swap { total_bytes: Some(1 << 30), used_ratio: Some(pick(0.81, 0.79)), ..Swap::default() }),
            cgroup: Some(Cgroup { memory: Some(group), ..Cgroup::default() }),
            pressure: Some(Pressure {
                cpu: stalled(pick(0.51, 0.49)),
                memory: stalled(pick(0.11, 0.09)),
                io: stalled(pick(0.11, 0.09)),
                irq: None,
            }),
            cpu: Some(Cpu {
                usage: Some(CpuUsage { steal_ratio: pick(0.11, 0.09), ..CpuUsage::default() }),
                ..Cpu::default()
            }),
            sensors: Some(Sensors { temperatures: vec![temperature], ..Sensors::default() }),
            power: Some(Power { batteries: vec![battery], mains_connected: None }),
            ..System::default()
        }
    }

    #[test]
    fn what_is_beyond_its_threshold_is_said_in_words() {
        let full = mount(0.95, 500);
        let said: Vec<String> = attention(&host(true), &[&full]).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            said,
            [
                r"/srv\x1b is 95 % full, 5.0 GiB of 100 GiB are left",
                "100 MiB of 1.0 GiB are available",
                "81 % of 1.0 GiB are used",
                "the agent's own uses 60 MiB of the 64 MiB it may",
                "1 process was killed in the agent's own for want of memory",
                "tasks waited for a processor 51 % of the last 10 s",
                "tasks waited for memory 11 % of the last 10 s",
                "tasks waited for disks 11 % of the last 10 s",
                "the hypervisor took 11 % of the time for others",
                "1 sensor is beyond the limits: procwire sensors",
                "BAT0 has 14 % left",
            ]
        );
    }

    #[test]
    fn a_host_that_is_well_needs_none() {
        assert!(attention(&host(false), &[&mount(0.89, 500)]).is_empty());
        assert!(attention(&System::default(), &[&Mount::default()]).is_empty());
    }

    #[test]
    fn inodes_run_out_too_and_images_are_full_by_nature() {
        let said = |mount: &Mount| attention(&System::default(), &[mount]).pop().map(|(_, text)| text);
        assert_eq!(said(&mount(0.1, 50)).unwrap(), r"/srv\x1b has used 95 % of its inodes");
        assert_eq!(said(&Mount { read_only: true, ..mount(1.0, 0) }), None);
    }

    #[test]
    fn a_filesystem_that_hangs_is_news_and_one_that_is_closed_to_the_agent_is_not() {
        let absent = |reason: FieldErrorReason| {
            let error = FieldError { path: "usage".to_owned(), reason: reason.into(), ..FieldError::default() };
            let mount = Mount { usage: None, errors: vec![error], ..mount(0.0, 0) };
            attention(&System::default(), &[&mount]).pop().map(|(_, text)| text)
        };
        assert_eq!(absent(FieldErrorReason::Timeout).unwrap(), r"/srv\x1b does not answer");
        assert_eq!(absent(FieldErrorReason::PermissionDenied), None);
    }

    #[test]
    fn a_battery_that_is_charged_or_of_a_mouse_is_no_worry() {
        let battery =
            Battery { charge_ratio: Some(0.05), status: Some("Discharging".to_owned()), ..Battery::default() };
        assert!(low(&battery).is_some());
        assert!(low(&Battery { status: Some("Charging".to_owned()), ..battery.clone() }).is_none());
        assert!(low(&Battery { scope: Some("Device".to_owned()), ..battery }).is_none());
    }
}
