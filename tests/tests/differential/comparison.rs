//! Rounds of comparison: what differs in one round gets further chances; what differs in all of them is a fault.

use std::collections::{BTreeMap, BTreeSet};

use procwire_proto::v1::FieldErrorReason;
use serde_json::Value;

use crate::{
    flatten::{Reasons, Values, reason_for},
    judge::Opinions,
    rules::{Rule, rule, without_rows},
};

/// How often racing values get another chance.
pub(crate) const ROUNDS: usize = 6;

pub(crate) struct Comparison {
    table: &'static [(&'static str, Rule)],
    agreed: BTreeSet<(String, String)>,
    differing: BTreeMap<(String, String), String>,
    /// Fields that were present, judged and agreed on at least once, with the words (not numbers, not bytes) agreed on.
    covered: BTreeMap<String, BTreeSet<String>>,
    /// Fields that the judges, too, found to be lacking, at least once.
    lacking: BTreeSet<String>,
    rules: BTreeMap<String, Rule>,
}

/// One thing as the agent tells it and as the judges told it before and after.
pub(crate) struct Case<'a> {
    /// Which process; empty for the system.
    pub(crate) key: &'a str,
    pub(crate) ours: &'a Values,
    pub(crate) reasons: &'a Reasons,
    pub(crate) before: &'a Opinions,
    pub(crate) after: &'a Opinions,
}

impl Comparison {
    pub(crate) fn new(table: &'static [(&'static str, Rule)]) -> Self {
        Self {
            table,
            agreed: BTreeSet::new(),
            differing: BTreeMap::new(),
            covered: BTreeMap::new(),
            lacking: BTreeSet::new(),
            rules: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, case: &Case<'_>) {
        let has_run = has_run(case);
        let theirs = case.before.keys().filter(|path| !case.ours.contains_key(*path));
        for path in case.ours.keys().chain(theirs) {
            let plain = without_rows(path);
            let rule = *self.rules.entry(plain.clone()).or_insert_with(|| rule(self.table, &plain));
            if matches!(rule, Rule::Elsewhere) || is_unspoken_of(case, path) {
                continue;
            }
            let place = (case.key.to_owned(), path.clone());
            match verdict(case, path, rule, has_run) {
                Verdict::Agreed => {
                    if let Some(value) = case.ours.get(path) {
                        let word = value.as_str().filter(|word| !word.starts_with("x:"));
                        self.covered.entry(plain).or_default().extend(word.map(str::to_owned));
                    } else {
                        self.lacking.insert(plain);
                    }
                    self.differing.remove(&place);
                    self.agreed.insert(place);
                }
                Verdict::Differs(how) if !self.agreed.contains(&place) => {
                    self.differing.insert(place, how);
                }
                Verdict::Differs(_) | Verdict::Changing => {}
            }
        }
    }

    /// True if another round could still help.
    pub(crate) fn is_open(&self) -> bool {
        !self.differing.is_empty()
    }

    /// What another round could still help.
    pub(crate) fn open_keys(&self) -> BTreeSet<String> {
        self.differing.keys().map(|(key, _)| key.clone()).collect()
    }

    /// Forgets what differed of things that are no more.
    pub(crate) fn keep(&mut self, exists: impl Fn(&str) -> bool) {
        self.differing.retain(|(key, _), _| exists(key));
    }

    pub(crate) fn assert_agreed(&self) {
        let lines: Vec<_> = self.differing.iter().map(|((key, path), how)| format!("{key} {path}: {how}")).collect();
        assert!(lines.is_empty(), "{} differences in all of {ROUNDS} rounds:\n{}", lines.len(), lines.join("\n"));
        assert!(self.agreed.len() > 100, "only {} values were compared", self.agreed.len());
    }

    /// Demands that each of these fields, or a part of it, was present and agreed on at least once.
    pub(crate) fn assert_covers<'a>(&self, fields: impl IntoIterator<Item = &'a str>) {
        self.assert_covers_or_lacks(fields, &[]);
    }

    /// The same, but that some may be lacking on this machine, if the judges found so too; each of those comes with why it may.
    pub(crate) fn assert_covers_or_lacks<'a>(
        &self,
        fields: impl IntoIterator<Item = &'a str>,
        may_be_lacking: &[(&str, &str)],
    ) {
        let is_in = |path: &str, field: &str| {
            path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_covered = |field: &str| self.covered.keys().any(|path| is_in(path, field));
        let is_lacking = |field: &str| {
            may_be_lacking.iter().any(|(listed, _)| is_in(field, listed))
                && self.lacking.iter().any(|path| is_in(path, field) || is_in(field, path))
        };
        let missing: Vec<_> = fields.into_iter().filter(|field| !is_covered(field) && !is_lacking(field)).collect();
        assert!(missing.is_empty(), "served, and never compared: {missing:?}");
    }

    /// Demands that a field had each of these values somewhere, and that the judges agreed.
    pub(crate) fn assert_met<'a>(&self, field: &str, words: impl IntoIterator<Item = &'a str>) {
        let met = self.covered.get(field).cloned().unwrap_or_default();
        let missing: Vec<_> = words.into_iter().filter(|word| !met.iter().any(|met| met.ends_with(word))).collect();
        assert!(missing.is_empty(), "{field} was never {missing:?}, only {met:?}");
    }
}

