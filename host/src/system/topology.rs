//! What the processors are: cores and packages, kinds, those that are switched off, models. Looked at once for each set of online
//! processors, not for each snapshot.

mod cores;
mod rows;

use std::path::{Path, PathBuf};

use procwire_proto::{SystemFieldSet, system_fields::bit};

pub(super) use self::cores::numbered;
use self::rows::RowAttributes;
use super::{
    answer::{Answer, Failure},
    kept_file::{KeptFile, ReadBuffer},
    parse::{cpu_list, cpuinfo},
    watch::Watch,
};
use crate::Host;

const FOR_ALL: SystemFieldSet = bit::CPU_PHYSICAL_COUNT.union(bit::CPU_MODELS);

pub(super) struct Topology {
    folder: PathBuf,
    online: Watch,
    present: KeptFile,
    offline: KeptFile,
    cpuinfo: KeptFile,
    physical_count: Option<Result<u32, Failure>>,
    models: Option<Result<Vec<Vec<u8>>, Failure>>,
    rows: RowAttributes,
}

impl Topology {
    pub(super) fn new(host: &Host) -> Self {
        let folder = host.roots().sys.join("devices/system/cpu");
        Self {
            online: Watch::new(folder.join("online")),
            present: KeptFile::new(folder.join("present")),
            offline: KeptFile::new(folder.join("offline")),
            cpuinfo: KeptFile::new(host.roots().proc.join("cpuinfo")),
            physical_count: None,
            models: None,
            rows: RowAttributes::new(host.roots().sys.join("devices")),
            folder,
        }
    }

    /// Fills in what there is of the processors that `/proc/stat` has told.
    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        self.rows.fill(answer);
        if answer.wants(bit::CPU_OFFLINE_CPUS) {
            match self.offline_cpus(buffer) {
                Ok(numbers) => answer.system.cpu.get_or_insert_default().offline_cpus = numbers,
                Err(failure) => answer.failed(bit::CPU_OFFLINE_CPUS, &failure),
            }
        }
        if answer.wants(FOR_ALL) {
            self.fill_for_all(buffer, answer);
        }
    }

    fn fill_for_all(&mut self, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if self.online.has_changed(buffer) {
            self.physical_count = None;
            self.models = None;
        }
        if answer.wants(bit::CPU_PHYSICAL_COUNT) {
            let (folder, cpuinfo) = (&self.folder, &mut self.cpuinfo);
            match self.physical_count.get_or_insert_with(|| physical_count(folder, cpuinfo, buffer)) {
                Ok(count) => answer.system.cpu.get_or_insert_default().physical_count = Some(*count),
                Err(failure) => answer.failed(bit::CPU_PHYSICAL_COUNT, failure),
            }
        }
        if answer.wants(bit::CPU_MODELS) {
            let cpuinfo = &mut self.cpuinfo;
            match self.models.get_or_insert_with(|| models(cpuinfo, buffer)) {
                Ok(models) => answer.system.cpu.get_or_insert_default().models.clone_from(models),
                Err(failure) => answer.failed(bit::CPU_MODELS, failure),
            }
        }
        // It is large, and the next look may be long in coming.
        self.cpuinfo.close();
    }

    /// Present and offline: without those that could be plugged in and are not there, and without those that a container merely does
    /// not see in `online` (lxcfs).
    fn offline_cpus(&mut self, buffer: &mut ReadBuffer) -> Result<Vec<u32>, Failure> {
        let mut list = |file: &mut KeptFile| {
            let text = file.read_value(buffer)?;
            // The kernel adds numbers above the highest possible one, and they can follow a comma alone (drivers/base/cpu.c,
            // print_cpus_offline).
            let text = text.strip_prefix(b",").unwrap_or(text);
            cpu_list::parse(text).ok_or_else(|| Failure::invalid(file.path(), text))
        };
        let mut offline = list(&mut self.offline)?;
        if !offline.is_empty() {
            let present = list(&mut self.present)?;
            offline.retain(|number| present.binary_search(number).is_ok());
        }
        Ok(offline)
    }

    /// Online processors, where `/proc/stat` has no line for any: as sysconf(3) and psutil count them.
    pub(super) fn online_count(&mut self, buffer: &mut ReadBuffer) -> Option<u32> {
        self.online.has_changed(buffer);
        let online = self.online.text().and_then(cpu_list::parse).and_then(|online| u32::try_from(online.len()).ok());
        let count =
            online.filter(|count| *count > 0).or_else(|| self.cpuinfo.read(buffer).ok().map(cpuinfo::processors));
        self.cpuinfo.close();
        self.physical_count = None;
        self.models = None;
        count.filter(|count| *count > 0)
    }
}

/// As psutil's cpu_count(logical=False): the sets of threads that share a core, each once; else what cpuinfo says.
fn physical_count(folder: &Path, cpuinfo: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<u32, Failure> {
    if let Some(count) = cores::count(folder) {
        return Ok(count);
    }
    cpuinfo::physical_count(cpuinfo.read(buffer)?).ok_or_else(|| {
        let (folder, cpuinfo) = (folder.display(), cpuinfo.path().display());
        Failure::unsupported(format!(
            "neither {folder}/cpu*/topology nor {cpuinfo} tells which processors share a core"
        ))
    })
}

fn models(cpuinfo: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<Vec<Vec<u8>>, Failure> {
    let models = cpuinfo::models(cpuinfo.read(buffer)?);
    if models.is_empty() {
        return Err(Failure::unsupported(format!("{} names no model", cpuinfo.path().display())));
    }
    Ok(models)
}

#[cfg(test)]
mod tests;
