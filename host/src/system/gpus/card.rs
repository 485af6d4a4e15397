//! A card that the kernel has a graphics driver for: `/sys/class/drm/cardN` (Documentation/gpu/amdgpu/driver-misc.rst for the files of
//! the driver amdgpu; others have fewer, or none).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use procwire_proto::v1::{FieldErrorReason, Gpu};

use super::{
    super::{
        attribute::{Attribute, AttributeText, read_once},
        class_folder::Device,
        parse::nvidia::{hexadecimal, is_pci_address},
    },
    last_component, report,
    sleep::{ASLEEP, Sleep},
};

pub(super) struct Card {
    name: String,
    address: Option<String>,
    driver: Option<Vec<u8>>,
    vendor_id: Option<u32>,
    device_id: Option<u32>,
    model: Option<Vec<u8>>,
    sleep: Sleep,
    memory_total: Option<Attribute>,
    memory_used: Option<Attribute>,
    busy: Option<Attribute>,
    temperature: Option<Attribute>,
    power: Option<Attribute>,
}

impl Card {
    /// Reads who it is, and nothing that changes.
    pub(super) fn of(device: &Device<'_>) -> Self {
        let folder = device.folder.join("device");
        let bus_folder = bus_folder(&folder);
        let address = bus_folder.as_deref().and_then(last_component).and_then(|name| String::from_utf8(name).ok());
        let id = |name: &str| hexadecimal(&read_once(bus_folder.as_ref()?.join(name)).ok()?);
        let file = |path: PathBuf| path.exists().then(|| Attribute::new(path));
        let hwmon = first_chip(&folder);
        let of_chip = |name: &str| hwmon.as_ref().and_then(|hwmon| file(hwmon.join(name)));
        Self {
            name: device.name.to_string_lossy().into_owned(),
            driver: fs::read_link(folder.join("driver")).ok().as_deref().and_then(last_component),
            vendor_id: id("vendor"),
            device_id: id("device"),
            model: read_once(folder.join("product_name")).ok().filter(|model| !model.is_empty()),
            sleep: Sleep::of(&folder),
            memory_total: file(folder.join("mem_info_vram_total")),
            memory_used: file(folder.join("mem_info_vram_used")),
            busy: file(folder.join("gpu_busy_percent")),
            temperature: of_chip("temp1_input"),
            power: of_chip("power1_input").or_else(|| of_chip("power1_average")),
            address,
        }
    }

    pub(super) fn read(&mut self, text: &mut AttributeText) -> Gpu {
        let mut row = Gpu {
            name: self.name.clone(),
            address: self.address.clone(),
            driver: self.driver.as_deref().and_then(|driver| String::from_utf8(driver.to_vec()).ok()),
            model: self.model.clone(),
            vendor_id: self.vendor_id,
            device_id: self.device_id,
            ..Gpu::default()
        };
        let is_size = |number: i64| u64::try_from(number).ok();
        row.memory_total_bytes = value(self.memory_total.as_mut(), "memory_total_bytes", &mut row, text, is_size);
        row.memory_used_bytes = value(self.memory_used.as_mut(), "memory_used_bytes", &mut row, text, is_size);
        if self.sleep.is_now(text) {
            self.leave_asleep(&mut row);
            return row;
        }
        let share = |percent: i64| (0..=100).contains(&percent).then_some(percent as f64 / 100.0);
        row.busy_ratio = value(self.busy.as_mut(), "busy_ratio", &mut row, text, share);
        row.celsius = value(self.temperature.as_mut(), "celsius", &mut row, text, super::super::sensors::celsius);
        let watts = |millionths: i64| Some(millionths as f64 / 1e6);
        row.watts = value(self.power.as_mut(), "watts", &mut row, text, watts);
        row
    }

    /// Its memory is the driver's own knowledge; for the rest the kernel would have to wake the card.
    fn leave_asleep(&self, row: &mut Gpu) {
        let files = [("busy_ratio", &self.busy), ("celsius", &self.temperature), ("watts", &self.power)];
        for (field, _) in files.into_iter().filter(|(_, file)| file.is_some()) {
            report(row, field, FieldErrorReason::ReadFailed, ASLEEP.to_owned());
        }
    }
}

fn value<T>(
    file: Option<&mut Attribute>,
    field: &str,
    row: &mut Gpu,
    text: &mut AttributeText,
    convert: impl Fn(i64) -> Option<T>,
) -> Option<T> {
    let file = file?;
    let beyond = |number| io::Error::new(io::ErrorKind::InvalidData, format!("{number} is beyond what can be"));
    let result = file.read_number(text).and_then(|number| convert(number).ok_or_else(|| beyond(number)));
    result.map_err(|error| row.errors.push(file.failure(field, &error))).ok()
}

/// Where the card is on the bus: its device, or what is behind a device that virtio makes of it.
fn bus_folder(device: &Path) -> Option<PathBuf> {
    let device = fs::canonicalize(device).ok()?;
    let is_virtual = last_component(&device)?.starts_with(b"virtio");
    let folder = if is_virtual { device.parent()?.to_path_buf() } else { device };
    is_pci_address(&last_component(&folder)?).then_some(folder)
}

/// The chip with which the card's driver tells temperature and power.
fn first_chip(device: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(device.join("hwmon")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).min()
}