/// An empty list is how a field looks that was not asked for.
fn is_unspoken_of(case: &Case<'_>, path: &str) -> bool {
    let judged = case.before.contains_key(path) || case.after.contains_key(path);
    !judged && case.ours[path].as_array().is_some_and(Vec::is_empty)
}

enum Verdict {
    Agreed,
    Differs(String),
    /// The judges do not agree with themselves on whether there is a value at all, or it may be anything.
    Changing,
}

fn verdict(case: &Case<'_>, path: &str, rule: Rule, has_run: bool) -> Verdict {
    // Rows of lists (threads, descriptors) come and go with what a process does.
    let is_in_motion = (matches!(rule, Rule::Resting(_)) || path.contains('[')) && has_run;
    let (Some(before), Some(after)) = (case.before.get(path), case.after.get(path)) else {
        return match is_in_motion || case.before.contains_key(path) || case.after.contains_key(path) {
            true => Verdict::Changing,
            false => Verdict::Differs("no judge speaks of it".to_owned()),
        };
    };
    if before.values().chain(after.values()).any(|opinion| opinion.get("anything").is_some()) {
        return Verdict::Agreed;
    }
    if is_in_motion || is_withheld(case, path) {
        return Verdict::Changing;
    }
    let ours = case.ours.get(path).filter(|value| !is_empty_for_a_reason(value, case.reasons, path));
    let reason = reason_for(case.reasons, path);
    if ours.is_none() && path.contains('[') && reason == Some(FieldErrorReason::Truncated) {
        // Rows that a message has no room for.
        return Verdict::Changing;
    }
    for (judge, first) in before {
        let Some(second) = after.get(judge) else { return Verdict::Changing };
        let agrees =
            match (first.get("absent").and_then(Value::as_str), second.get("absent").and_then(Value::as_str), ours) {
                (None, None, Some(ours)) => rule.holds(first, ours, second),
                (None, None, None) => false,
                (Some(why), Some(_), None) => reason == expected_reason(why),
                (Some(_), Some(_), Some(_)) => false,
                (None, Some(_), _) | (Some(_), None, _) => return Verdict::Changing,
            };
        if !agrees {
            let ours = ours.map_or_else(|| format!("absent ({reason:?})"), Value::to_string);
            return Verdict::Differs(format!("agent {ours}, {judge} {first} then {second}"));
        }
    }
    Verdict::Agreed
}

/// Whoever ran, in any of its threads, gave up the processor or was made to, or has used some; or it is at it.
fn has_run(case: &Case<'_>) -> bool {
    const TRACES: [&str; 6] = [
        "context_switches.all_threads_voluntary",
        "context_switches.all_threads_involuntary",
        "cpu_times.user_ns",
        "cpu_times.system_ns",
        "page_faults.minor",
        "state",
    ];
    let is_at_it = |opinions: &Opinions| {
        opinions.get("state").is_some_and(|judges| judges.values().any(|state| state == "PROCESS_STATE_RUNNING"))
    };
    TRACES.iter().any(|path| case.before.get(*path) != case.after.get(*path))
        || is_at_it(case.before)
        || is_at_it(case.after)
}

/// The value of a variable that is marked as masked; the mark itself is judged.
fn is_withheld(case: &Case<'_>, path: &str) -> bool {
    let mark = path.strip_suffix(".value").map(|variable| format!("{variable}.redacted"));
    mark.is_some_and(|mark| case.ours.get(&mark) == Some(&Value::Bool(true)))
}

/// A list cannot be unset; it is empty and has a reason.
fn is_empty_for_a_reason(value: &Value, reasons: &Reasons, path: &str) -> bool {
    value.as_array().is_some_and(Vec::is_empty) && reason_for(reasons, path).is_some()
}

