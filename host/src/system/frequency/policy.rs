//! One frequency policy: the processors that share a clock, and between which limits it runs.

use std::{fs, io, path::Path};

use procwire_proto::v1::CpuFrequencyPolicy;

use crate::{
    procfs::{Numbers, number},
    system::{
        answer::Failure,
        kept_file::{KeptFile, ReadBuffer},
    },
};

pub(super) struct Policy {
    number: u32,
    cpus: Vec<u32>,
    current: KeptFile,
    hardware_current: KeptFile,
    min: KeptFile,
    max: KeptFile,
    hardware_min: KeptFile,
    hardware_max: KeptFile,
    governor: KeptFile,
}

impl Policy {
    /// Nothing if none of its processors is online: the kernel keeps its folder and refuses to read it. `online` is the file that says so
    /// of the processor whose number the folder has.
    pub(super) fn open(number: u32, folder: &Path, online: &Path) -> Option<Self> {
        let cpus = match fs::read(folder.join("affected_cpus")) {
            Ok(text) => numbers(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_off(online) => vec![number],
            // EBUSY: it is inactive (drivers/cpufreq/cpufreq.c, show).
            Err(_) => vec![],
        };
        let file = |name: &str| KeptFile::new(folder.join(name));
        (!cpus.is_empty()).then(|| Self {
            number,
            cpus,
            current: file("scaling_cur_freq"),
            hardware_current: file("cpuinfo_cur_freq"),
            min: file("scaling_min_freq"),
            max: file("scaling_max_freq"),
            hardware_min: file("cpuinfo_min_freq"),
            hardware_max: file("cpuinfo_max_freq"),
            governor: file("scaling_governor"),
        })
    }

    /// The processors it governs that are online.
    pub(super) fn cpus(&self) -> &[u32] {
        &self.cpus
    }

    /// What it is set to or measured at. Drivers that cannot tell answer `<unknown>`; `cpuinfo_cur_freq` asks the hardware, and only root
    /// may read it.
    pub(super) fn current_hz(&mut self, buffer: &mut ReadBuffer) -> Result<u64, Failure> {
        hertz(&mut self.current, buffer)
            .or_else(|failure| hertz(&mut self.hardware_current, buffer).map_err(|_| failure))
    }

    /// Its row.
    pub(super) fn read(&mut self, buffer: &mut ReadBuffer) -> CpuFrequencyPolicy {
        let mut row =
            CpuFrequencyPolicy { number: self.number, cpus: self.cpus.clone(), ..CpuFrequencyPolicy::default() };
        let mut errors = Vec::new();
        let mut keep =
            |name: &str, value: Result<u64, Failure>| value.map_err(|failure| errors.push(failure.of_row(name))).ok();
        row.current_hz = keep("current_hz", self.current_hz(buffer));
        row.min_hz = keep("min_hz", hertz(&mut self.min, buffer));
        row.max_hz = keep("max_hz", hertz(&mut self.max, buffer));
        row.hardware_min_hz = keep("hardware_min_hz", hertz(&mut self.hardware_min, buffer));
        row.hardware_max_hz = keep("hardware_max_hz", hertz(&mut self.hardware_max, buffer));
        match governor(&mut self.governor, buffer) {
            Ok(governor) => row.governor = Some(governor),
            Err(failure) => errors.push(failure.of_row("governor")),
        }
        row.errors = errors;
        row
    }

    pub(super) fn close(&mut self) {
        let Self { number: _, cpus: _, current, hardware_current, min, max, hardware_min, hardware_max, governor } =
            self;
        for file in [current, hardware_current, min, max, hardware_min, hardware_max, governor] {
            file.close();
        }
    }
}

fn is_off(online: &Path) -> bool {
    fs::read(online).is_ok_and(|text| text.trim_ascii() == b"0")
}

/// Files are in kHz; 0 is what a driver says that does not know.
fn hertz(file: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<u64, Failure> {
    let text = file.read_value(buffer)?;
    let kilohertz = Numbers::new(text).unsigned().filter(|kilohertz| *kilohertz > 0);
    kilohertz.and_then(|kilohertz| kilohertz.checked_mul(1000)).ok_or_else(|| {
        let is_unknown = text.trim_ascii() == b"<unknown>" || text.trim_ascii() == b"0";
        let unknown = || Failure::unsupported(format!("{}: the driver does not know", file.path().display()));
        if is_unknown { unknown() } else { Failure::invalid(file.path(), text) }
    })
}

fn governor(file: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<String, Failure> {
    let text = file.read_value(buffer)?;
    let name = text.trim_ascii();
    if name.is_empty() {
        return Err(Failure::invalid(file.path(), text));
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// `0 1 2 3`, ascending here whatever it is there.
fn numbers(text: &[u8]) -> Vec<u32> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut numbers: Vec<u32> =
        words.filter_map(|word| number(word).and_then(|number| u32::try_from(number).ok())).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
