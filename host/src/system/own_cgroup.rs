//! Section `cgroup`: the agent's own control group, and the processors that it may use.

use procwire_proto::{CgroupFieldSet, SystemFieldSet, cgroup_fields, system_fields::bit, v1::Cgroup};

use super::{answer::Answer, kept_file::ReadBuffer};
use crate::{Host, cgroup::OwnGroup};

const FIELDS: SystemFieldSet = bit::CGROUP.union(bit::CPU_QUOTA_CPUS);

pub(super) struct OwnCgroup {
    group: OwnGroup,
}

impl OwnCgroup {
    pub(super) fn new(host: &Host) -> Self {
        Self { group: OwnGroup::new(host) }
    }

    pub(super) fn read(&mut self, host: &Host, _: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(FIELDS) {
            return;
        }
        if answer.wants(bit::CGROUP) {
            // As a list tells it without a mask: every line of memory.stat is for those who ask for a list.
            match self.group.read(host, CgroupFieldSet::default_list()) {
                Ok(group) => answer.system.cgroup = Some(group),
                Err(error) => answer.unreadable(bit::CGROUP, &error),
            }
        }
        if answer.wants(bit::CPU_QUOTA_CPUS) {
            self.quota(host, answer);
        }
    }

    /// Absent without error if nothing limits it.
    fn quota(&mut self, host: &Host, answer: &mut Answer) {
        let limit = |group: &Cgroup| group.cpu.as_ref().and_then(|cpu| cpu.effective_limit_cpus);
        let mut cpus = answer.system.cgroup.as_ref().and_then(limit);
        if cpus.is_none() {
            match self.group.read(host, cgroup_fields::bit::CPU_EFFECTIVE_LIMIT_CPUS) {
                Ok(group) => {
                    cpus = limit(&group);
                    for error in &group.errors {
                        answer.absent(bit::CPU_QUOTA_CPUS, error.reason(), &error.detail);
                    }
                }
                Err(error) => answer.unreadable(bit::CPU_QUOTA_CPUS, &error),
            }
        }
        if cpus.is_some() {
            answer.system.cpu.get_or_insert_default().quota_cpus = cpus;
        }
    }
}
