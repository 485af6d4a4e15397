//! The processes that a request means, and what became of each.

use std::{collections::BTreeMap, sync::Arc};

use procwire_host::{Host, ProcessHandle, Scope as Members, ScopeKind};
use procwire_proto::v1::{ControlMechanism, ProcessRef, SignalResult};

use crate::{
    audit::{Audit, AuditTarget},
    services::control::{
        authorization::Permit,
        quota::Allowance,
        record::{Action, Record},
        request::{Scope, Signalling},
        target,
    },
    status::Failure,
};

/// Targets, and what belongs to them.
pub(super) struct Found {
    targets: Vec<ProcessRef>,
    members: Members,
    /// The member that each target is itself.
    own: BTreeMap<usize, usize>,
    /// Targets to which nothing is done.
    refused: BTreeMap<usize, Failure>,
    /// Those of them that were opened and are no members.
    outside: BTreeMap<usize, Arc<ProcessHandle>>,
    /// By member.
    permits: BTreeMap<usize, Permit>,
    /// By member, of those that something was tried on.
    fates: BTreeMap<usize, Fate>,
}

enum Fate {
    /// It had ended before, and nobody has waited for it yet: the kernel takes signals for it, and does nothing.
    HadEnded,
    Signalled(ControlMechanism),
    Failed(Failure),
    /// Signalled, but whether all that belong to it are cannot be told.
    Incomplete(ControlMechanism, Failure),
}

impl Found {
    /// Each target is decided on before anything is looked for below it: what belongs to pid 1 is the whole host.
    pub(super) fn open(
        host: &Host,
        signalling: &Signalling,
        decide: impl Fn(&ProcessHandle) -> Result<Permit, Failure>,
    ) -> Result<Self, Failure> {
        let targets = signalling.targets.clone();
        let (mut refused, mut outside) = (BTreeMap::new(), BTreeMap::new());
        let mut opened = Vec::with_capacity(targets.len());
        for (index, target) in targets.iter().enumerate() {
            match ProcessHandle::open(host, target) {
                Ok(handle) => match decide(&handle) {
                    Ok(_) => opened.push((index, handle)),
                    Err(failure) => {
                        refused.insert(index, failure);
                        outside.insert(index, Arc::new(handle));
                    }
                },
                Err(error) => {
                    refused.insert(index, error.into());
                }
            }
        }
        let kind = match signalling.scope {
            Scope::Process => ScopeKind::Process,
            Scope::Tree => ScopeKind::Tree,
            Scope::Cgroup => ScopeKind::Cgroup,
        };
        let (members, unresolved) = Members::resolve(host, kind, opened)?;
        refused.extend(unresolved.into_iter().map(|(index, error)| (index, error.into())));
        let own = (0..members.members().len()).filter_map(|member| {
            let target = members.target_of(member)?;
            let (named, found) = (targets.get(target)?, members.members().get(member)?.handle.reference());
            (named.pid == found.pid && named.start_ticks == found.start_ticks).then_some((target, member))
        });
        let own = own.collect();
        Ok(Self { targets, members, own, refused, outside, permits: BTreeMap::new(), fates: BTreeMap::new() })
    }

    pub(super) fn len(&self) -> usize {
        self.members.members().len()
    }

    pub(super) fn handle(&self, member: usize) -> Option<&Arc<ProcessHandle>> {
        self.members.members().get(member).map(|member| &member.handle)
    }

    pub(super) fn permit(&mut self, member: usize, permit: Permit) {
        self.members.permit(member);
        self.permits.insert(member, permit);
    }

    /// Nothing is done to the targets that it belongs to.
    pub(super) fn refuse(&mut self, member: usize, failure: &Failure) {
        for target in self.members.refuse(member) {
            self.refused.entry(target).or_insert_with(|| failure.clone());
        }
    }

    /// Nothing is done to it alone.
    pub(super) fn spare(&mut self, member: usize, failure: Failure) {
        self.members.spare(member);
        self.fates.insert(member, Fate::Failed(failure));
    }

    pub(super) fn is_active(&self, member: usize) -> bool {
        self.members.is_active(member)
    }

    /// Targets first, then what was found below them.
    pub(super) fn active(&self) -> Vec<usize> {
        (0..self.len()).filter(|member| self.is_active(*member)).collect()
    }

    pub(super) fn deepest_first(&self) -> Vec<usize> {
        self.members.deepest_first()
    }

    /// Of each target that is acted on.
    pub(super) fn allowances(&self) -> Vec<Vec<Allowance>> {
        let targets = (0..self.targets.len()).filter(|target| !self.refused.contains_key(target));
        let permit = |target| self.permits.get(self.own.get(&target)?);
        targets.map(|target| permit(target).map(Permit::allowances).unwrap_or_default()).collect()
    }

    /// Tells whether the signal was sent.
    pub(super) fn signal(&mut self, member: usize, signal: i32) -> bool {
        let Some(handle) = self.handle(member) else { return false };
        let had_ended = handle.has_ended();
        let fate = match handle.signal(signal) {
            Ok(_) if had_ended => Fate::HadEnded,
            Ok(mechanism) => Fate::Signalled(mechanism),
            Err(error) => Fate::Failed(error.into()),
        };
        let was_sent = matches!(fate, Fate::Signalled(_));
        self.fates.insert(member, fate);
        was_sent
    }

    /// Nothing was tried on these.
    pub(super) fn give_up(&mut self, members: &[usize], failure: &Failure) {
        self.fates.extend(members.iter().map(|member| (*member, Fate::Failed(failure.clone()))));
    }

