//! A hardware monitoring chip: its channels, and what each says (Documentation/hwmon/sysfs-interface.rst).

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::v1::{FieldError, SensorIdentity};

use super::super::{
    attribute::{Attribute, AttributeText, is_missing, read_once},
    class_folder::Device,
    parse::hwmon::{self, Kind},
};

/// The channels of one folder: a chip has its files in its hwmon folder or, where its driver is old, in that of its device.
pub(super) struct Chip {
    pub(super) identity: ChipIdentity,
    pub(super) folder: PathBuf,
    pub(super) channels: Vec<Channel>,
    /// What is wrong with the chip, and so with each of its channels.
    pub(super) errors: Vec<FieldError>,
}

pub(super) struct ChipIdentity {
    name: Vec<u8>,
    device: Vec<u8>,
}

pub(super) struct Channel {
    pub(super) kind: Kind,
    /// Of its files: "temp1".
    name: String,
    value: Attribute,
    fault: Option<Attribute>,
    files: Files,
    /// Read with the first value that is asked for.
    settled: Option<Settled>,
}

/// Which of the files of a channel are there, as far as they are read.
#[derive(Clone, Copy, Default)]
struct Files {
    input: bool,
    average: bool,
    fault: bool,
    label: bool,
    min: bool,
    max: bool,
    crit: bool,
}

/// What stays as it is from one reading to the next.
#[derive(Default)]
struct Settled {
    label: Option<Vec<u8>>,
    limits: Limits,
    errors: Vec<(Part, FieldError)>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
    pub(super) crit: Option<i64>,
}

/// A part of a row; the row knows the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Value,
    Label,
    Min,
    Max,
    Crit,
}

/// What a channel said, in the units of its files.
pub(super) struct Reading {
    pub(super) value: Option<i64>,
    pub(super) limits: Limits,
    /// The paths in these are still to be filled in.
    pub(super) errors: Vec<(Part, FieldError)>,
    /// The channel is not there any more.
    pub(super) has_gone: bool,
}

// === impl Chip ===

impl Chip {
    /// Reads no value.
    pub(super) fn of(device: &Device<'_>, devices: &Path) -> Vec<Self> {
        let own = device.folder.clone();
        let parent = device.folder.join("device");
        let location = location(device.name, &parent, devices);
        let mut known = BTreeMap::new();
        let mut chips = Vec::new();
        for folder in [own, parent] {
            let mut found = list(&folder);
            found.retain(|channel, _| !known.contains_key(channel));
            if !found.is_empty() {
                chips.push(Self::with_channels(&found, folder, &device.folder, location.clone()));
            }
            known.extend(found);
        }
        chips
    }

    fn with_channels(found: &BTreeMap<(Kind, u32), Files>, folder: PathBuf, hwmon: &Path, device: Vec<u8>) -> Self {
        let (name, errors) = match chip_name(&folder, hwmon) {
            Ok(name) => (name, Vec::new()),
            Err(error) => (Vec::new(), vec![Attribute::new(folder.join("name")).failure("sensor.chip", &error)]),
        };
        let channels = found.iter().filter_map(|(channel, files)| Channel::of(*channel, *files, &folder)).collect();
        Self { identity: ChipIdentity { name, device }, folder, channels, errors }
    }
}

/// Beside the channels; or, of old drivers, at the other of the two places.
fn chip_name(folder: &Path, hwmon: &Path) -> io::Result<Vec<u8>> {
    match read_once(folder.join("name")) {
        Err(error) if is_missing(&error) => {
            read_once(hwmon.join("name")).or_else(|_| read_once(hwmon.join("device/name"))).map_err(|_| error)
        }
        result => result,
    }
}

/// The files of a folder, by channel. One that cannot be listed has none: it was there a moment ago, and is not any more.
fn list(folder: &Path) -> BTreeMap<(Kind, u32), Files> {
    let mut found: BTreeMap<_, Files> = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Some((kind, number, attribute)) = hwmon::attribute(entry.file_name().as_bytes()) {
            found.entry((kind, number)).or_default().note(attribute);
        }
    }
    found
}

