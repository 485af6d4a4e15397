//! From the wire to a filter in which every condition makes sense. Whatever does not names its field, with its index.

use std::{collections::HashMap, hash::Hash, ops::RangeInclusive};

use procwire_proto::{
    Timestamp,
    v1::{BytesMatch, ProcessFilter, ProcessPredicate, ProcessRef, ProcessState},
};

use super::{
    Circumstances, Filter, Predicate,
    condition::Condition,
    text::{RegexBudget, Text},
};
use crate::{
    policy::Disclosure,
    services::{
        process::kin::{FamilyOf, Relation},
        request,
    },
    status::Failure,
};

/// Predicates in `allow`, and in `deny`.
const PREDICATES_MAX: usize = 64;
/// Values of one list of a predicate.
const VALUES_MAX: usize = 16_384;
/// Ports in a whole filter: each is looked for in every socket.
const PORTS_MAX: usize = 1024;
/// Different families in a whole filter: each may be as large as the process table.
const FAMILIES_MAX: usize = 8;
/// Longest value in a list of bytes: no path is longer (PATH_MAX).
const VALUE_MAX_BYTES: usize = 4096;

pub(super) struct Parser<'a> {
    circumstances: &'a Circumstances<'a>,
    families: Vec<FamilyOf>,
    ports: Vec<u32>,
    regexes: RegexBudget,
}

impl<'a> Parser<'a> {
    pub(super) fn new(circumstances: &'a Circumstances<'a>) -> Self {
        Self { circumstances, families: Vec::new(), ports: Vec::new(), regexes: RegexBudget::default() }
    }

    pub(super) fn filter(mut self, filter: ProcessFilter) -> Result<Filter, Failure> {
        let ProcessFilter { allow, deny } = filter;
        let allow = self.predicates("filter.allow", allow)?;
        let deny = self.predicates("filter.deny", deny)?;
        let Self { families, mut ports, .. } = self;
        ports.sort_unstable();
        ports.dedup();
        Ok(Filter { allow, deny, families, ports })
    }

    fn predicates(&mut self, path: &str, predicates: Vec<ProcessPredicate>) -> Result<Vec<Predicate>, Failure> {
        at_most(path, predicates.len(), PREDICATES_MAX, "predicates")?;
        let numbered = predicates.into_iter().enumerate();
        numbered.map(|(index, predicate)| self.predicate(&format!("{path}[{index}]"), predicate)).collect()
    }

