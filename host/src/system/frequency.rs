//! Frequencies of the processors, by policy (Documentation/admin-guide/pm/cpufreq.rst) and one by one.

mod policy;

use std::path::{Path, PathBuf};

use procwire_proto::{SystemFieldSet, system_fields::bit, v1::CpuFrequencyPolicy};

use self::policy::Policy;
use super::{
    answer::{Answer, Failure},
    kept_file::{KeptFile, ReadBuffer},
    parse::cpuinfo,
    topology::numbered,
    watch::Watch,
};
use crate::Host;

const FIELDS: SystemFieldSet = bit::CPU_FREQUENCY_POLICIES.union(bit::CPU_CPUS_FREQUENCY_HZ);

/// So many policies keep their files open, seven of each; those of larger hosts are opened every time.
const MOST_KEPT_OPEN: usize = 32;

pub(super) struct Frequencies {
    folder: PathBuf,
    online: Watch,
    policies: Vec<Policy>,
    cpuinfo: KeptFile,
    /// False where it is known to tell no frequency: on ARM it never does.
    cpuinfo_may_tell: bool,
}

impl Frequencies {
    pub(super) fn new(host: &Host) -> Self {
        let folder = host.roots().sys.join("devices/system/cpu");
        Self {
            online: Watch::new(folder.join("online")),
            folder,
            policies: Vec::new(),
            cpuinfo: KeptFile::new(host.roots().proc.join("cpuinfo")),
            cpuinfo_may_tell: true,
        }
    }

    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(FIELDS) {
            return;
        }
        if self.online.has_changed(buffer) {
            self.cpuinfo_may_tell = true;
            self.policies = policies(&self.folder, folders(&self.folder));
        } else if self.policies.is_empty() {
            // A driver may have been loaded.
            self.policies = policies(&self.folder, policy_folders(&self.folder));
        }
        if answer.wants(bit::CPU_FREQUENCY_POLICIES) {
            self.fill_policies(buffer, answer);
        }
        if answer.wants(bit::CPU_CPUS_FREQUENCY_HZ) {
            self.fill_rows(buffer, answer);
        }
        if self.policies.len() > MOST_KEPT_OPEN {
            self.policies.iter_mut().for_each(Policy::close);
        }
    }

    fn fill_policies(&mut self, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if self.policies.is_empty() {
            let detail =
                format!("{} has no policy: no driver governs frequencies here", self.folder.join("cpufreq").display());
            return answer.failed(bit::CPU_FREQUENCY_POLICIES, &Failure::unsupported(detail));
        }
        let rows: Vec<CpuFrequencyPolicy> = self.policies.iter_mut().map(|policy| policy.read(buffer)).collect();
        answer.system.cpu.get_or_insert_default().frequency_policies = rows;
    }

    fn fill_rows(&mut self, buffer: &mut ReadBuffer, answer: &mut Answer) {
        let is_there = answer.system.cpu.as_ref().is_some_and(|cpu| !cpu.cpus.is_empty());
        if !is_there {
            return;
        }
        let frequencies = self.frequencies_hz(buffer);
        let mut without = None;
        for cpu in answer.system.cpu.iter_mut().flat_map(|cpu| &mut cpu.cpus) {
            let place = frequencies.binary_search_by_key(&cpu.number, |(number, _)| *number).ok();
            cpu.frequency_hz = place.and_then(|place| frequencies.get(place)).map(|(_, hertz)| *hertz);
            if cpu.frequency_hz.is_none() {
                without.get_or_insert(cpu.number);
            }
        }
        if let Some(number) = without {
            let (cpuinfo, folder) = (self.cpuinfo.path().display(), self.folder.display());
            let detail = format!("neither {cpuinfo} nor {folder}/cpufreq tells the frequency of processor {number}");
            answer.failed(bit::CPU_CPUS_FREQUENCY_HZ, &Failure::unsupported(detail));
        }
    }

    /// By number of processor, ascending. cpuinfo comes first, as in psutil: on x86 it has what each processor measured, where a policy
    /// tells of its first one only; and it is one file, where kernels from 4.13 to 5.17 spend up to 10 ms on each `scaling_cur_freq`
    /// (arch/x86/kernel/cpu/aperfmperf.c). Unlike psutil's, its values are matched by the number beside them, not by their place.
    fn frequencies_hz(&mut self, buffer: &mut ReadBuffer) -> Vec<(u32, u64)> {
        if self.cpuinfo_may_tell {
            let told = self.cpuinfo.read(buffer).map(cpuinfo::frequencies_hz).unwrap_or_default();
            if !told.is_empty() {
                return told;
            }
            self.cpuinfo_may_tell = false;
            self.cpuinfo.close();
        }
        let mut found: Vec<(u32, u64)> = Vec::new();
        for policy in &mut self.policies {
            if let Ok(hertz) = policy.current_hz(buffer) {
                found.extend(policy.cpus().iter().map(|number| (*number, hertz)));
            }
        }
        found.sort_unstable();
        found
    }
}

/// The policies among these folders that govern a processor that is online, each once.
fn policies(cpu: &Path, folders: Vec<(u32, PathBuf)>) -> Vec<Policy> {
    let mut policies: Vec<Policy> = Vec::new();
    for (number, path) in folders {
        let policy = Policy::open(number, &path, &cpu.join(format!("cpu{number}/online")));
        if let Some(policy) = policy.filter(|policy| policies.iter().all(|known| known.cpus() != policy.cpus())) {
            policies.push(policy);
        }
    }
    policies
}

/// Folders policyN, or, before kernel 4.3, cpuN/cpufreq, which processors of one policy share.
fn folders(cpu: &Path) -> Vec<(u32, PathBuf)> {
    let folders = policy_folders(cpu);
    if !folders.is_empty() {
        return folders;
    }
    let below = numbered(cpu, "cpu").into_iter().map(|(number, path)| (number, path.join("cpufreq")));
    below.filter(|(_, path)| path.is_dir()).collect()
}

fn policy_folders(cpu: &Path) -> Vec<(u32, PathBuf)> {
    numbered(&cpu.join("cpufreq"), "policy")
}

#[cfg(test)]
mod tests;
