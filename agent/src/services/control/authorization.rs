//! Whether a caller may do something to a process, decided once the process is open and its facts are known.

use std::sync::Arc;

use procwire_host::{Host, ProcessHandle, TargetFacts};
use procwire_proto::v1::ErrorReason;

use super::{protection::Protection, quota::Allowance};
use crate::{
    access::{PERMISSIONS, Permission, Principal},
    context::Context,
    policy::{Decision, Fact, Policy, PolicyHandle, Question, Quota, Rule, Target, short_name},
    status::Failure,
};

/// Decides.
#[derive(Debug)]
pub(crate) struct Authorization {
    host: Arc<Host>,
    policy: Arc<PolicyHandle>,
    protection: Protection,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    /// "TerminateProcesses", as the last part of the method's path has it.
    pub(crate) method: &'static str,
    /// First signal, if any is sent.
    pub(crate) signal: Option<i32>,
    /// The signal that follows if the target lives on: a rule against it holds for an escalation too.
    pub(crate) then: Option<i32>,
    /// Paths of the settings that are to be changed, if any.
    pub(crate) settings: &'a [String],
    /// Nothing will be done.
    pub(crate) dry_run: bool,
}

/// It may.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    /// The rule that says so, for the audit record; of an escalation the rule for each of the signals.
    pub(crate) rule: String,
    allowances: Vec<Allowance>,
}

impl Permit {
    fn by(rule: &Rule, policy: &Policy, method: &Permission) -> Self {
        let name =
            if policy.path().is_none() { format!("role {}", method.role) } else { format!("rule {}", rule.name) };
        let allowance = |Quota { actions, per }| Allowance { name: format!("policy {name}"), actions, per };
        Self { allowances: rule.quota.map(allowance).into_iter().collect(), rule: name }
    }

    /// Of the first signal and of the one that follows: an escalation is paid for when it is asked for, as it may follow at once.
    fn and_then(mut self, next: Self) -> Self {
        if self.rule != next.rule {
            // No name of a rule holds a semicolon.
            self.rule = format!("{}; then {}", self.rule, next.rule);
            self.allowances.extend(next.allowances);
        }
        self
    }

    /// What the rules themselves allow in a time, besides what every caller has.
    pub(crate) fn allowances(&self) -> Vec<Allowance> {
        self.allowances.clone()
    }
}

impl Authorization {
    pub(crate) fn new(context: &Context) -> Self {
        let Context { host, policy, config, .. } = context;
        let protection = Protection::new(host, &config.control);
        Self { host: Arc::clone(host), policy: Arc::clone(policy), protection }
    }

    /// Reads files of the target: call it on the host pool.
    ///
    /// # Errors
    /// PROTECTED_PROCESS, POLICY_DENIED, ROLE_MISSING: with the rule, which is the audit record's. The process is gone.
    pub(crate) fn decide(
        &self,
        caller: &Principal,
        asked: Asked<'_>,
        target: &ProcessHandle,
    ) -> Result<Permit, Failure> {
        let policy = self.policy.current();
        let facts = if policy.needs_target() || self.protection.needs_facts() {
            target.facts(&self.host)?
        } else {
            TargetFacts::default()
        };
        if let Some(why) = self.protection.reason(target, &facts) {
            return Err(protected(target, why));
        }
        permit(&policy, caller, asked, target.reference().pid, &facts)
    }
}

/// Every signal that may be sent must be allowed, and draws on the quota of its rule.
fn permit(
    policy: &Policy,
    caller: &Principal,
    asked: Asked<'_>,
    pid: u32,
    facts: &TargetFacts,
) -> Result<Permit, Failure> {
    let row = PERMISSIONS.iter().find(|row| short_name(row.method) == asked.method);
    let row = row.ok_or_else(|| Failure::internal("an action that no row of the permission table is about"))?;
    let question = |signal: Option<i32>| Question {
        target: Fact::Known(Target { pid, facts }),
        signal: signal.map_or(Fact::Absent, Fact::Known),
        settings: if asked.method == "UpdateProcess" { Fact::Known(asked.settings) } else { Fact::Absent },
        dry_run: Fact::Known(asked.dry_run),
        ..Question::at_the_door(caller, asked.method, caller.roles.allows(row.role))
    };
    let ask = |signal: Option<i32>| {
        let question = question(signal);
        match policy.decide(&question) {
            Decision::Allowed(rule) => Ok(Permit::by(rule, policy, row)),
            Decision::Denied(denial) => Err(policy.denied_in_full(&question, row, &denial).failure),
            Decision::Later => Err(Failure::internal("a decision on an action was put off")),
        }
    };
    let first = ask(asked.signal)?;
    if asked.then.is_some() && asked.then != asked.signal { Ok(first.and_then(ask(asked.then)?)) } else { Ok(first) }
}

