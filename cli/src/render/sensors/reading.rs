//! One sensor as a row.

use std::ops::RangeInclusive;

use procwire_proto::{
    escape,
    v1::{
        CurrentSensor, EnergySensor, FanSensor, FieldError, HumiditySensor, PowerSensor, SensorIdentity,
        TemperatureSensor, ThermalZone, VoltageSensor,
    },
};

use super::limits::Alarm;
use crate::render::units;

/// Temperatures that something can have. Where nobody set limits, NVMe devices have 0 K and 65 535 K (drivers/nvme/host/hwmon.c).
const ANY_CELSIUS: RangeInclusive<f64> = -273.0..=1000.0;

/// In what temperatures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Degrees Celsius.
    Celsius,
    /// Degrees Fahrenheit.
    Fahrenheit,
}

impl Scale {
    /// `45.0 °C`.
    pub(crate) fn show(self, celsius: f64) -> String {
        match self {
            Self::Celsius => format!("{celsius:.1} °C"),
            Self::Fahrenheit => format!("{:.1} °F", celsius * 1.8 + 32.0),
        }
    }
}

/// One sensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) name: String,
    pub(super) now: Option<String>,
    pub(super) limits: String,
    pub(super) alarm: Option<Alarm>,
    pub(super) failure: Option<String>,
}

impl Reading {
    pub(super) fn of_temperature(one: &TemperatureSensor, scale: Scale) -> Self {
        let show = |celsius: f64| scale.show(celsius);
        let limits = [("low", one.low_celsius), ("high", one.high_celsius), ("critical", one.critical_celsius)]
            .map(|(name, limit)| (name, limit.filter(|limit| ANY_CELSIUS.contains(limit))));
        Self {
            alarm: Alarm::of(one.current_celsius, one.low_celsius, one.high_celsius, one.critical_celsius),
            ..Self::new(name(&one.sensor), one.current_celsius, &limits, &one.errors, show)
        }
    }

    pub(super) fn of_zone(zone: &ThermalZone, scale: Scale) -> Self {
        let name = format!("{} {}", escape::terminal(&zone.kind), zone.number);
        let limits = [("high", zone.high_celsius), ("critical", zone.critical_celsius)];
        Self {
            alarm: Alarm::of(zone.current_celsius, None, zone.high_celsius, zone.critical_celsius),
            ..Self::new(name, zone.current_celsius, &limits, &zone.errors, |celsius| scale.show(celsius))
        }
    }

    pub(super) fn of_fan(one: &FanSensor) -> Self {
        let now = one.revolutions_per_minute.map(f64::from);
        let low = one.low_revolutions_per_minute.map(f64::from);
        let show = |revolutions: f64| format!("{revolutions:.0} rpm");
        Self {
            alarm: Alarm::of(now, low, None, None),
            ..Self::new(name(&one.sensor), now, &[("low", low)], &one.errors, show)
        }
    }

    pub(super) fn of_voltage(one: &VoltageSensor) -> Self {
        let limits = [("low", one.low_volts), ("high", one.high_volts)];
        Self {
            alarm: Alarm::of(one.volts, one.low_volts, one.high_volts, None),
            ..Self::new(name(&one.sensor), one.volts, &limits, &one.errors, |volts| format!("{volts:.3} V"))
        }
    }

    pub(super) fn of_power(one: &PowerSensor) -> Self {
        Self::new(name(&one.sensor), one.watts, &[], &one.errors, |watts| format!("{watts:.2} W"))
    }

    pub(super) fn of_current(one: &CurrentSensor) -> Self {
        Self::new(name(&one.sensor), one.amperes, &[], &one.errors, |amperes| format!("{amperes:.3} A"))
    }

    pub(super) fn of_energy(one: &EnergySensor) -> Self {
        Self::new(name(&one.sensor), one.joules, &[], &one.errors, |joules| match joules {
            3.6e6.. => format!("{:.2} kWh", joules / 3.6e6),
            _ => format!("{joules:.0} J"),
        })
    }

    pub(super) fn of_humidity(one: &HumiditySensor) -> Self {
        Self::new(name(&one.sensor), one.humidity_ratio, &[], &one.errors, units::percent)
    }

    fn new(
        name: String,
        now: Option<f64>,
        limits: &[(&str, Option<f64>)],
        errors: &[FieldError],
        show: impl Fn(f64) -> String,
    ) -> Self {
        let limits = limits.iter().filter_map(|(name, limit)| Some(format!("{name} {}", show((*limit)?))));
        Self {
            name,
            now: now.map(&show),
            limits: limits.collect::<Vec<_>>().join(", "),
            alarm: None,
            failure: failure(now.is_some(), errors),
        }
    }
}

/// Its label, which people know, or the name of its files.
fn name(sensor: &Option<SensorIdentity>) -> String {
    let Some(sensor) = sensor else { return String::new() };
    let label = sensor.label.as_deref().filter(|label| !label.is_empty());
    escape::terminal(label.unwrap_or(sensor.channel.as_bytes())).into_owned()
}

/// Why there is no value, or else which limit is missing.
fn failure(is_there: bool, errors: &[FieldError]) -> Option<String> {
    let error = errors.first()?;
    let why = match error.detail.as_str() {
        "" => error.reason().as_words(),
        detail => format!("{} ({})", error.reason().as_words(), escape::terminal(detail.as_bytes())),
    };
    Some(match is_there {
        true => format!("{} not readable: {why}", escape::terminal(error.path.as_bytes())),
        false => format!("not readable: {why}"),
    })
}
