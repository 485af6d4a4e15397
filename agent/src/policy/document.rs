//! A policy as it is written: TOML, read into rules and cases that were checked, with everything that is wrong with them.

use std::{collections::BTreeMap, thread};

use serde::Deserialize;
use toml::Spanned;

use super::{
    case::{self, Case, RawCase},
    condition::{Condition, Truth},
    error::Problem,
    question::Question,
    rule::{Effect, Quota, Rule},
    scope::Scope,
    vocabulary,
};
use crate::access::Principal;

/// Size of a file.
pub(super) const FILE_MAX_BYTES: usize = 256 << 10;
/// Rules of a policy: each may be evaluated for each call.
const RULES_MAX: usize = 256;
const CASES_MAX: usize = 4096;
const NAME_MAX_BYTES: usize = 64;

/// The parser of CEL descends with large frames: see [`super::condition`].
const PARSER_STACK_BYTES: usize = 64 << 20;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) rules: Vec<Rule>,
    pub(super) cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocument {
    #[serde(default)]
    rule: Vec<Spanned<RawRule>>,
    #[serde(default)]
    case: Vec<Spanned<RawCase>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: String,
    #[serde(default)]
    description: String,
    effect: Effect,
    when: Spanned<String>,
    quota: Option<Spanned<String>>,
}

impl Document {
    /// Reads a whole policy.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        Self::read(text, true)
    }

    /// Reads a file that may hold cases alone.
    pub(super) fn parse_cases(text: &str) -> Result<Self, Vec<Problem>> {
        Self::read(text, false)
    }

    fn read(text: &str, has_rules: bool) -> Result<Self, Vec<Problem>> {
        let reading = thread::Builder::new().name("policy".to_owned()).stack_size(PARSER_STACK_BYTES);
        let read = thread::scope(|scope| match reading.spawn_scoped(scope, || read(text, has_rules)) {
            Ok(reader) => reader.join().unwrap_or_else(|_| Err(vec![whole("the parser of conditions panicked")])),
            Err(error) => Err(vec![whole(&format!("no thread to read it with: {error}"))]),
        });
        let (document, mut problems) = match read {
            Ok(document) => (document, Vec::new()),
            Err(problems) => return Err(problems),
        };
        for rule in &document.rules {
            problems.extend(beyond_its_reach(rule));
        }
        if problems.is_empty() { Ok(document) } else { Err(problems) }
    }
}

fn read(text: &str, has_rules: bool) -> Result<Document, Vec<Problem>> {
    if text.len() > FILE_MAX_BYTES {
        return Err(vec![whole(&format!("has {} bytes; at most {FILE_MAX_BYTES} are taken", text.len()))]);
    }
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let raw: RawDocument = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line(span.start));
        vec![Problem { line, place: None, text: error.message().split_whitespace().collect::<Vec<_>>().join(" ") }]
    })?;
    let mut problems = Vec::new();
    if has_rules && raw.rule.is_empty() {
        problems.push(whole("has no [[rule]]: nothing would be allowed; write a rule, or give no policy.file"));
    }
    if raw.rule.len() > RULES_MAX || raw.case.len() > CASES_MAX {
        problems.push(whole(&format!("has more than {RULES_MAX} rules or {CASES_MAX} cases")));
        return Err(problems);
    }
    let mut lines_of_names = BTreeMap::new();
    let mut rules = Vec::new();
    for raw in raw.rule {
        let begins = line(raw.span().start);
        let RawRule { name, description, effect, when, quota } = raw.into_inner();
        let place = Some(format!("rule {name:?}"));
        let mut complain =
            |line: usize, text: String| problems.push(Problem { line: Some(line), place: place.clone(), text });
        if let Err(text) = acceptable(&name) {
            complain(begins, text);
        }
        if let Some(first) = lines_of_names.insert(name.clone(), begins) {
            complain(begins, format!("line {first} has a rule of this name already"));
        }
        let quota = match quota.map(|quota| (line(quota.span().start), Quota::parse(quota.get_ref()))) {
            None => None,
            Some((at, _)) if effect == Effect::Deny => {
                complain(at, "a rule that denies has no quota".to_owned());
                None
            }
            Some((_, Ok(quota))) => Some(quota),
            Some((at, Err(text))) => {
                complain(at, text);
                None
            }
        };
        match Condition::parse(when.get_ref()) {
            Ok(condition) => rules.push(Rule {
                name,
                description,
                effect,
                quota,
                line: begins,
                condition,
                has_complained: false.into(),
            }),
            Err(text) => complain(line(when.span().start), format!("the condition {text}")),
        }
    }
    let cases = case::checked(raw.case, line, &mut problems);
    if problems.is_empty() { Ok(Document { rules, cases }) } else { Err(problems) }
}

fn whole(text: &str) -> Problem {
    Problem { line: None, place: None, text: text.to_owned() }
}

/// A name goes into audit records, errors and tables.
pub(super) fn acceptable(name: &str) -> Result<(), String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:/,' ".contains(letter);
    if name.trim().is_empty() || name.len() > NAME_MAX_BYTES || !name.chars().all(is_plain) {
        return Err(format!("{name:?} is no name: 1 to {NAME_MAX_BYTES} letters, digits, spaces and - _ . , : / '"));
    }
    Ok(())
}

/// Rules that speak of a target hold for what acts on one. One that could be meant for reads as well would not hold in lists, so it is
/// not taken; the same of quotas, which count actions.
fn beyond_its_reach(rule: &Rule) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut complain = |text: &str| {
        problems.push(Problem {
            line: Some(rule.line),
            place: Some(format!("rule {:?}", rule.name)),
            text: text.to_owned(),
        });
    };
    let speaks_of_actions =
        rule.condition.conjuncts().iter().any(|part| part.has("signal") || part.has("settings") || part.has("dry_run"));
    if !speaks_of_actions && !is_for_actions_only(rule) {
        if rule.needs_target() {
            complain(
                "speaks of target, and reads have none: it would not hold for lists. Say that it is about actions, with \
                 acts && ..., or with the methods it is about",
            );
        }
        if rule.quota.is_some() {
            complain("has a quota, which counts actions, and matches reads too: begin its condition with acts && ...");
        }
    }
    problems
}

/// True if it matches no method that acts on nothing, whoever calls.
fn is_for_actions_only(rule: &Rule) -> bool {
    let anybody = Principal::nobody();
    vocabulary::methods().filter(|method| !vocabulary::acts(method)).all(|method| {
        let scope = Scope::of_method(&Question::at_the_door(&anybody, method, true));
        rule.condition.evaluate(&scope).truth == Truth::False
    })
}