fn protected(target: &ProcessHandle, why: &str) -> Failure {
    let reference = target.reference();
    Failure::new(
        ErrorReason::ProtectedProcess,
        format!("process {reference} is never acted on: {why}; act on it on the host if you must"),
    )
    .with_metadata("pid", &reference.pid)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::access::Role;

    fn policy(text: &str) -> Policy {
        Policy::parse(text, Some(std::path::Path::new("/etc/procwire/policy.toml"))).unwrap()
    }

    fn operator() -> Principal {
        Principal { roles: [Role::Operator].into_iter().collect(), ..Principal::local() }
    }

    const ROLES: &str = "[[rule]]\nname = \"roles\"\neffect = \"allow\"\nwhen = \"role_allows\"\n";

    #[test]
    fn by_default_the_role_is_the_rule() {
        let asked = Asked { method: "TerminateProcesses", signal: Some(15), then: Some(9), ..Asked::default() };
        let decide =
            |caller: &Principal| permit(&Policy::built_in().unwrap(), caller, asked, 7, &TargetFacts::default());
        let permit = decide(&operator()).unwrap();
        assert_eq!((permit.rule.as_str(), permit.allowances()), ("role operator", vec![]));
        let failure =
            decide(&Principal { roles: [Role::Reader].into_iter().collect(), ..Principal::local() }).unwrap_err();
        assert_eq!(failure.reason(), ErrorReason::RoleMissing);
    }

    #[test]
    fn a_rule_against_a_signal_holds_for_the_escalation() {
        let no_kill =
            policy(&format!("{ROLES}[[rule]]\nname = \"no kill\"\neffect = \"deny\"\nwhen = 'signal == \"KILL\"'\n"));
        let asked = |signal, then| Asked { method: "TerminateProcesses", signal, then, ..Asked::default() };
        let decide = |asked| permit(&no_kill, &operator(), asked, 7, &TargetFacts::default());
        assert_eq!(decide(asked(Some(15), None)).unwrap().rule, "rule roles");
        for denied in [asked(Some(9), None), asked(Some(15), Some(9))] {
            let failure = decide(denied).unwrap_err();
            assert_eq!(failure.reason(), ErrorReason::PolicyDenied);
            assert!(failure.message().contains("\"no kill\""), "{failure}");
        }
    }

    #[test]
    fn the_quota_of_the_rule_goes_along() {
        let few =
            policy(&ROLES.replace("role_allows", "acts && role_allows").replace("effect", "quota = \"3/1h\"\neffect"));
        let asked = Asked { method: "SignalProcesses", signal: Some(1), ..Asked::default() };
        let allowances = permit(&few, &operator(), asked, 7, &TargetFacts::default()).unwrap().allowances();
        assert_eq!(drawn(&allowances), [("policy rule roles", 3)]);
        let escalating = Asked { method: "TerminateProcesses", signal: Some(15), then: Some(9), ..Asked::default() };
        let allowances = permit(&few, &operator(), escalating, 7, &TargetFacts::default()).unwrap().allowances();
        assert_eq!(drawn(&allowances), [("policy rule roles", 3)], "one process, one rule: one action");
    }

    fn drawn(allowances: &[Allowance]) -> Vec<(&str, u32)> {
        allowances.iter().map(|allowance| (allowance.name.as_str(), allowance.actions)).collect()
    }

    #[test]
    fn an_escalation_draws_on_the_quota_of_its_own_rule_too() {
        let kill_rarely = policy(
            "[[rule]]\nname = \"term\"\neffect = \"allow\"\nwhen = 'signal == \"TERM\"'\n\
             [[rule]]\nname = \"kill\"\neffect = \"allow\"\nwhen = 'signal == \"KILL\"'\nquota = \"1/24h\"\n",
        );
        let decide = |then| {
            let asked = Asked { method: "TerminateProcesses", signal: Some(15), then, ..Asked::default() };
            permit(&kill_rarely, &operator(), asked, 7, &TargetFacts::default()).unwrap()
        };
        let (gentle, escalating) = (decide(None), decide(Some(9)));
        assert_eq!((gentle.rule.as_str(), gentle.allowances()), ("rule term", vec![]));
        assert_eq!(escalating.rule, "rule term; then rule kill");
        assert_eq!(drawn(&escalating.allowances()), [("policy rule kill", 1)]);
    }
}
