//! Section `power`: batteries, and whether the mains feed this host (Documentation/ABI/testing/sysfs-class-power).

mod battery;
mod mains;
mod supply;

use procwire_proto::{system_fields::bit, v1::Power};

use self::supply::Supply;
use super::{answer::Answer, attribute::AttributeText, class_folder::ClassFolder};
use crate::Host;

/// The power supplies of a host, with their files open.
pub(super) struct PowerSupplies {
    folder: ClassFolder,
    supplies: Vec<Supply>,
}

impl PowerSupplies {
    pub(super) fn new(host: &Host) -> Self {
        Self { folder: ClassFolder::new(host.roots().sys.join("class/power_supply")), supplies: Vec::new() }
    }

    pub(super) fn read(&mut self, answer: &mut Answer) {
        if !answer.wants(bit::POWER) {
            return;
        }
        match self.folder.look(|_| true) {
            Ok(false) => {}
            Ok(true) => self.supplies = self.folder.devices().map(|device| Supply::of(&device)).collect(),
            Err(error) => {
                self.supplies.clear();
                return answer.unreadable(bit::POWER, &error);
            }
        }
        let mut text = AttributeText::new();
        let mains_connected = mains::connected(&mut self.supplies, &mut text);
        let batteries = self.supplies.iter_mut().filter(|supply| supply.is_battery());
        let batteries = batteries.filter_map(|supply| battery::read(supply, mains_connected, &mut text)).collect();
        answer.system.power = Some(Power { batteries, mains_connected });
    }
}

#[cfg(test)]
mod tests;
