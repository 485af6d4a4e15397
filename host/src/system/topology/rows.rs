//! What sysfs says about each online processor.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{CpuKind, LogicalCpu},
};

use crate::{
    HostError,
    procfs::Numbers,
    system::{
        answer::{Answer, Failure},
        parse::cpu_list,
    },
};

/// Fields of this kind.
const FIELDS: SystemFieldSet =
    bit::CPU_CPUS_CORE_ID.union(bit::CPU_CPUS_PACKAGE_ID).union(bit::CPU_CPUS_KIND).union(bit::CPU_CPUS_CAPACITY);

/// Kinds of cores by the device whose processors they are (arch/x86/events/core.c, arch/x86/events/intel/core.c).
const KINDS: [(&str, CpuKind); 3] =
    [("cpu_core", CpuKind::Performance), ("cpu_atom", CpuKind::Efficiency), ("cpu_lowpower", CpuKind::LowPower)];

pub(super) struct RowAttributes {
    devices: PathBuf,
    /// The processors that all of this is about: known anew when others are online.
    numbers: Vec<u32>,
    core_ids: Option<Column>,
    package_ids: Option<Column>,
    capacities: Option<Column>,
    kinds: Option<Vec<Option<i32>>>,
}

/// A value for each processor.
struct Column {
    values: Vec<Option<u32>>,
    /// Why the first that is missing is missing.
    failure: Option<Failure>,
}

impl RowAttributes {
    pub(super) fn new(devices: PathBuf) -> Self {
        Self { devices, numbers: Vec::new(), core_ids: None, package_ids: None, capacities: None, kinds: None }
    }

    /// Fills in what was asked for of the processors in the answer.
    pub(super) fn fill(&mut self, answer: &mut Answer) {
        let Some(cpu) = answer.system.cpu.as_mut().filter(|cpu| !cpu.cpus.is_empty()) else { return };
        let mut cpus = std::mem::take(&mut cpu.cpus);
        if answer.wants(FIELDS) {
            if !self.is_about(&cpus) {
                *self =
                    Self { numbers: cpus.iter().map(|cpu| cpu.number).collect(), ..Self::new(self.devices.clone()) };
            }
            self.fill_rows(&mut cpus, answer);
        }
        answer.system.cpu.get_or_insert_default().cpus = cpus;
    }

    fn is_about(&self, cpus: &[LogicalCpu]) -> bool {
        cpus.len() == self.numbers.len() && cpus.iter().zip(&self.numbers).all(|(cpu, number)| cpu.number == *number)
    }

    fn fill_rows(&mut self, cpus: &mut [LogicalCpu], answer: &mut Answer) {
        let Self { devices, numbers, core_ids, package_ids, capacities, kinds } = self;
        let column = |name: &str, if_missing| {
            Column::read(numbers, |number| devices.join(format!("system/cpu/cpu{number}/{name}")), if_missing)
        };
        if answer.wants(bit::CPU_CPUS_CORE_ID) {
            let column = core_ids.get_or_insert_with(|| column("topology/core_id", IfMissing::Tell));
            column.fill(cpus, |cpu| &mut cpu.core_id, bit::CPU_CPUS_CORE_ID, answer);
        }
        if answer.wants(bit::CPU_CPUS_PACKAGE_ID) {
            let column = package_ids.get_or_insert_with(|| column("topology/physical_package_id", IfMissing::Tell));
            column.fill(cpus, |cpu| &mut cpu.package_id, bit::CPU_CPUS_PACKAGE_ID, answer);
        }
        if answer.wants(bit::CPU_CPUS_CAPACITY) {
            let column = capacities.get_or_insert_with(|| column("cpu_capacity", IfMissing::BeSilent));
            column.fill(cpus, |cpu| &mut cpu.capacity, bit::CPU_CPUS_CAPACITY, answer);
        }
        if answer.wants(bit::CPU_CPUS_KIND) {
            for (cpu, kind) in cpus.iter_mut().zip(kinds.get_or_insert_with(|| read_kinds(devices, numbers))) {
                cpu.kind = *kind;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum IfMissing {
    Tell,
    /// Most hosts have nothing to say here.
    BeSilent,
}

impl Column {
    fn read(numbers: &[u32], path: impl Fn(u32) -> PathBuf, if_missing: IfMissing) -> Self {
        let mut failure = None;
        let values = numbers.iter().map(|number| match (read_number(&path(*number)), if_missing) {
            (Ok(value), _) => Some(value),
            (Err(Absence::NoFile(_)), IfMissing::BeSilent) => None,
            (Err(Absence::NoFile(why) | Absence::NoValue(why)), _) => {
                failure.get_or_insert(why);
                None
            }
        });
        Self { values: values.collect(), failure }
    }

    fn fill(
        &self,
        cpus: &mut [LogicalCpu],
        place: impl Fn(&mut LogicalCpu) -> &mut Option<u32>,
        field: SystemFieldSet,
        answer: &mut Answer,
    ) {
        for (cpu, value) in cpus.iter_mut().zip(&self.values) {
            *place(cpu) = *value;
        }
        if let Some(failure) = &self.failure {
            answer.failed(field, failure);
        }
    }
}

enum Absence {
    NoFile(Failure),
    NoValue(Failure),
}

fn read_number(path: &Path) -> Result<u32, Absence> {
    let text = fs::read(path).map_err(|error| {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let failure = Failure::from(HostError::io("read", path, error));
        if is_missing { Absence::NoFile(failure) } else { Absence::NoValue(failure) }
    })?;
    let value = Numbers::new(&text).signed();
    // -1 is what the kernel says where the firmware does not tell (include/linux/topology.h).
    if value == Some(-1) {
        let detail = format!("{} is -1: the firmware does not tell", path.display());
        return Err(Absence::NoValue(Failure::unsupported(detail)));
    }
    let value = value.and_then(|value| u32::try_from(value).ok());
    value.ok_or_else(|| Absence::NoValue(Failure::invalid(path, &text)))
}

fn read_kinds(devices: &Path, numbers: &[u32]) -> Vec<Option<i32>> {
    // All alike: there are no such devices.
    let listed = KINDS.map(|(device, kind)| {
        let text = fs::read(devices.join(device).join("cpus")).unwrap_or_default();
        (cpu_list::parse(&text).unwrap_or_default(), kind)
    });
    let kind_of = |number: &u32| {
        listed.iter().find(|(list, _)| list.binary_search(number).is_ok()).map(|(_, kind)| i32::from(*kind))
    };
    numbers.iter().map(kind_of).collect()
}
