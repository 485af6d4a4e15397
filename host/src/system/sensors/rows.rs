//! A reading as a row: the units of the wire, and the names of its fields.

use std::path::{Path, PathBuf};

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{
        CurrentSensor, EnergySensor, FanSensor, FieldError, FieldErrorReason, HumiditySensor, PowerSensor,
        SensorIdentity, Sensors, TemperatureSensor, VoltageSensor,
    },
};

use super::{
    super::parse::hwmon::Kind,
    chip::{Part, Reading},
};

/// The field that rows of this kind are in.
pub(super) fn field_of(kind: Kind) -> SystemFieldSet {
    match kind {
        Kind::Temperature => bit::SENSORS_TEMPERATURES,
        Kind::Fan => bit::SENSORS_FANS,
        Kind::Voltage => bit::SENSORS_VOLTAGES,
        Kind::Power => bit::SENSORS_POWERS,
        Kind::Current => bit::SENSORS_CURRENTS,
        Kind::Energy => bit::SENSORS_ENERGIES,
        Kind::Humidity => bit::SENSORS_HUMIDITIES,
    }
}

/// Adds the row. Files are in thousandths of degrees, volts, amperes and per cent, in millionths of watts and joules.
pub(super) fn push(
    sensors: &mut Sensors,
    kind: Kind,
    identity: SensorIdentity,
    reading: Reading,
    of_chip: &[FieldError],
    folder: &Path,
) {
    let mut row = Row { file: folder.join(&identity.channel), reading, errors: of_chip.to_vec() };
    let sensor = Some(identity);
    match kind {
        Kind::Temperature => sensors.temperatures.push(TemperatureSensor {
            current_celsius: row.value("current_celsius", celsius),
            low_celsius: row.limit(Part::Min, "low_celsius", celsius),
            high_celsius: row.limit(Part::Max, "high_celsius", celsius),
            critical_celsius: row.limit(Part::Crit, "critical_celsius", celsius),
            errors: row.errors("sensor.label"),
            sensor,
        }),
        Kind::Fan => sensors.fans.push(FanSensor {
            revolutions_per_minute: row.value("revolutions_per_minute", revolutions),
            low_revolutions_per_minute: row.limit(Part::Min, "low_revolutions_per_minute", revolutions),
            errors: row.errors("sensor.label"),
            sensor,
        }),
        Kind::Voltage => sensors.voltages.push(VoltageSensor {
            volts: row.value("volts", thousandths),
            low_volts: row.limit(Part::Min, "low_volts", thousandths),
            high_volts: row.limit(Part::Max, "high_volts", thousandths),
            errors: row.errors("sensor.label"),
            sensor,
        }),
        Kind::Power => sensors.powers.push(PowerSensor {
            watts: row.value("watts", millionths),
            errors: row.errors("sensor.label"),
            sensor,
        }),
        Kind::Current => sensors.currents.push(CurrentSensor {
            amperes: row.value("amperes", thousandths),
            errors: row.errors("sensor.label"),
            sensor,
        }),
        Kind::Energy => sensors.energies.push(EnergySensor {
            joules: row.value("joules", millionths),
            errors: row.errors("sensor.label"),
            sensor,
        }),
        Kind::Humidity => sensors.humidities.push(HumiditySensor {
            humidity_ratio: row.value("humidity_ratio", share),
            errors: row.errors("sensor.label"),
            sensor,
        }),
    }
}

struct Row {
    /// The beginning of the names of its files.
    file: PathBuf,
    reading: Reading,
    errors: Vec<FieldError>,
}

impl Row {
    fn value<T>(&mut self, field: &'static str, convert: impl Fn(i64) -> Option<T>) -> Option<T> {
        self.convert(Part::Value, self.reading.value, field, convert)
    }

    fn limit<T>(&mut self, part: Part, field: &'static str, convert: impl Fn(i64) -> Option<T>) -> Option<T> {
        let limits = self.reading.limits;
        let raw = match part {
            Part::Min => limits.min,
            Part::Max => limits.max,
            Part::Crit => limits.crit,
            Part::Value | Part::Label => None,
        };
        self.convert(part, raw, field, convert)
    }

    fn convert<T>(
        &mut self,
        part: Part,
        raw: Option<i64>,
        field: &'static str,
        convert: impl Fn(i64) -> Option<T>,
    ) -> Option<T> {
        for (_, mut error) in self.reading.errors.extract_if(.., |(failed, _)| *failed == part) {
            field.clone_into(&mut error.path);
            self.errors.push(error);
        }
        let raw = raw?;
        let value = convert(raw);
        if value.is_none() {
            let detail = format!("{}_*: {raw} is beyond what can be", self.file.display());
            let reason = FieldErrorReason::InvalidData.into();
            self.errors.push(FieldError { path: field.to_owned(), reason, detail });
        }
        value
    }

    /// What is left is about the label.
    fn errors(&mut self, label: &str) -> Vec<FieldError> {
        for (_, mut error) in std::mem::take(&mut self.reading.errors) {
            label.clone_into(&mut error.path);
            self.errors.push(error);
        }
        std::mem::take(&mut self.errors)
    }
}

/// Nothing is colder than absolute zero; the kernel writes -274 degrees for "none" (include/linux/thermal.h: `THERMAL_TEMP_INVALID`).
pub(in crate::system) fn celsius(thousandths: i64) -> Option<f64> {
    (thousandths >= -273_150).then_some(thousandths as f64 / 1e3)
}

fn revolutions(number: i64) -> Option<u32> {
    u32::try_from(number).ok()
}

fn thousandths(number: i64) -> Option<f64> {
    Some(number as f64 / 1e3)
}

fn millionths(number: i64) -> Option<f64> {
    Some(number as f64 / 1e6)
}

/// Thousandths of one per cent. A wet sensor may say a little more than all.
fn share(number: i64) -> Option<f64> {
    (number >= 0).then_some((number as f64 / 1e5).min(1.0))
}
