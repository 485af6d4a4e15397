//! One power supply: which files it has, and what they say.

use std::{fs, io, os::unix::ffi::OsStrExt as _};

use procwire_proto::v1::FieldError;

use super::super::{
    attribute::{Attribute, AttributeText, is_missing, read_once},
    class_folder::Device,
};

pub(super) struct Supply {
    pub(super) name: Vec<u8>,
    kind: Vec<u8>,
    scope: Option<Vec<u8>>,
    /// Its files, as far as any is read here; a driver has those that it can fill.
    files: Vec<(&'static str, Attribute)>,
}

/// What is read of batteries and mains.
const FILES: [&str; 16] = [
    "capacity",
    "charge_full",
    "charge_now",
    "current_now",
    "cycle_count",
    "energy_full",
    "energy_full_design",
    "energy_now",
    "online",
    "power_now",
    "present",
    "status",
    "technology",
    "time_to_empty_now",
    "time_to_full_now",
    "voltage_now",
];

impl Supply {
    /// Reads what it is, and nothing that changes.
    pub(super) fn of(device: &Device<'_>) -> Self {
        let entries = fs::read_dir(&device.folder).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| {
            let name = *FILES.iter().find(|name| entry.file_name() == **name)?;
            Some((name, Attribute::new(entry.path())))
        });
        Self {
            name: device.name.as_bytes().to_vec(),
            kind: read_once(device.folder.join("type")).unwrap_or_default(),
            scope: read_once(device.folder.join("scope")).ok(),
            files: files.collect(),
        }
    }

    /// Where the type cannot be read, the name tells, as it does psutil.
    pub(super) fn is_battery(&self) -> bool {
        match self.kind.as_slice() {
            b"Battery" | b"UPS" => true,
            b"" => {
                self.name.starts_with(b"BAT")
                    || self.name.to_ascii_lowercase().windows(7).any(|word| word == b"battery")
            }
            _ => false,
        }
    }

    /// Feeds this host, or could: not the battery of a mouse.
    pub(super) fn is_of_this_host(&self) -> bool {
        self.scope.as_deref() != Some(b"Device")
    }

    pub(super) fn scope(&self) -> Option<&[u8]> {
        self.scope.as_deref()
    }

    /// A number; `None` if the driver has no such file, or it has gone.
    pub(super) fn number(&mut self, name: &str, text: &mut AttributeText) -> Option<io::Result<i64>> {
        let result = self.file(name)?.read_number(text);
        Some(result).filter(|result| !result.as_ref().is_err_and(is_missing))
    }

    /// A word, whatever its bytes are.
    pub(super) fn word<'t>(&mut self, name: &str, text: &'t mut AttributeText) -> Option<io::Result<&'t [u8]>> {
        let result = self.file(name)?.read(text);
        Some(result).filter(|result| !result.as_ref().is_err_and(is_missing))
    }

    /// Why a field is absent that would have come from this file.
    pub(super) fn failure(&self, name: &str, field: &str, error: &io::Error) -> Option<FieldError> {
        let (_, file) = self.files.iter().find(|(known, _)| *known == name)?;
        Some(file.failure(field, error))
    }

    fn file(&mut self, name: &str) -> Option<&mut Attribute> {
        self.files.iter_mut().find(|(known, _)| *known == name).map(|(_, file)| file)
    }
}