    fn predicate(&mut self, path: &str, predicate: ProcessPredicate) -> Result<Predicate, Failure> {
        let ProcessPredicate {
            pids,
            ppids,
            descendants_of,
            name,
            exe,
            cmdline,
            usernames,
            uids,
            states,
            terminals,
            cgroup_prefix,
            units,
            kernel_thread,
            min_resident_bytes,
            min_cpu_usage_ratio,
            min_fd_count,
            started_after,
            started_before,
            local_ports,
            listening_ports,
            children_of,
            refs,
            container_ids,
        } = predicate;
        let field = |name: &str| format!("{path}.{name}");
        let numbers = |name: &str, numbers: Vec<u32>, allowed| whole_numbers(&field(name), numbers, allowed);
        let values = |name: &str, values: Vec<Vec<u8>>| byte_values(&field(name), values);
        let conditions = [
            numbers("pids", pids, 1..=ProcessRef::MAX_PID)?.map(|pids| Condition::Pids(set(pids))),
            self.refs(&field("refs"), refs)?.map(Condition::Refs),
            self.family(&field("children_of"), Relation::Children, children_of)?,
            self.family(&field("descendants_of"), Relation::Descendants, descendants_of)?,
            // 0: pids 1 and 2, and whoever has a parent outside the pid namespace.
            numbers("ppids", ppids, 0..=ProcessRef::MAX_PID)?.map(|ppids| Condition::Ppids(set(ppids))),
            process_states(&field("states"), states)?.map(|states| Condition::States(set(states))),
            kernel_thread.map(Condition::KernelThread),
            timestamp(&field("started_after"), started_after)?.map(Condition::StartedAfter),
            timestamp(&field("started_before"), started_before)?.map(Condition::StartedBefore),
            values("terminals", terminals)?.map(|terminals| Condition::Terminals(set(terminals))),
            self.usage_ratio(&field("min_cpu_usage_ratio"), min_cpu_usage_ratio)?,
            min_resident_bytes.map(Condition::MinResidentBytes),
            numbers("uids", uids, 0..=u32::MAX)?.map(|uids| Condition::Uids(set(uids))),
            values("usernames", usernames)?.map(|names| Condition::Usernames(set(names))),
            self.text(&field("name"), name)?.map(Condition::Name),
            self.text(&field("exe"), exe)?.map(Condition::Exe),
            cgroup(&field("cgroup_prefix"), cgroup_prefix)?.map(Condition::CgroupPrefix),
            values("units", units)?.map(|units| Condition::Units(set(units))),
            containers(&field("container_ids"), container_ids)?.map(Condition::ContainerIds),
            min_fd_count.map(Condition::MinFdCount),
            self.text(&field("cmdline"), cmdline)?.map(Condition::Cmdline),
            self.ports(&field("local_ports"), local_ports)?.map(Condition::LocalPorts),
            self.ports(&field("listening_ports"), listening_ports)?.map(Condition::ListeningPorts),
        ];
        let conditions: Vec<_> = conditions.into_iter().flatten().collect();
        if conditions.is_empty() {
            return Err(Failure::invalid(path, "is empty: set at least one of its fields"));
        }
        Ok(Predicate(conditions))
    }

    fn refs(&self, path: &str, refs: Vec<ProcessRef>) -> Result<Option<HashMap<u32, Vec<u64>>>, Failure> {
        if refs.is_empty() {
            return Ok(None);
        }
        let mut by_pid: HashMap<u32, Vec<u64>> = HashMap::new();
        for reference in self.of_this_boot(path, refs)? {
            by_pid.entry(reference.pid).or_default().push(reference.start_ticks);
        }
        Ok(Some(by_pid))
    }

    fn family(&mut self, path: &str, relation: Relation, refs: Vec<ProcessRef>) -> Result<Option<Condition>, Failure> {
        if refs.is_empty() {
            return Ok(None);
        }
        let refs = self.of_this_boot(path, refs)?;
        let of = refs.into_iter().map(|reference| (reference.pid, reference.start_ticks)).collect();
        let family = FamilyOf::new(relation, of);
        let index = match self.families.iter().position(|known| *known == family) {
            Some(index) => index,
            None if self.families.len() == FAMILIES_MAX => {
                let problem = format!("is one family more than the {FAMILIES_MAX} that a filter may have");
                return Err(Failure::invalid(path, problem));
            }
            None => {
                self.families.push(family);
                self.families.len() - 1
            }
        };
        Ok(Some(Condition::Family(index)))
    }

    /// Those of another boot are gone, like those that have ended: nothing matches them, and that is no error.
    fn of_this_boot(&self, path: &str, mut refs: Vec<ProcessRef>) -> Result<Vec<ProcessRef>, Failure> {
        at_most(path, refs.len(), VALUES_MAX, "values")?;
        for (index, reference) in refs.iter().enumerate() {
            request::reference(&format!("{path}[{index}]"), reference)?;
        }
        refs.retain(|reference| reference.boot_id == self.circumstances.boot_id);
        Ok(refs)
    }

    fn text(&mut self, path: &str, text: Option<BytesMatch>) -> Result<Option<Text>, Failure> {
        text.map(|text| Text::parse(path, text, &mut self.regexes)).transpose()
    }

    fn usage_ratio(&self, path: &str, least: Option<f64>) -> Result<Option<Condition>, Failure> {
        match least {
            None => Ok(None),
            Some(_) if !self.circumstances.has_usage_window => {
                Err(Failure::invalid(path, "needs usage_window: without it nothing is measured"))
            }
            Some(ratio) if ratio.is_finite() && ratio >= 0.0 => Ok(Some(Condition::MinUsageRatio(ratio))),
            Some(ratio) => Err(Failure::invalid(path, format!("is {ratio}; it must be a number from 0"))),
        }
    }

