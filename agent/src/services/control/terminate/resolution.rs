//! What a request means: which processes, whether each may be ended, and how many they are. Done on the host pool, before anything else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use procwire_host::{ProcessHandle, Scope as Members, ScopeKind};
use procwire_proto::v1::{ErrorReason, ProcessRef};

use super::{
    Run,
    joining::Subjects,
    subject::{Fate, Subject},
};
use crate::{
    audit::AuditTarget,
    services::control::{authorization::Permit, quota::Allowance, request::Scope},
    status::Failure,
};

/// What is to be ended.
pub(super) struct Resolution {
    pub(super) scope: Arc<Mutex<Members>>,
    /// By member of the scope.
    pub(super) subjects: Subjects,
    pub(super) refused: Vec<Refused>,
    allowances: Vec<Vec<Allowance>>,
}

/// A target to which nothing is done.
pub(super) struct Refused {
    pub(super) reference: ProcessRef,
    handle: Option<Arc<ProcessHandle>>,
    pub(super) failure: Failure,
}

impl Refused {
    pub(super) fn audited(&self) -> AuditTarget<'_> {
        self.handle.as_ref().map_or_else(|| AuditTarget::from(&self.reference), AuditTarget::from)
    }
}

impl Resolution {
    pub(super) fn of(run: &Run) -> Result<Self, Failure> {
        let host = &run.shared.context.host;
        let mut refusals: BTreeMap<usize, Failure> = BTreeMap::new();
        let mut opened = Vec::with_capacity(run.termination.targets.len());
        for (index, reference) in run.termination.targets.iter().enumerate() {
            // Before anything is looked for below it: what belongs to pid 1 is the whole host.
            let handle = ProcessHandle::open(host, reference).map_err(Failure::from);
            match handle.and_then(|handle| run.decide(&handle).map(|_| handle)) {
                Ok(handle) => opened.push((index, handle)),
                Err(failure) => {
                    refusals.insert(index, failure);
                }
            }
        }
        let (mut scope, unresolved) = Members::resolve(host, kind(run.termination.scope), opened)?;
        refusals.extend(unresolved.into_iter().map(|(index, error)| (index, error.into())));

        let decisions: Vec<Result<Permit, Failure>> =
            scope.members().iter().map(|member| run.decide(&member.handle)).collect();
        for (place, decision) in decisions.iter().enumerate() {
            let Err(failure) = decision else {
                scope.permit(place);
                continue;
            };
            let reference = scope.members().get(place).map(|member| member.handle.reference().clone());
            for target in scope.refuse(place) {
                let own = run.termination.targets.get(target);
                let failure = with_its_scope(failure, reference.as_ref(), own, run.termination.scope);
                refusals.entry(target).or_insert(failure);
            }
        }
        Ok(Self::assemble(run, scope, decisions, refusals))
    }

    fn assemble(
        run: &Run,
        scope: Members,
        decisions: Vec<Result<Permit, Failure>>,
        refusals: BTreeMap<usize, Failure>,
    ) -> Self {
        let mut handles = BTreeMap::new();
        let mut allowances = Vec::new();
        let mut subjects = Subjects::new();
        for ((place, member), decision) in scope.members().iter().enumerate().zip(decisions) {
            let target = scope.target_of(place).unwrap_or_default();
            let named = run.termination.targets.get(target).filter(|named| is_of(named, &member.handle));
            let is_itself = named.is_some();
            if is_itself {
                handles.insert(target, Arc::clone(&member.handle));
            }
            let decision = match decision {
                Ok(permit) if scope.is_active(place) => {
                    if is_itself {
                        allowances.push(permit.allowances());
                    }
                    Ok(permit.rule)
                }
                Ok(_) | Err(_) => Err(Fate::Outside),
            };
            let mut subject = Subject::new(member, target, decision);
            if let Some(named) = named {
                subject.reference = named.clone();
            }
            subjects.insert(place, subject);
        }
        let refused = refusals.into_iter().filter_map(|(target, failure)| {
            let reference = run.termination.targets.get(target)?.clone();
            Some(Refused { reference, handle: handles.remove(&target), failure })
        });
        let refused = refused.collect();
        Self { scope: Arc::new(Mutex::new(scope)), subjects, refused, allowances }
    }

    /// What each target draws on.
    pub(super) fn allowances(&self) -> Vec<Vec<Allowance>> {
        self.allowances.clone()
    }

    /// More processes than whoever asked counted on are not ended.
    pub(super) fn demand_at_most(&self, most: usize) -> Result<(), Failure> {
        let count = self.subjects.values().filter(|subject| subject.is_open()).count();
        if count <= most {
            return Ok(());
        }
        let problem = format!(
            "{count} processes belong to the targets, and confirm_at_most allows {most}; nothing was done; a dry run tells which they are; set it to {count} or more if you mean them all"
        );
        Err(Failure::new(ErrorReason::ConfirmCountMismatch, problem)
            .with_field("confirm_at_most", format!("is less than {count}"))
            .with_metadata("count", &count))
    }
}

impl Run {
    /// On the host pool.
    pub(super) fn decide(&self, handle: &ProcessHandle) -> Result<Permit, Failure> {
        self.shared.authorization.decide(&self.caller, self.asked(), handle)
    }
}

fn kind(scope: Scope) -> ScopeKind {
    match scope {
        Scope::Process => ScopeKind::Process,
        Scope::Tree => ScopeKind::Tree,
        Scope::Cgroup => ScopeKind::Cgroup,
    }
}

fn is_of(reference: &ProcessRef, handle: &ProcessHandle) -> bool {
    let found = handle.reference();
    (reference.pid, reference.start_ticks) == (found.pid, found.start_ticks)
}

/// A target is refused for what belongs to it.
fn with_its_scope(
    failure: &Failure,
    denied: Option<&ProcessRef>,
    target: Option<&ProcessRef>,
    scope: Scope,
) -> Failure {
    let same = |one: &ProcessRef, other: &ProcessRef| (one.pid, one.start_ticks) == (other.pid, other.start_ticks);
    match (denied, target) {
        (Some(denied), Some(target)) if !same(denied, target) => {
            let problem = format!(
                "process {denied} belongs to the {} of {target} and may not be ended, so nothing was done to any of it: {failure}",
                scope.name()
            );
            Failure::new(failure.reason(), problem).with_metadata("pid", &denied.pid)
        }
        _ => failure.clone(),
    }
}
