//! Sensors by chip, each with its limits and whether it is beyond them.

mod limits;
mod reading;

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use procwire_proto::{
    escape,
    v1::{Gpu, SensorIdentity, Sensors, System, ThermalZone},
};

use self::reading::Reading;
pub(crate) use self::reading::Scale;
use super::{
    page::Page,
    table::{Align, Column, Table},
    units, unreadable,
    value::MISSING,
};

/// True if the host told of nothing that measures.
pub(crate) fn is_empty(system: &System) -> bool {
    readings(system, Scale::Celsius).is_empty() && system.gpus.is_empty() && thermal_zones(system).is_empty()
}

/// A section for each chip, one for thermal zones, one for graphics processors.
pub(crate) fn sensor_page(system: &System, scale: Scale) -> Page {
    let mut page = Page::default();
    // By name, so that the order does not depend on which driver was loaded first; and within a chip by kind and number.
    let mut chips: BTreeMap<(Vec<u8>, Vec<u8>), Vec<Reading>> = BTreeMap::new();
    for (identity, reading) in readings(system, scale) {
        chips.entry((identity.chip, identity.device)).or_default().push(reading);
    }
    for ((chip, device), readings) in chips {
        let name = if chip.is_empty() { "unnamed chip".into() } else { escape::terminal(&chip) };
        let title =
            if device.is_empty() { name.into_owned() } else { format!("{name} ({})", escape::terminal(&device)) };
        page.table(title, table("SENSOR", &readings));
    }
    let zones: Vec<_> = thermal_zones(system).iter().map(|zone| Reading::of_zone(zone, scale)).collect();
    if !zones.is_empty() {
        page.table("Thermal zones", table("ZONE", &zones));
    }
    if !system.gpus.is_empty() {
        page.table("Graphics processors", gpu_table(&system.gpus, scale));
    }
    page
}

/// How many sensors are beyond their limits.
pub(crate) fn alarms(system: &System) -> usize {
    let readings = readings(system, Scale::Celsius).into_iter().map(|(_, reading)| reading);
    let zones = thermal_zones(system).iter().map(|zone| Reading::of_zone(zone, Scale::Celsius));
    readings.chain(zones).filter(|reading| reading.alarm.is_some()).count()
}

fn thermal_zones(system: &System) -> &[ThermalZone] {
    system.sensors.as_ref().map_or(&[], |sensors| &sensors.thermal_zones)
}

fn readings(system: &System, scale: Scale) -> Vec<(SensorIdentity, Reading)> {
    let Some(sensors) = &system.sensors else { return Vec::new() };
    let Sensors { temperatures, fans, voltages, powers, currents, energies, humidities, thermal_zones: _ } = sensors;
    let identified = |identity: &Option<SensorIdentity>| identity.clone().unwrap_or_default();
    let mut readings = Vec::new();
    readings.extend(temperatures.iter().map(|one| (identified(&one.sensor), Reading::of_temperature(one, scale))));
    readings.extend(fans.iter().map(|one| (identified(&one.sensor), Reading::of_fan(one))));
    readings.extend(voltages.iter().map(|one| (identified(&one.sensor), Reading::of_voltage(one))));
    readings.extend(powers.iter().map(|one| (identified(&one.sensor), Reading::of_power(one))));
    readings.extend(currents.iter().map(|one| (identified(&one.sensor), Reading::of_current(one))));
    readings.extend(energies.iter().map(|one| (identified(&one.sensor), Reading::of_energy(one))));
    readings.extend(humidities.iter().map(|one| (identified(&one.sensor), Reading::of_humidity(one))));
    readings
}

fn table(first: &str, readings: &[Reading]) -> Table {
    let mut table = Table::new(vec![
        Column { max_width: 28, ..Column::new(first, Align::Left) }.at_least(12),
        Column::new("NOW", Align::Right).at_least(10),
        Column { may_be_cut: false, drop_order: Some(1), ..Column::new("LIMITS", Align::Left) }.at_least(24),
        Column::new("STATE", Align::Left),
    ]);
    for reading in readings {
        let state = reading.alarm.map(|alarm| alarm.words().to_owned()).or_else(|| reading.failure.clone());
        let style = match (reading.alarm, &reading.failure) {
            (Some(alarm), _) => alarm.style(),
            (None, Some(_)) => AnsiColor::BrightBlack.on_default(),
            (None, None) => Style::new(),
        };
        let now = reading.now.clone().unwrap_or_else(|| MISSING.to_owned());
        table.push(vec![reading.name.clone(), now, reading.limits.clone(), state.unwrap_or_default()], style);
    }
    table
}

fn gpu_table(gpus: &[Gpu], scale: Scale) -> Table {
    let right = |header| Column::new(header, Align::Right);
    let mut table = Table::new(vec![
        Column { may_be_cut: false, ..Column::new("NAME", Align::Left) },
        Column::new("MODEL", Align::Left),
        Column { drop_order: Some(2), ..Column::new("DRIVER", Align::Left) },
        Column { drop_order: Some(3), ..Column::new("ADDRESS", Align::Left) },
        right("BUSY"),
        right("MEMORY"),
        right("TEMP"),
        right("POWER"),
        Column { drop_order: Some(1), ..Column::new("NOT READABLE", Align::Left) },
    ]);
    for gpu in gpus {
        let text = |text: &Option<String>| text.as_deref().map(|text| escape::terminal(text.as_bytes()).into_owned());
        let memory = match (gpu.memory_used_bytes, gpu.memory_total_bytes) {
            (Some(used), Some(total)) => Some(format!("{} of {}", units::bytes_short(used), units::bytes_short(total))),
            (None, Some(total)) => Some(units::bytes_short(total)),
            (Some(used), None) => Some(format!("{} used", units::bytes_short(used))),
            (None, None) => None,
        };
        let failures: Vec<_> = unreadable::by_reason(&gpu.errors)
            .into_iter()
            .map(|(reason, fields)| format!("{fields}: {reason}"))
            .collect();
        let cells = [
            Some(escape::terminal(gpu.name.as_bytes()).into_owned()),
            model(gpu),
            text(&gpu.driver),
            text(&gpu.address),
            gpu.busy_ratio.map(units::percent),
            memory,
            gpu.celsius.map(|celsius| scale.show(celsius)),
            gpu.watts.map(|watts| format!("{watts:.1} W")),
            Some(failures.join("; ")).filter(|failures| !failures.is_empty()),
        ];
        table.push(cells.into_iter().map(|cell| cell.unwrap_or_else(|| MISSING.to_owned())).collect(), Style::new());
    }
    table
}

/// What it is called, or else the numbers by which databases of PCI devices know it.
fn model(gpu: &Gpu) -> Option<String> {
    let named = gpu.model.as_deref().filter(|model| !model.is_empty());
    named.map(|model| escape::terminal(model).into_owned()).or_else(|| {
        let (vendor, device) = (gpu.vendor_id?, gpu.device_id?);
        let maker = match vendor {
            0x1002 => "AMD ",
            0x10de => "NVIDIA ",
            0x8086 => "Intel ",
            _ => "",
        };
        Some(format!("{maker}{vendor:04x}:{device:04x}"))
    })
}

#[cfg(test)]
mod tests;
