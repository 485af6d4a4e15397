//! Cases beside the rules of a policy: a call, and what should become of it.

use serde::Deserialize;
use toml::Spanned;

use super::{
    Call, Decision, Effect, Explanation, Policy,
    call::{CallTarget, ParsedCall},
    document::acceptable,
    error::Problem,
};

/// A call with the outcome that its author expects.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The line that it begins at.
    pub line: usize,
    /// What should become of it.
    pub expect: Effect,
    /// The rule that should decide it, if that matters.
    pub rule: Option<String>,
    call: ParsedCall,
}

/// How a case came out.
#[derive(Debug)]
pub struct CaseResult<'a> {
    /// As expected?
    pub passed: bool,
    /// What became of the call.
    pub explanation: Explanation<'a>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCase {
    name: String,
    #[serde(default)]
    principal: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    serial: Option<String>,
    peer: Option<std::net::IpAddr>,
    method: String,
    data_class: Option<String>,
    signal: Option<String>,
    settings: Option<Vec<String>>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    target: CallTarget,
    expect: Effect,
    rule: Option<String>,
}

/// The cases that make sense; what is wrong with the others joins the problems.
pub(super) fn checked(
    raw: Vec<Spanned<RawCase>>,
    line: impl Fn(usize) -> usize,
    problems: &mut Vec<Problem>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for raw in raw {
        let begins = line(raw.span().start);
        let RawCase {
            name,
            principal,
            roles,
            groups,
            serial,
            peer,
            method,
            data_class,
            signal,
            settings,
            dry_run,
            target,
            expect,
            rule,
        } = raw.into_inner();
        let place = Some(format!("case {name:?}"));
        let mut complain = |text: String| problems.push(Problem { line: Some(begins), place: place.clone(), text });
        if let Err(text) = acceptable(&name) {
            complain(text);
        }
        let call =
            Call { principal, roles, groups, serial, peer, method, data_class, signal, settings, dry_run, target };
        match call.parse() {
            Ok(call) => cases.push(Case { name, line: begins, expect, rule, call }),
            Err(error) => complain(error.to_string()),
        }
    }
    cases
}

impl Case {
    /// Asks a policy.
    pub fn run<'a>(&self, policy: &'a Policy) -> CaseResult<'a> {
        let explanation = policy.explain_parsed(&self.call);
        let (effect, rule) = match &explanation.decision {
            Decision::Allowed(rule) => (Effect::Allow, Some(rule.name.as_str())),
            Decision::Denied(denial) => (Effect::Deny, Some(denial.rule_name())),
            Decision::Later => (Effect::Deny, None),
        };
        let is_by_rule = self.rule.as_deref().is_none_or(|wanted| rule == Some(wanted));
        CaseResult { passed: effect == self.expect && is_by_rule, explanation }
    }
}
