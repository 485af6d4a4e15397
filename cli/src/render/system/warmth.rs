//! Temperatures, fans, batteries and graphics processors on one line each; `procwire sensors` and `battery` tell the rest.

use std::time::Duration;

use procwire_proto::{
    escape,
    v1::{Battery, Gpu, SensorIdentity, Sensors, System},
};

use super::page::Pairs;
use crate::render::units;

/// So many of a kind are named.
const MOST: usize = 6;

/// Label and value for each kind that the host has.
pub(super) fn warmth(system: &System) -> Pairs {
    let mut pairs = Pairs::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    if let Some(sensors) = &system.sensors {
        push("warmest", temperatures(sensors));
        push("fans", fans(sensors));
    }
    for gpu in &system.gpus {
        push("graphics", Some(graphics(gpu)));
    }
    if let Some(power) = &system.power {
        for one in &power.batteries {
            push("battery", Some(battery(one)));
        }
        let mains = power.mains_connected.map(|yes| if yes { "connected" } else { "not connected" });
        push("mains", mains.map(str::to_owned));
    }
    pairs
}

/// Thermal zones only where there is nothing else: most are the same sensors again.
fn temperatures(sensors: &Sensors) -> Option<String> {
    let chips = sensors.temperatures.iter();
    let mut readings: Vec<(f64, String)> =
        chips.filter_map(|one| Some((one.current_celsius?, name(one.sensor.as_ref()?)))).collect();
    if readings.is_empty() {
        let zones = sensors.thermal_zones.iter();
        readings
            .extend(zones.filter_map(|zone| Some((zone.current_celsius?, escape::terminal(&zone.kind).into_owned()))));
    }
    readings.sort_by(|left, right| right.0.total_cmp(&left.0));
    let shown = readings.iter().take(MOST).map(|(celsius, name)| format!("{name} {celsius:.0} °C"));
    joined(shown, readings.len())
}

fn fans(sensors: &Sensors) -> Option<String> {
    let turning = || {
        let fans = sensors.fans.iter();
        fans.filter_map(|fan| Some((name(fan.sensor.as_ref()?), fan.revolutions_per_minute?)))
    };
    joined(turning().take(MOST).map(|(name, revolutions)| format!("{name} {revolutions} rpm")), turning().count())
}

fn joined(shown: impl Iterator<Item = String>, count: usize) -> Option<String> {
    let shown: Vec<_> = shown.collect();
    let more = match count.saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!shown.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

/// `coretemp Core 3`.
fn name(sensor: &SensorIdentity) -> String {
    let chip = escape::terminal(&sensor.chip);
    match &sensor.label {
        Some(label) => format!("{chip} {}", escape::terminal(label)),
        None => format!("{chip} {}", escape::terminal(sensor.channel.as_bytes())),
    }
}

fn graphics(gpu: &Gpu) -> String {
    let text = |text: &str| escape::terminal(text.as_bytes()).into_owned();
    let name = gpu.model.as_ref().map_or_else(|| text(&gpu.name), |model| escape::terminal(model).into_owned());
    let memory = gpu.memory_used_bytes.zip(gpu.memory_total_bytes);
    let parts = [
        gpu.driver.as_deref().map(text),
        gpu.busy_ratio.map(|busy| format!("{} busy", units::percent(busy))),
        memory.map(|(used, total)| format!("{} of {}", units::bytes(used), units::bytes(total))),
        gpu.celsius.map(|celsius| format!("{celsius:.0} °C")),
        gpu.watts.map(|watts| format!("{watts:.0} W")),
    ];
    std::iter::once(name).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join(", ")
}

fn battery(battery: &Battery) -> String {
    let span = |nanoseconds| units::span(Duration::from_nanos(nanoseconds));
    let parts = [
        Some(escape::terminal(&battery.name).into_owned()),
        battery.charge_ratio.map(units::percent),
        battery.status.as_deref().map(|status| escape::terminal(status.as_bytes()).to_lowercase()),
        battery.time_left_ns.map(|left| format!("{} left", span(left))),
        battery.time_to_full_ns.map(|left| format!("full in {}", span(left))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{FanSensor, Power, TemperatureSensor, ThermalZone};

    use super::*;

    fn sensor(label: &str) -> Option<SensorIdentity> {
        let label = Some(label.as_bytes().to_vec());
        Some(SensorIdentity { chip: b"core\x1btemp".to_vec(), label, ..SensorIdentity::default() })
    }

    fn core(number: u32) -> TemperatureSensor {
        TemperatureSensor {
            sensor: sensor(&format!("Core {number}")),
            current_celsius: Some(f64::from(number)),
            ..TemperatureSensor::default()
        }
    }

    fn said(system: &System) -> Vec<String> {
        warmth(system).into_iter().map(|(label, value)| format!("{label}: {value}")).collect()
    }

    #[test]
    fn the_warmest_come_first_and_the_others_are_counted() {
        let zone = ThermalZone { kind: b"acpitz".to_vec(), current_celsius: Some(99.0), ..ThermalZone::default() };
        let fan = FanSensor { sensor: sensor("fan1"), revolutions_per_minute: Some(1200), ..FanSensor::default() };
        let mut sensors = Sensors {
            temperatures: (0..8).map(core).collect(),
            thermal_zones: vec![zone],
            fans: vec![fan],
            ..Sensors::default()
        };
        let lines = said(&System { sensors: Some(sensors.clone()), ..System::default() });
        assert!(lines[0].starts_with(r"warmest: core\x1btemp Core 7 7 °C, "), "{lines:?}");
        assert!(lines[0].ends_with(" Core 2 2 °C and 2 more"), "{lines:?}");
        assert_eq!(lines[1], r"fans: core\x1btemp fan1 1200 rpm");
        sensors.temperatures.clear();
        sensors.fans.clear();
        assert_eq!(said(&System { sensors: Some(sensors), ..System::default() }), ["warmest: acpitz 99 °C"]);
    }

    #[test]
    fn batteries_and_graphics_have_a_line_each() {
        let battery = Battery {
            name: b"BAT0".to_vec(),
            charge_ratio: Some(0.5),
            status: Some("Discharging".to_owned()),
            time_left_ns: Some(7_800_000_000_000),
            ..Battery::default()
        };
        let gpu = Gpu {
            name: "card0".to_owned(),
            driver: Some("amdgpu".to_owned()),
            busy_ratio: Some(0.25),
            memory_used_bytes: Some(1 << 30),
            memory_total_bytes: Some(8 << 30),
            ..Gpu::default()
        };
        let system = System {
            power: Some(Power { batteries: vec![battery], mains_connected: Some(false) }),
            gpus: vec![gpu],
            ..System::default()
        };
        assert_eq!(
            said(&system),
            [
                "graphics: card0, amdgpu, 25.0 % busy, 1.0 GiB of 8.0 GiB",
                "battery: BAT0, 50.0 %, discharging, 2 h 10 min left",
                "mains: not connected",
            ]
        );
    }

    #[test]
    fn a_host_without_any_says_nothing() {
        assert!(said(&System::default()).is_empty());
        assert!(said(&System { sensors: Some(Sensors::default()), ..System::default() }).is_empty());
    }
}