    fn ports(&mut self, path: &str, ports: Vec<u32>) -> Result<Option<Vec<u32>>, Failure> {
        let Some(ports) = whole_numbers(path, ports, 1..=u32::from(u16::MAX))? else { return Ok(None) };
        if !self.circumstances.sight.has(Disclosure::Sockets) {
            return Err(self.circumstances.sight.refusal(path, Disclosure::Sockets));
        }
        self.ports.extend(&ports);
        at_most(path, self.ports.len(), PORTS_MAX, "ports together with those before it")?;
        Ok(Some(ports))
    }
}

fn set<S: FromIterator<T>, T>(values: Vec<T>) -> S
where
    T: Hash + Eq,
{
    values.into_iter().collect()
}

fn at_most(path: &str, count: usize, most: usize, what: &str) -> Result<(), Failure> {
    if count <= most {
        return Ok(());
    }
    Err(Failure::invalid(path, format!("has {count} {what}; at most {most} are taken")))
}

/// The numbers of a list, or none if it is empty.
fn whole_numbers(path: &str, numbers: Vec<u32>, allowed: RangeInclusive<u32>) -> Result<Option<Vec<u32>>, Failure> {
    at_most(path, numbers.len(), VALUES_MAX, "values")?;
    if let Some((index, number)) = numbers.iter().enumerate().find(|(_, number)| !allowed.contains(number)) {
        let (least, most) = allowed.into_inner();
        let problem = format!("is {number}; it must be {least} to {most}");
        return Err(Failure::invalid(format!("{path}[{index}]"), problem));
    }
    Ok(Some(numbers).filter(|numbers| !numbers.is_empty()))
}

fn byte_values(path: &str, values: Vec<Vec<u8>>) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    at_most(path, values.len(), VALUES_MAX, "values")?;
    for (index, value) in values.iter().enumerate() {
        if value.is_empty() || value.len() > VALUE_MAX_BYTES {
            let problem = format!("has {} bytes; it must have 1 to {VALUE_MAX_BYTES}", value.len());
            return Err(Failure::invalid(format!("{path}[{index}]"), problem));
        }
    }
    Ok(Some(values).filter(|values| !values.is_empty()))
}

fn process_states(path: &str, states: Vec<i32>) -> Result<Option<Vec<ProcessState>>, Failure> {
    at_most(path, states.len(), VALUES_MAX, "values")?;
    let parse = |(index, number): (usize, i32)| match ProcessState::try_from(number) {
        Ok(state) if state != ProcessState::Unspecified => Ok(state),
        _ => Err(Failure::invalid(format!("{path}[{index}]"), format!("is {number}, which is no state of a process"))),
    };
    let states: Vec<_> = states.into_iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    Ok(Some(states).filter(|states| !states.is_empty()))
}

fn timestamp(path: &str, time: Option<Timestamp>) -> Result<Option<Timestamp>, Failure> {
    match time {
        Some(Timestamp { nanos, .. }) if !(0..1_000_000_000).contains(&nanos) => {
            Err(Failure::invalid(format!("{path}.nanos"), format!("is {nanos}; it must be 0 to 999999999")))
        }
        other => Ok(other),
    }
}

fn cgroup(path: &str, prefix: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Failure> {
    match prefix {
        Some(prefix) if !prefix.starts_with(b"/") => {
            Err(Failure::invalid(path, "is no path of a control group: it must begin with /"))
        }
        other => Ok(other),
    }
}

fn containers(path: &str, ids: Vec<String>) -> Result<Option<Vec<String>>, Failure> {
    let bytes = ids.iter().map(|id| id.clone().into_bytes()).collect();
    Ok(byte_values(path, bytes)?.map(|_| ids))
}
