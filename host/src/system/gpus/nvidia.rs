//! What NVIDIA's driver tells beside sysfs: its own folder of procfs, and its library.

use std::os::unix::ffi::OsStrExt as _;

use procwire_proto::v1::{FieldErrorReason, Gpu};

use super::{
    super::{
        answer::Answer,
        attribute::{AttributeText, read_once},
        class_folder::ClassFolder,
        parse::nvidia::{hexadecimal, information, is_pci_address},
    },
    library, report,
    sleep::{ASLEEP, Sleep},
};
use crate::{
    Roots,
    sys::{Nvml, NvmlCard, NvmlError},
};

/// PCI vendor.
const NVIDIA: u32 = 0x10de;
/// What only the library tells.
const TOLD_BY_LIBRARY: [&str; 5] = ["memory_total_bytes", "memory_used_bytes", "busy_ratio", "celsius", "watts"];

pub(super) struct Nvidia {
    roots: Roots,
    folder: ClassFolder,
    cards: Vec<Known>,
    library: Library,
}

/// A card that the driver has taken.
struct Known {
    address: String,
    model: Option<Vec<u8>>,
    minor: Option<u32>,
    device_id: Option<u32>,
    sleep: Sleep,
}

pub(super) enum Library {
    /// Looked for when the driver is first seen.
    NotLookedFor,
    /// Not installed, or not of this machine: cards are told as far as the kernel tells.
    None,
    /// There, and not usable.
    Refused(String),
    Loaded(Nvml),
}

impl Nvidia {
    pub(super) fn new(roots: &Roots) -> Self {
        Self {
            folder: ClassFolder::new(roots.proc.join("driver/nvidia/gpus")),
            roots: roots.clone(),
            cards: Vec::new(),
            library: Library::NotLookedFor,
        }
    }

    #[cfg(test)]
    pub(super) fn use_library(&mut self, library: Library) {
        self.library = library;
    }

    /// Completes the rows of its cards and adds those that no graphics driver has. False if the driver is not there.
    pub(super) fn add(&mut self, rows: &mut Vec<Gpu>, text: &mut AttributeText, answer: &mut Answer) -> bool {
        if !self.is_there() {
            return false;
        }
        self.look();
        let (mut sleeps, mut may_sleep) = (false, false);
        for card in &mut self.cards {
            sleeps |= card.sleep.is_now(text);
            may_sleep |= card.sleep.may_be(text);
            if let Some(row) = row_of(rows, &card.address, card.minor) {
                row.model = row.model.take().or_else(|| card.model.clone());
                row.device_id = row.device_id.or(card.device_id);
            }
        }
        if let Library::NotLookedFor = self.library {
            self.library = library::find(&self.roots);
        }
        match &mut self.library {
            Library::NotLookedFor | Library::None => {}
            Library::Refused(why) => all_absent(rows, FieldErrorReason::Unsupported, why),
            // Starting the library wakes every card.
            Library::Loaded(_) if sleeps => all_absent(rows, FieldErrorReason::ReadFailed, ASLEEP),
            Library::Loaded(nvml) => {
                match nvml.cards() {
                    Ok(cards) => cards.iter().for_each(|card| match card {
                        Ok(card) => complete(rows, card),
                        Err(error) => answer.report("gpus", reason_of(*error), error.to_string()),
                    }),
                    Err(error) => all_absent(rows, reason_of(error), &error.to_string()),
                }
                if may_sleep {
                    // As long as somebody uses the library, no card goes to sleep.
                    nvml.stop();
                }
            }
        }
        true
    }

    fn is_there(&self) -> bool {
        self.roots.proc.join("driver/nvidia/version").exists() || self.roots.dev.join("nvidiactl").exists()
    }

    fn look(&mut self) {
        match self.folder.look(is_pci_address) {
            Ok(false) => return,
            Ok(true) => self.cards.clear(),
            // A container has the device and not this folder.
            Err(_) => return self.cards.clear(),
        }
        for device in self.folder.devices() {
            let text = read_once(device.folder.join("information")).unwrap_or_default();
            let told = information(&text);
            let on_bus = self.roots.sys.join("bus/pci/devices").join(device.name);
            self.cards.push(Known {
                device_id: read_once(on_bus.join("device")).ok().as_deref().and_then(hexadecimal),
                sleep: Sleep::of(&on_bus),
                address: String::from_utf8_lossy(device.name.as_bytes()).into_owned(),
                model: told.model.map(<[u8]>::to_vec),
                minor: told.minor,
            });
        }
    }
}

/// The row of the card at this address; a new one if there is none yet.
fn row_of<'a>(rows: &'a mut Vec<Gpu>, address: &str, minor: Option<u32>) -> Option<&'a mut Gpu> {
    let is_same = |row: &Gpu| row.address.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(address));
    let place = rows.iter().position(is_same).unwrap_or(rows.len());
    if place == rows.len() {
        rows.push(Gpu {
            name: minor.map_or_else(|| address.to_owned(), |minor| format!("nvidia{minor}")),
            address: Some(address.to_owned()),
            driver: Some("nvidia".to_owned()),
            vendor_id: Some(NVIDIA),
            ..Gpu::default()
        });
    }
    rows.get_mut(place)
}

fn complete(rows: &mut Vec<Gpu>, card: &NvmlCard) {
    let Some(row) = row_of(rows, &card.address, card.minor.ok()) else { return };
    row.vendor_id = row.vendor_id.or(Some(card.vendor_id));
    row.device_id = row.device_id.or(Some(card.device_id));
    if let Ok(name) = &card.name {
        row.model = Some(name.clone());
    }
    row.memory_total_bytes = told(row, "memory_total_bytes", card.memory_bytes.map(|(total, _)| total));
    row.memory_used_bytes = told(row, "memory_used_bytes", card.memory_bytes.map(|(_, used)| used));
    row.busy_ratio = told(row, "busy_ratio", card.busy_percent.map(|percent| f64::from(percent.min(100)) / 100.0));
    row.celsius = told(row, "celsius", card.celsius.map(f64::from));
    row.watts = told(row, "watts", card.milliwatts.map(|milliwatts| f64::from(milliwatts) / 1e3));
}

fn told<T>(row: &mut Gpu, field: &str, value: Result<T, NvmlError>) -> Option<T> {
    value.map_err(|error| report(row, field, reason_of(error), error.to_string())).ok()
}

fn all_absent(rows: &mut [Gpu], reason: FieldErrorReason, detail: &str) {
    for row in rows.iter_mut().filter(|row| row.driver.as_deref() == Some("nvidia")) {
        for field in TOLD_BY_LIBRARY {
            report(row, field, reason, detail.to_owned());
        }
    }
}

/// `nvmlReturn_t`: NOT_SUPPORTED, NO_PERMISSION, TIMEOUT, FUNCTION_NOT_FOUND; the rest is trouble.
fn reason_of(error: NvmlError) -> FieldErrorReason {
    match error.code {
        3 | 13 => FieldErrorReason::Unsupported,
        4 => FieldErrorReason::PermissionDenied,
        10 => FieldErrorReason::Timeout,
        _ => FieldErrorReason::ReadFailed,
    }
}
