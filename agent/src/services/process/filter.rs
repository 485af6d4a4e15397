//! Which processes a list is asked for: parsed once, then judged process by process as far as each has been read.

mod condition;
mod parse;
mod text;
mod truth;

use std::collections::{BTreeSet, HashSet};

use procwire_host::sockets::PortOwners;
use procwire_proto::ProcessFieldSet;

use self::{condition::Condition, parse::Parser};
pub(crate) use self::{condition::Subject, truth::Truth};
use super::kin::{Family, FamilyOf};
use crate::{policy::Sight, status::Failure};

/// The union of `allow` (all, if empty) without the union of `deny`.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    allow: Vec<Predicate>,
    deny: Vec<Predicate>,
    /// The families that predicates name by index.
    families: Vec<FamilyOf>,
    /// Every port that a predicate names.
    ports: Vec<u32>,
}

/// Conditions that must all hold.
#[derive(Debug)]
struct Predicate(Vec<Condition>);

/// What a filter must know of the host before it can judge: looked up once per request.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// In the order of the filter's families.
    pub(crate) families: Vec<Family>,
    pub(crate) ports: Option<PortOwners>,
}

/// What requests of this filter know beforehand.
pub(crate) struct Circumstances<'a> {
    pub(crate) boot_id: &'a [u8],
    /// What the caller may see.
    pub(crate) sight: &'a Sight,
    /// A window was given, so that `cpu_usage_ratio` is measured.
    pub(crate) has_usage_window: bool,
}

impl Filter {
    pub(crate) fn parse(
        filter: procwire_proto::v1::ProcessFilter,
        circumstances: &Circumstances<'_>,
    ) -> Result<Self, Failure> {
        Parser::new(circumstances).filter(filter)
    }

    /// True if every process passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// The fields that its conditions look at.
    pub(crate) fn fields(&self) -> ProcessFieldSet {
        let conditions = self.allow.iter().chain(&self.deny).flat_map(|predicate| &predicate.0);
        conditions.fold(ProcessFieldSet::EMPTY, |fields, condition| fields.union(condition.field()))
    }

    /// The families to look up, for [`Facts::families`].
    pub(crate) fn families(&self) -> &[FamilyOf] {
        &self.families
    }

    /// The ports to look up, for [`Facts::ports`].
    pub(crate) fn ports(&self) -> &[u32] {
        &self.ports
    }

    /// Whether a process passes, from what is known of it.
    pub(crate) fn judge(&self, subject: &Subject<'_>) -> Truth {
        let any = |predicates: &[Predicate]| Truth::any(predicates.iter().map(|predicate| predicate.judge(subject)));
        let denied = any(&self.deny);
        if denied == Truth::True {
            return Truth::False;
        }
        let allowed = if self.allow.is_empty() { Truth::True } else { any(&self.allow) };
        allowed.and(!denied)
    }

    /// The only pids that can pass, ascending; `None` where any could.
    pub(crate) fn candidates(&self, facts: &Facts) -> Option<Vec<u32>> {
        self.union_of_allowed(|condition| condition.candidates(facts))
    }

    /// The only pids that can pass where the request names them, so that no table must be read to find them.
    pub(crate) fn named(&self) -> Option<Vec<u32>> {
        self.union_of_allowed(Condition::named)
    }

    fn union_of_allowed(&self, candidates: impl Fn(&Condition) -> Option<HashSet<u32>>) -> Option<Vec<u32>> {
        if self.allow.is_empty() {
            return None;
        }
        let mut union = BTreeSet::new();
        for predicate in &self.allow {
            let sets = predicate.0.iter().filter_map(&candidates);
            union.extend(sets.reduce(|left, right| &left & &right)?);
        }
        Some(union.into_iter().collect())
    }
}

impl Predicate {
    fn judge(&self, subject: &Subject<'_>) -> Truth {
        Truth::all(self.0.iter().map(|condition| condition.judge(subject)))
    }
}

impl Condition {
    fn named(&self) -> Option<HashSet<u32>> {
        match self {
            Self::Pids(pids) => Some(pids.clone()),
            Self::Refs(refs) => Some(refs.keys().copied().collect()),
            _ => None,
        }
    }

    fn candidates(&self, facts: &Facts) -> Option<HashSet<u32>> {
        match self {
            Self::Family(index) => facts.family(*index).map(|family| family.possible().collect()),
            other => other.named(),
        }
    }
}

impl Facts {
    fn family(&self, index: usize) -> Option<&Family> {
        self.families.get(index)
    }

    fn holds_local(&self, pid: u32, start_ticks: Option<u64>, ports: &[u32]) -> Truth {
        let told = self.ports.as_ref().and_then(|owners| owners.holds_local(pid, start_ticks, ports));
        told.map_or(Truth::Unknown, Truth::from)
    }

    fn listens(&self, pid: u32, start_ticks: Option<u64>, ports: &[u32]) -> Truth {
        let told = self.ports.as_ref().and_then(|owners| owners.listens(pid, start_ticks, ports));
        told.map_or(Truth::Unknown, Truth::from)
    }
}

#[cfg(test)]
mod tests;
