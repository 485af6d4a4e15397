//! Thermal zones: Documentation/driver-api/thermal/sysfs-api.rst.

use std::{fs, io, os::unix::ffi::OsStrExt as _, path::PathBuf};

use procwire_proto::v1::{FieldError, FieldErrorReason, ThermalZone};

use super::{
    super::{
        attribute::{Attribute, AttributeText, read_once},
        class_folder::{Device, number_after},
        parse::hwmon::trip_point,
    },
    rows::celsius,
};

pub(super) struct Zone {
    number: u32,
    folder: PathBuf,
    kind: io::Result<Vec<u8>>,
    temperature: Attribute,
    /// Read with the first value.
    limits: Option<Limits>,
}

#[derive(Default)]
struct Limits {
    high_celsius: Option<f64>,
    critical_celsius: Option<f64>,
    errors: Vec<FieldError>,
}

impl Zone {
    pub(super) fn of(device: &Device<'_>) -> Option<Self> {
        let number = number_after(b"thermal_zone", device.name.as_bytes())?;
        Some(Self {
            number,
            kind: read_once(device.folder.join("type")),
            temperature: Attribute::new(device.folder.join("temp")),
            folder: device.folder.clone(),
            limits: None,
        })
    }

    pub(super) fn read(&mut self, text: &mut AttributeText) -> ThermalZone {
        let temperature = self.temperature.read_number(text);
        let limits = self.limits.get_or_insert_with(|| read_trip_points(&self.folder, text));
        let mut zone = ThermalZone {
            number: self.number,
            high_celsius: limits.high_celsius,
            critical_celsius: limits.critical_celsius,
            errors: limits.errors.clone(),
            ..ThermalZone::default()
        };
        match &self.kind {
            Ok(kind) => zone.kind.clone_from(kind),
            Err(error) => zone.errors.push(Attribute::new(self.folder.join("type")).failure("kind", error)),
        }
        match temperature.map(|raw| celsius(raw).ok_or(raw)) {
            Ok(Ok(degrees)) => zone.current_celsius = Some(degrees),
            Ok(Err(raw)) => zone.errors.push(FieldError {
                path: "current_celsius".to_owned(),
                reason: FieldErrorReason::InvalidData.into(),
                detail: format!("{}: {raw} is beyond what can be", self.temperature.path().display()),
            }),
            Err(error) => zone.errors.push(self.temperature.failure("current_celsius", &error)),
        }
        zone
    }
}

/// The lowest of each sort counts. Trip points that are switched off are at or below 0 degrees.
fn read_trip_points(folder: &std::path::Path, text: &mut AttributeText) -> Limits {
    let mut limits = Limits::default();
    let mut numbers: Vec<u32> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Some((number, b"type")) = trip_point(entry.file_name().as_bytes()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    for number in numbers {
        let file = |attribute: &str| Attribute::new(folder.join(format!("trip_point_{number}_{attribute}")));
        let mut kind = file("type");
        let (field, limit) = match kind.read(text) {
            Ok(b"critical") => ("critical_celsius", &mut limits.critical_celsius),
            Ok(b"high" | b"hot" | b"passive") => ("high_celsius", &mut limits.high_celsius),
            Ok(_) => continue,
            // Which of the two it would have been is not known.
            Err(error) => {
                limits.errors.push(kind.failure("high_celsius", &error));
                limits.errors.push(kind.failure("critical_celsius", &error));
                continue;
            }
        };
        let mut temperature = file("temp");
        match temperature.read_number(text).map(|raw| celsius(raw).filter(|degrees| *degrees > 0.0)) {
            Ok(None) => {}
            Ok(Some(degrees)) => *limit = Some(limit.map_or(degrees, |lowest| lowest.min(degrees))),
            Err(error) => limits.errors.push(temperature.failure(field, &error)),
        }
    }
    limits
}