/// Where the device is below `/sys/devices`; that of the chip itself if it has none behind it.
fn location(name: &OsStr, parent: &Path, devices: &Path) -> Vec<u8> {
    let hwmon = parent.parent().unwrap_or(parent);
    let below = |path: &Path| {
        let path = fs::canonicalize(path).ok()?;
        Some(path.strip_prefix(fs::canonicalize(devices).ok()?).ok()?.as_os_str().as_bytes().to_vec())
    };
    below(parent).or_else(|| below(hwmon)).unwrap_or_else(|| name.as_bytes().to_vec())
}

impl ChipIdentity {
    pub(super) fn of(&self, channel: &Channel) -> SensorIdentity {
        SensorIdentity {
            chip: self.name.clone(),
            device: self.device.clone(),
            label: channel.settled.as_ref().and_then(|settled| settled.label.clone()),
            channel: channel.name.clone(),
        }
    }
}

impl Files {
    fn note(&mut self, attribute: &[u8]) {
        match attribute {
            b"input" => self.input = true,
            b"average" => self.average = true,
            b"fault" => self.fault = true,
            b"label" => self.label = true,
            b"min" => self.min = true,
            b"max" => self.max = true,
            b"crit" => self.crit = true,
            _ => {}
        }
    }
}

// === impl Channel ===

impl Channel {
    /// None of what has limits only, or a switch.
    fn of((kind, number): (Kind, u32), files: Files, folder: &Path) -> Option<Self> {
        let name = format!("{}{number}", kind.prefix());
        // Power meters have one or both; the input is the present moment.
        let value = match files {
            Files { input: true, .. } => "input",
            Files { average: true, .. } if kind == Kind::Power => "average",
            _ => return None,
        };
        let file = |attribute: &str| Attribute::new(folder.join(format!("{name}_{attribute}")));
        Some(Self { kind, value: file(value), fault: files.fault.then(|| file("fault")), files, settled: None, name })
    }

    pub(super) fn read(&mut self, folder: &Path, text: &mut AttributeText) -> Reading {
        let value = self.read_value(text);
        if self.settled.is_none() {
            self.settled = Some(self.settle(folder, text));
        }
        let (limits, mut errors) =
            self.settled.as_ref().map(|settled| (settled.limits, settled.errors.clone())).unwrap_or_default();
        let has_gone = value.as_ref().is_err_and(is_missing);
        let value = value.map_err(|error| errors.push((Part::Value, self.value.failure("", &error)))).ok();
        Reading { value, limits, errors, has_gone }
    }

    /// A sensor that says it is broken or not connected has no value, although its file has a number.
    fn read_value(&mut self, text: &mut AttributeText) -> io::Result<i64> {
        let value = self.value.read_number(text)?;
        match self.fault.as_mut().map(|fault| fault.read_number(text)) {
            Some(Ok(fault)) if fault != 0 => Err(io::Error::other("the sensor says that it is at fault")),
            _ => Ok(value),
        }
    }

    fn settle(&self, folder: &Path, text: &mut AttributeText) -> Settled {
        let mut settled = Settled::default();
        let file = |attribute: &str| Attribute::new(folder.join(format!("{}_{attribute}", self.name)));
        if self.files.label {
            let mut label = file("label");
            match label.read(text).map(<[u8]>::to_vec) {
                Ok(label) => settled.label = Some(label).filter(|label| !label.is_empty()),
                Err(error) => settled.errors.push((Part::Label, label.failure("", &error))),
            }
        }
        let mut limit = |is_there: bool, attribute: &str, part: Part| {
            let mut limit = is_there.then(|| file(attribute))?;
            limit.read_number(text).map_err(|error| settled.errors.push((part, limit.failure("", &error)))).ok()
        };
        let limits = Limits {
            min: limit(
                self.files.min && matches!(self.kind, Kind::Temperature | Kind::Fan | Kind::Voltage),
                "min",
                Part::Min,
            ),
            max: limit(self.files.max && matches!(self.kind, Kind::Temperature | Kind::Voltage), "max", Part::Max),
            crit: limit(self.files.crit && self.kind == Kind::Temperature, "crit", Part::Crit),
        };
        settled.limits = limits;
        settled
    }
}