    /// Who joined, and is to be decided on. Where that cannot be told, it is said of every target.
    pub(super) fn look_again(&mut self, host: &Host) -> Vec<usize> {
        match self.members.rescan(host) {
            Ok(joined) => joined,
            Err(error) => {
                let failure = Failure::from(error);
                for member in self.own.values() {
                    if let Some(Fate::Signalled(mechanism)) = self.fates.get(member) {
                        self.fates.insert(*member, Fate::Incomplete(*mechanism, failure.clone()));
                    }
                }
                Vec::new()
            }
        }
    }

    /// One for each process, in the order of the targets.
    pub(super) fn results(&self) -> Vec<SignalResult> {
        let mut by_target: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for member in 0..self.len() {
            let is_told = self.is_active(member) || self.fates.contains_key(&member);
            if let Some(target) = self.members.target_of(member).filter(|_| is_told) {
                by_target.entry(target).or_default().push(member);
            }
        }
        let mut results = Vec::new();
        for target in 0..self.targets.len() {
            results.extend(self.refusal(target));
            results
                .extend(by_target.get(&target).into_iter().flatten().filter_map(|member| self.result(target, *member)));
        }
        results
    }

    fn refusal(&self, target: usize) -> Option<SignalResult> {
        let failure = self.refused.get(&target)?;
        let member = self.own.get(&target).and_then(|member| self.members.members().get(*member));
        let told = match (member, self.outside.get(&target)) {
            (Some(member), _) => target::member(member, target),
            (None, Some(handle)) => target::held(handle, target),
            (None, None) => target::named(self.targets.get(target)?, target),
        };
        Some(SignalResult { target: Some(told), error: Some(target::error(failure)), ..SignalResult::default() })
    }

    fn result(&self, target: usize, member: usize) -> Option<SignalResult> {
        let told = SignalResult {
            target: Some(target::member(self.members.members().get(member)?, target)),
            ..SignalResult::default()
        };
        Some(match self.fates.get(&member) {
            None => told,
            Some(Fate::HadEnded) => SignalResult { had_ended: true, ..told },
            Some(Fate::Signalled(mechanism)) => SignalResult { mechanism: (*mechanism).into(), ..told },
            Some(Fate::Failed(failure)) => SignalResult { error: Some(target::error(failure)), ..told },
            Some(Fate::Incomplete(mechanism, failure)) => {
                SignalResult { mechanism: (*mechanism).into(), error: Some(target::error(failure)), ..told }
            }
        })
    }

    pub(super) async fn record_refusals(&self, action: Action<'_>, audit: &Audit) {
        if self.refused.is_empty() {
            return;
        }
        let refused = self.refused.iter().filter_map(|(target, failure)| {
            let member = self.own.get(target).and_then(|member| self.handle(*member));
            let subject: AuditTarget<'_> = match member.or_else(|| self.outside.get(target)) {
                Some(handle) => handle.into(),
                None => self.targets.get(*target)?.into(),
            };
            Some((subject, failure))
        });
        Record::refusal(action, refused).write_or_log(audit).await;
    }

    /// On disk before anything is done.
    pub(super) async fn record_decision(
        &self,
        action: Action<'_>,
        members: &[usize],
        audit: &Audit,
    ) -> Result<(), Failure> {
        if members.is_empty() {
            return Ok(());
        }
        let permitted = members.iter().filter_map(|member| {
            let rule = self.permits.get(member).map(|permit| permit.rule.clone()).unwrap_or_default();
            Some((self.handle(*member)?, rule))
        });
        Record::decision(action, permitted).write(audit).await
    }

    pub(super) async fn record_outcome(&self, action: Action<'_>, audit: &Audit) {
        if self.fates.is_empty() {
            return;
        }
        let results = self.fates.iter().filter_map(|(member, fate)| Some((self.handle(*member)?, fate.in_words())));
        Record::outcome(action, results).write_or_log(audit).await;
    }
}

impl Fate {
    /// For the audit record.
    fn in_words(&self) -> String {
        match self {
            Self::HadEnded => "had ended already".to_owned(),
            Self::Signalled(_) => "signalled".to_owned(),
            Self::Failed(failure) => format!("refused, {}: {failure}", failure.reason().as_code()),
            Self::Incomplete(_, failure) => {
                format!("signalled; what belongs to it cannot be told, {}: {failure}", failure.reason().as_code())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{ControlScope, ErrorReason, Signal, SignalProcessesRequest};

    use super::*;
    use crate::services::testing::{context, reference};

    #[test]
    fn nothing_is_looked_for_below_a_target_that_is_refused() {
        let (context, _trigger) = context();
        let request = SignalProcessesRequest {
            targets: vec![reference(&context, 1)],
            signal: Signal::Hup.into(),
            scope: ControlScope::Tree.into(),
            ..SignalProcessesRequest::default()
        };
        let signalling = Signalling::parse(&request).unwrap();
        let refuse = |_: &ProcessHandle| Err(Failure::new(ErrorReason::ProtectedProcess, "no"));
        let found = Found::open(&context.host, &signalling, refuse).unwrap();
        assert_eq!(found.len(), 0, "all processes of the host were opened");
        let [result] = &found.results()[..] else { panic!("one target has one result") };
        assert_eq!(result.error.as_ref().unwrap().reason(), ErrorReason::ProtectedProcess);
        assert!(result.target.as_ref().unwrap().name.is_some(), "it is told by its name");
    }
}
