//! What the rules of a policy say to a question.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    Disclosure, Effect, Fact, Policy, Question, Rule, Sight,
    condition::{Finding, Truth},
    question::first_class,
    scope::Scope,
};
use crate::access::{Permission, Principal};

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Decision<'a> {
    /// This rule allows it, and none denies it.
    Allowed(&'a Rule),
    /// It hangs on what is not known yet.
    Later,
    /// It is denied.
    Denied(Denial<'a>),
}

/// By what a call is denied.
#[derive(Clone, Debug)]
pub enum Denial<'a> {
    /// This rule is there to deny it.
    Rule(&'a Rule),
    /// This rule is there to deny, and could not be evaluated: for this reason.
    Failed(&'a Rule, String),
    /// No rule allows it.
    NoRule,
}

/// One rule, as it was looked at.
#[derive(Clone, Debug)]
pub struct Considered<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What it said.
    pub said: Said,
    /// Which part of its condition decided that.
    pub reason: String,
}

/// What a rule says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It matches.
    Matches,
    /// It does not.
    DoesNotMatch,
    /// It hangs on something that this call does not have, or not yet: it says nothing.
    Nothing,
    /// It could not be evaluated: it does not allow, or it denies.
    Fails,
}

impl Denial<'_> {
    /// The name of the rule, for the answer and the audit record.
    pub fn rule_name(&self) -> &str {
        match self {
            Self::Rule(rule) | Self::Failed(rule, _) => &rule.name,
            Self::NoRule => "no rule allows it",
        }
    }
}

impl Policy {
    /// What becomes of a call.
    pub fn decide(&self, question: &Question<'_>) -> Decision<'_> {
        // Made if a rule needs it: the default policy's does not.
        let mut scope = None;
        self.judge(question.has_later(), |rule| {
            if rule.condition.is_role_allows() {
                return (if question.role_allows { Truth::True } else { Truth::False }, None);
            }
            let scope = scope.get_or_insert_with(|| Scope::new(question));
            told(rule, &rule.condition.evaluate(scope))
        })
    }

    /// What each rule says to a call.
    pub fn consider(&self, question: &Question<'_>) -> Vec<Considered<'_>> {
        let scope = Scope::new(question);
        let considered = self.rules.iter().map(|rule| {
            let finding = rule.condition.evaluate(&scope);
            let said = match finding.truth {
                Truth::True => Said::Matches,
                Truth::False => Said::DoesNotMatch,
                Truth::Undecided => Said::Nothing,
                Truth::Failed => Said::Fails,
            };
            Considered { rule, said, reason: finding.reason() }
        });
        considered.collect()
    }

    /// Whether a caller may call a method at all, as far as that can be told before the call itself is read.
    pub fn at_the_door(&self, principal: &Principal, method: &Permission) -> Decision<'_> {
        let name = super::short_name(method.method);
        let role_allows = role_allows(principal, method, first_class(name));
        self.decide(&Question::at_the_door(principal, name, role_allows))
    }

    /// What a caller may see of what a method reads.
    pub(crate) fn sight(&self, principal: &Principal, method: &Permission) -> Sight {
        if self.rules.iter().all(|rule| rule.effect == Effect::Allow && rule.condition.is_role_allows()) {
            return Sight::of_roles(principal.roles);
        }
        let name = super::short_name(method.method);
        let question = |disclosure| Question {
            data_class: Fact::Known(disclosure),
            ..Question::at_the_door(principal, name, role_allows(principal, method, Some(disclosure)))
        };
        // What does not hang on the class is asked once with each answer of the roles.
        let mut known: Vec<[Option<Truth>; 2]> = vec![[None; 2]; self.rules.len()];
        let decisions = Disclosure::ALL.into_iter().map(|disclosure| {
            let question = question(disclosure);
            let mut scope = None;
            let decision = self.judge_in_order(false, |index, rule| {
                let slot = known.get_mut(index).and_then(|slots| slots.get_mut(usize::from(question.role_allows)));
                if let Some(Some(truth)) = slot {
                    return (*truth, None);
                }
                let scope = scope.get_or_insert_with(|| Scope::new(&question));
                let (truth, error) = told(rule, &rule.condition.evaluate(scope));
                if let Some(slot) = slot.filter(|_| !rule.condition.mentions().has("data_class")) {
                    *slot = Some(truth);
                }
                (truth, error)
            });
            let decided = match decision {
                Decision::Allowed(_) => Ok(()),
                Decision::Denied(Denial::NoRule) => Err(Denial::NoRule.rule_name().to_owned()),
                Decision::Denied(denial) => Err(format!("rule {}", denial.rule_name())),
                Decision::Later => Err("it was not decided".to_owned()),
            };
            (disclosure, decided)
        });
        Sight::of_decisions(principal.roles, decisions)
    }

    fn judge(&self, has_later: bool, mut ask: impl FnMut(&Rule) -> (Truth, Option<String>)) -> Decision<'_> {
        self.judge_in_order(has_later, |_, rule| ask(rule))
    }

    /// Rules that deny first. `has_later`: what a rule hangs on may come later.
    fn judge_in_order(
        &self,
        has_later: bool,
        mut ask: impl FnMut(usize, &Rule) -> (Truth, Option<String>),
    ) -> Decision<'_> {
        let mut may_be_denied = false;
        let mut may_be_allowed = false;
        let of = |effect| self.rules.iter().enumerate().filter(move |(_, rule)| rule.effect == effect);
        for (index, rule) in of(Effect::Deny) {
            match ask(index, rule) {
                (Truth::True, _) => return Decision::Denied(Denial::Rule(rule)),
                (Truth::Failed, error) => return Decision::Denied(Denial::Failed(rule, error.unwrap_or_default())),
                (Truth::Undecided, _) => may_be_denied |= has_later,
                (Truth::False, _) => {}
            }
        }
        for (index, rule) in of(Effect::Allow) {
            match ask(index, rule).0 {
                Truth::True if may_be_denied => return Decision::Later,
                Truth::True => return Decision::Allowed(rule),
                Truth::Undecided => may_be_allowed |= has_later,
                Truth::False | Truth::Failed => {}
            }
        }
        if may_be_allowed { Decision::Later } else { Decision::Denied(Denial::NoRule) }
    }
}

/// What the built-in table says: the role of the method, and that of the class of data.
pub(crate) fn role_allows(principal: &Principal, method: &Permission, class: Option<Disclosure>) -> bool {
    principal.roles.allows(method.role) && class.is_none_or(|class| class.is_in(principal.roles))
}

/// Says once in the log that a rule cannot be evaluated.
fn told(rule: &Rule, finding: &Finding<'_>) -> (Truth, Option<String>) {
    if finding.truth != Truth::Failed {
        return (finding.truth, None);
    }
    let reason = finding.reason();
    if !rule.has_complained.swap(true, Relaxed) {
        tracing::warn!(
            rule = rule.name,
            effect = %rule.effect,
            reason,
            "a rule of the policy could not be evaluated: one that denies denies then, one that allows does not; said once"
        );
    }
    (finding.truth, Some(reason))
}
