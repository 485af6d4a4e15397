//! A denial in the words of the answer and of the audit record.

use procwire_proto::v1::ErrorReason;

use super::{Decision, Denial, Policy, Question, decision::role_allows, question::first_class, short_name};
use crate::{
    access::{Permission, Principal},
    status::Failure,
};

/// What the caller is told, and what is written down.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) failure: Failure,
    /// For the audit record.
    pub(crate) rule: String,
}

impl Policy {
    /// A call that is denied before it is read.
    pub(crate) fn denied(&self, principal: &Principal, method: &Permission, denial: &Denial<'_>) -> Denied {
        let name = short_name(method.method);
        let has_role = role_allows(principal, method, first_class(name));
        let lacks_only_the_role = matches!(denial, Denial::NoRule)
            && !has_role
            && !matches!(self.decide(&Question::at_the_door(principal, name, true)), Decision::Denied(_));
        if lacks_only_the_role {
            return role_missing(principal, method);
        }
        denied(method.method, denial)
    }

    /// A call that is denied once it is known what it is about.
    pub(crate) fn denied_in_full(&self, question: &Question<'_>, method: &Permission, denial: &Denial<'_>) -> Denied {
        let with_the_role = Question { role_allows: true, ..*question };
        let lacks_only_the_role = matches!(denial, Denial::NoRule)
            && !question.role_allows
            && !matches!(self.decide(&with_the_role), Decision::Denied(_));
        if lacks_only_the_role { role_missing(question.principal, method) } else { denied(method.method, denial) }
    }
}

fn role_missing(principal: &Principal, method: &Permission) -> Denied {
    let have = if principal.roles.is_empty() { String::new() } else { principal.roles.to_string() };
    Denied {
        failure: Failure::role_missing(method.method, method.role.name(), &have),
        rule: format!("role {} missing", method.role),
    }
}

fn denied(method: &str, denial: &Denial<'_>) -> Denied {
    let (words, rule) = match denial {
        Denial::Rule(rule) => (format!("the rule {:?} of the agent's policy denies it", rule.name), rule.name.as_str()),
        Denial::Failed(rule, reason) => {
            let words = format!(
                "the rule {:?} of the agent's policy could not be evaluated, and what it is there to deny is denied then: {reason}",
                rule.name
            );
            (words, rule.name.as_str())
        }
        Denial::NoRule => ("no rule of the agent's policy allows it".to_owned(), ""),
    };
    let failure = Failure::new(
        ErrorReason::PolicyDenied,
        format!("{method}: {words}; procwire policy explain tells why, where the policy is"),
    );
    let written = match denial {
        Denial::NoRule => denial.rule_name().to_owned(),
        Denial::Rule(_) | Denial::Failed(..) => format!("rule {rule}"),
    };
    Denied { failure: failure.with_metadata("method", method).with_metadata("rule", rule), rule: written }
}