fn expected_reason(why: &str) -> Option<FieldErrorReason> {
    match why {
        "denied" => Some(FieldErrorReason::PermissionDenied),
        "zombie" => Some(FieldErrorReason::Zombie),
        "unsupported" => Some(FieldErrorReason::Unsupported),
        "none" => None,
        other => panic!("what is {other}?"),
    }
}

mod tests {
    use std::slice;

    use serde_json::json;

    use super::*;
    use crate::rules::PROCESS;

    /// What differs when the agent says `ours` and the kernel, before and after, `theirs`, of a process that rests.
    fn differences(ours: &[(&str, Value)], theirs: &[(&str, Value)]) -> Vec<String> {
        let values: Values = ours.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        let opinions: Opinions = theirs
            .iter()
            .map(|(path, value)| ((*path).to_owned(), [("kernel".to_owned(), value.clone())].into()))
            .collect();
        let mut comparison = Comparison::new(PROCESS);
        let reasons = Reasons::new();
        comparison.add(&Case { key: "1 1", ours: &values, reasons: &reasons, before: &opinions, after: &opinions });
        comparison.differing.into_keys().map(|(_, path)| path).collect()
    }

    #[test]
    fn what_is_wrong_missing_or_made_up_differs() {
        assert!(differences(&[("open_files[3].flags", json!(1))], &[("open_files[3].flags", json!(1))]).is_empty());
        assert_eq!(differences(&[("nice", json!(1))], &[("nice", json!(2))]), ["nice"]);
        assert_eq!(differences(&[], &[("open_files[3].flags", json!(2))]), ["open_files[3].flags"]);
        assert_eq!(differences(&[("open_files[3].flags", json!(2))], &[]), ["open_files[3].flags"]);
        let denied = json!({"absent": "denied"});
        assert_eq!(differences(&[("memory_maps[1].path", json!("x:61"))], &[("memory_maps", denied.clone())]).len(), 2);
        assert_eq!(differences(&[], &[("memory_maps", denied)]), ["memory_maps"]);
    }

    #[test]
    fn what_is_lacking_is_excused_only_where_the_judges_agree_and_a_reason_is_listed() {
        let mut comparison = Comparison::new(PROCESS);
        let ours: Values = [("nice".to_owned(), json!(1))].into();
        let opinion = |value: Value| BTreeMap::from([("kernel".to_owned(), value)]);
        let theirs: Opinions =
            [("nice".to_owned(), opinion(json!(1))), ("io.read".to_owned(), opinion(json!({"absent": "none"})))].into();
        let reasons = Reasons::new();
        comparison.add(&Case { key: "", ours: &ours, reasons: &reasons, before: &theirs, after: &theirs });
        let is_enough = |field: &'static str, listed: &[(&str, &str)]| {
            let demand = || comparison.assert_covers_or_lacks([field], listed);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(demand)).is_ok()
        };
        assert!(is_enough("nice", &[]) && is_enough("io.read", &[("io", "why")]));
        assert!(!is_enough("io.read", &[]), "not listed");
        assert!(!is_enough("environ", &[("environ", "why")]), "no judge said so");
    }

    #[test]
    fn a_value_is_withheld_only_where_that_is_marked_and_right() {
        let theirs = [("environ[x:61].value", json!("x:62")), ("environ[x:61].redacted", json!(false))];
        let masked = [("environ[x:61].value", json!("x:2a")), ("environ[x:61].redacted", json!(true))];
        assert_eq!(differences(&masked, &theirs), ["environ[x:61].redacted"]);
        let wrong = [("environ[x:61].value", json!("x:2a")), ("environ[x:61].redacted", json!(false))];
        assert_eq!(differences(&wrong, &theirs), ["environ[x:61].value"]);
    }

    #[test]
    fn of_a_process_that_runs_nothing_is_said_that_may_change() {
        let state = ("state", json!("PROCESS_STATE_RUNNING"));
        let (ours, theirs) = (("cpu_number", json!(1)), ("cpu_number", json!(0)));
        assert_eq!(differences(slice::from_ref(&ours), slice::from_ref(&theirs)), ["cpu_number"]);
        assert!(differences(&[ours, state.clone()], &[theirs, state.clone()]).is_empty());
        assert_eq!(differences(&[("nice", json!(1)), state.clone()], &[("nice", json!(2)), state]), ["nice"]);
    }
}
