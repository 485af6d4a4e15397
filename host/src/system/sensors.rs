//! Section `sensors`: hardware monitoring chips and thermal zones.

mod chip;
mod rows;
mod thermal;

use std::path::PathBuf;

use procwire_proto::{SystemFieldSet, system_fields::bit, v1::Sensors};

use self::{
    chip::Chip,
    rows::{field_of, push},
    thermal::Zone,
};
use super::{
    answer::Answer,
    attribute::AttributeText,
    class_folder::{ClassFolder, number_after},
};
use crate::Host;

pub(super) use self::rows::celsius;

const CHIPS: SystemFieldSet = bit::SENSORS_TEMPERATURES
    .union(bit::SENSORS_FANS)
    .union(bit::SENSORS_VOLTAGES)
    .union(bit::SENSORS_POWERS)
    .union(bit::SENSORS_CURRENTS)
    .union(bit::SENSORS_ENERGIES)
    .union(bit::SENSORS_HUMIDITIES);

/// The chips and zones of a host. Their values are read anew each time; labels and limits when a sensor is first read, and again when the
/// devices have changed or a minute has passed: a limit of a disk costs a command to it.
pub(super) struct SensorFiles {
    hwmon: ClassFolder,
    chips: Vec<Chip>,
    thermal: ClassFolder,
    zones: Vec<Zone>,
    /// Where the devices themselves are, to which the classes have links.
    devices: PathBuf,
}

impl SensorFiles {
    pub(super) fn new(host: &Host) -> Self {
        let sys = &host.roots().sys;
        Self {
            hwmon: ClassFolder::new(sys.join("class/hwmon")),
            chips: Vec::new(),
            thermal: ClassFolder::new(sys.join("class/thermal")),
            zones: Vec::new(),
            devices: sys.join("devices"),
        }
    }

    pub(super) fn read(&mut self, answer: &mut Answer) {
        if !answer.wants(CHIPS.union(bit::SENSORS_THERMAL_ZONES)) {
            return;
        }
        let mut sensors = Sensors::default();
        let mut text = AttributeText::new();
        if answer.wants(CHIPS) {
            self.read_chips(&mut sensors, &mut text, answer);
        }
        if answer.wants(bit::SENSORS_THERMAL_ZONES) {
            self.read_zones(&mut sensors, &mut text, answer);
        }
        answer.system.sensors = Some(sensors);
    }

    fn read_chips(&mut self, sensors: &mut Sensors, text: &mut AttributeText, answer: &mut Answer) {
        match self.hwmon.look(|name| number_after(b"hwmon", name).is_some()) {
            Ok(false) => {}
            Ok(true) => {
                self.chips = self.hwmon.devices().flat_map(|device| Chip::of(&device, &self.devices)).collect();
            }
            Err(error) => {
                self.chips.clear();
                return answer.unreadable(CHIPS, &error);
            }
        }
        let mut has_gone = false;
        for chip in &mut self.chips {
            for channel in &mut chip.channels {
                if answer.wants(field_of(channel.kind)) {
                    let reading = channel.read(&chip.folder, text);
                    has_gone |= reading.has_gone;
                    push(sensors, channel.kind, chip.identity.of(channel), reading, &chip.errors, &chip.folder);
                }
            }
        }
        if has_gone {
            self.hwmon.forget();
        }
    }

    fn read_zones(&mut self, sensors: &mut Sensors, text: &mut AttributeText, answer: &mut Answer) {
        match self.thermal.look(|name| number_after(b"thermal_zone", name).is_some()) {
            Ok(false) => {}
            Ok(true) => self.zones = self.thermal.devices().filter_map(|device| Zone::of(&device)).collect(),
            Err(error) => {
                self.zones.clear();
                return answer.unreadable(bit::SENSORS_THERMAL_ZONES, &error);
            }
        }
        sensors.thermal_zones = self.zones.iter_mut().map(|zone| zone.read(text)).collect();
    }
}

#[cfg(test)]
mod tests;
