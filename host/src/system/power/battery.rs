//! One battery: what its files say, and what follows from that.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use procwire_proto::v1::{Battery, FieldError};

use super::{super::attribute::AttributeText, mains::is_absent, supply::Supply};

/// Files are in millionths of watt-hours, ampere-hours, watts, amperes and volts.
const PER_UNIT: f64 = 1e6;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// The row of a battery; none if its bay is empty. What its driver has no file for is absent without error.
pub(super) fn read(supply: &mut Supply, mains_connected: Option<bool>, text: &mut AttributeText) -> Option<Battery> {
    if is_absent(supply, text) {
        return None;
    }
    // The mains of the host do not feed a mouse.
    let mains_connected = mains_connected.filter(|_| supply.is_of_this_host());
    let mut files = Files { supply, text, errors: Vec::new() };
    let status = files.word("status", "status");
    let flow = Flow::of(status.as_deref(), mains_connected);
    let amounts = Amounts {
        energy: files.amount("energy_now", "energy_watt_hours"),
        full_energy: files.amount("energy_full", "full_energy_watt_hours"),
        charge: files.amount("charge_now", "charge_ampere_hours"),
        full_charge: files.amount("charge_full", "full_charge_ampere_hours"),
        volts: files.amount("voltage_now", "volts"),
        watts: files.flow("power_now", "power_watts"),
        amperes: files.flow("current_now", "power_watts"),
    };
    let capacity = files.number("capacity", "charge_ratio", |percent| (percent >= 0).then_some(percent as f64 / 100.0));
    let (mut seconds_left, mut seconds_to_full) = (None, None);
    match flow {
        Flow::Draws => {
            let told = files.seconds("time_to_empty_now", "time_left_ns");
            seconds_left = amounts.hours_to_empty().map(|hours| hours * SECONDS_PER_HOUR).or(told);
        }
        Flow::Charges => {
            let told = files.seconds("time_to_full_now", "time_to_full_ns");
            seconds_to_full = amounts.hours_to_full().map(|hours| hours * SECONDS_PER_HOUR).or(told);
        }
        Flow::Rests => {}
    }
    Some(Battery {
        charge_ratio: amounts.ratio(capacity),
        time_left_ns: seconds_left.and_then(nanoseconds),
        status,
        energy_watt_hours: amounts.energy,
        full_energy_watt_hours: amounts.full_energy,
        power_watts: amounts.power(),
        design_energy_watt_hours: files.amount("energy_full_design", "design_energy_watt_hours"),
        cycles: files.number("cycle_count", "cycles", |cycles| u32::try_from(cycles).ok()),
        volts: amounts.volts,
        technology: files.word("technology", "technology"),
        time_to_full_ns: seconds_to_full.and_then(nanoseconds),
        charge_ampere_hours: amounts.charge,
        full_charge_ampere_hours: amounts.full_charge,
        scope: files.supply.scope().and_then(|scope| String::from_utf8(scope.to_vec()).ok()),
        errors: files.errors,
        name: supply.name.clone(),
    })
}

/// Which way the energy goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Draws,
    Charges,
    Rests,
}

impl Flow {
    /// A battery may be drawn from although the mains are there: they may be too weak. One that does not say is taken for drawn from
    /// where the mains are not known to be there, as psutil takes it.
    fn of(status: Option<&str>, mains_connected: Option<bool>) -> Self {
        match (status, mains_connected) {
            (Some("Discharging"), _) => Self::Draws,
            (Some("Charging"), _) => Self::Charges,
            (Some("Full" | "Not charging"), None) | (_, Some(true)) => Self::Rests,
            (_, Some(false) | None) => Self::Draws,
        }
    }
}

/// What a battery holds: as energy, as charge, or as both.
struct Amounts {
    energy: Option<f64>,
    full_energy: Option<f64>,
    charge: Option<f64>,
    full_charge: Option<f64>,
    volts: Option<f64>,
    watts: Option<f64>,
    amperes: Option<f64>,
}

impl Amounts {
    /// Energy before charge, as psutil; else what the driver says. A battery that was never measured says that it holds 0 when full.
    fn ratio(&self, capacity: Option<f64>) -> Option<f64> {
        let ratio = match (self.energy.zip(self.full_energy), self.charge.zip(self.full_charge)) {
            (Some((now, full)), _) | (None, Some((now, full))) if full > 0.0 => Some(now / full),
            (None, None) => capacity,
            _ => capacity.or(Some(0.0)),
        };
        ratio.map(|ratio| ratio.min(1.0))
    }

    fn power(&self) -> Option<f64> {
        self.watts.or_else(|| Some(self.amperes? * self.volts?))
    }

    fn hours_to_empty(&self) -> Option<f64> {
        self.hours(self.energy, self.charge)
    }

    fn hours_to_full(&self) -> Option<f64> {
        let missing = |now: Option<f64>, full: Option<f64>| Some((full? - now?).max(0.0));
        self.hours(missing(self.energy, self.full_energy), missing(self.charge, self.full_charge))
    }

    /// How long this much takes at the rate of this moment; not told at a rate of 0.
    fn hours(&self, energy: Option<f64>, charge: Option<f64>) -> Option<f64> {
        let energy = energy.or_else(|| Some(charge? * self.volts?));
        let by_power = energy.zip(self.power().filter(|watts| *watts > 0.0));
        let by_current = charge.zip(self.amperes.filter(|amperes| *amperes > 0.0));
        // Charge by current needs no voltage, which changes as the battery empties.
        let (amount, rate) = match (self.energy, by_current) {
            (None, Some(by_current)) => by_current,
            _ => by_power.or(by_current)?,
        };
        Some(amount / rate)
    }
}

/// The files of a battery, and what is wrong with them.
struct Files<'a> {
    supply: &'a mut Supply,
    text: &'a mut AttributeText,
    errors: Vec<FieldError>,
}

impl Files<'_> {
    /// Never less than nothing.
    fn amount(&mut self, file: &str, field: &str) -> Option<f64> {
        self.number(file, field, |number| (number >= 0).then_some(number as f64 / PER_UNIT))
    }

    /// Some drivers tell by the sign which way it goes.
    fn flow(&mut self, file: &str, field: &str) -> Option<f64> {
        self.number(file, field, |number| Some((number as f64 / PER_UNIT).abs()))
    }

    fn seconds(&mut self, file: &str, field: &str) -> Option<f64> {
        self.number(file, field, |number| (number >= 0).then_some(number as f64))
    }

    fn number<T>(&mut self, file: &str, field: &str, convert: impl Fn(i64) -> Option<T>) -> Option<T> {
        let beyond = |number| io::Error::new(ErrorKind::InvalidData, format!("{number} is beyond what can be"));
        let result = self.supply.number(file, self.text)?;
        let result = result.and_then(|number| convert(number).ok_or_else(|| beyond(number)));
        result.map_err(|error| self.errors.extend(self.supply.failure(file, field, &error))).ok()
    }

    fn word(&mut self, file: &str, field: &str) -> Option<String> {
        let result = self.supply.word(file, self.text)?;
        let result = result.and_then(|word| {
            String::from_utf8(word.to_vec()).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
        });
        result.map_err(|error| self.errors.extend(self.supply.failure(file, field, &error))).ok()
    }
}

fn nanoseconds(seconds: f64) -> Option<u64> {
    u64::try_from(Duration::try_from_secs_f64(seconds).ok()?.as_nanos()).ok()
}
