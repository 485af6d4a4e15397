//! `procwire policy test`

use std::path::PathBuf;

use clap::Args;
use procwire_agent::policy::{Case, CaseResult, Decision, Effect, read_cases};
use serde_json::{Value, json};

use super::{counted, explain, read, unusable};
use crate::{error::CliError, exit::Exit, output::Output, render::printable::printable};

/// Which policy and cases, as typed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every case came out as expected; 1 one did not; 2 a file is not what it should be."
)]
pub(crate) struct TestArgs {
    /// A policy file; its own [[case]] tables are decided
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A file of [[case]] tables, decided as well
    #[arg(long, value_name = "FILE")]
    cases: Vec<PathBuf>,
}

/// Decides cases.
pub(super) fn run(args: &TestArgs, out: &mut Output) -> Result<Exit, CliError> {
    let policy = read(Some(&args.file))?;
    let mut cases: Vec<(String, Case)> = Vec::new();
    let named = |file: &PathBuf, case: Case| (file.display().to_string(), case);
    cases.extend(policy.cases().iter().cloned().map(|case| named(&args.file, case)));
    for file in &args.cases {
        cases.extend(read_cases(file).map_err(|error| unusable(&error))?.into_iter().map(|case| named(file, case)));
    }
    if cases.is_empty() {
        return Err(CliError::Usage(format!(
            "{}: no cases: write [[case]] tables into it, or give a file of them with --cases",
            args.file.display()
        )));
    }
    let results: Vec<(&str, &Case, CaseResult<'_>)> =
        cases.iter().map(|(file, case)| (file.as_str(), case, case.run(&policy))).collect();
    let failed = results.iter().filter(|(_, _, result)| !result.passed).count();
    if out.is_for_people() {
        for (file, case, result) in results.iter().filter(|(_, _, result)| !result.passed) {
            let wanted = match &case.rule {
                Some(rule) => format!("{} by {rule}", case.expect),
                None => case.expect.to_string(),
            };
            let line = format!("{file}:{}: {}: expected {wanted}, got {}", case.line, case.name, outcome(result));
            writeln!(out.answer, "{}", printable(&line))?;
        }
        writeln!(out.answer, "{} as expected, {failed} not", counted(results.len() - failed, "case"))?;
    } else {
        let cases: Vec<Value> = results.iter().map(|(file, case, result)| to_json(file, case, result)).collect();
        out.write_value(&json!({ "passed": results.len() - failed, "failed": failed, "cases": cases }))?;
    }
    Ok(if failed == 0 { Exit::Success } else { Exit::Failed })
}

fn outcome(result: &CaseResult<'_>) -> String {
    let (effect, rule) = explain::outcome(&result.explanation.decision);
    rule.map_or_else(|| format!("{effect}: no rule allows it"), |rule| format!("{effect} by {rule}"))
}

fn to_json(file: &str, case: &Case, result: &CaseResult<'_>) -> Value {
    let (effect, rule) = explain::outcome(&result.explanation.decision);
    let is_allowed = matches!(result.explanation.decision, Decision::Allowed(_));
    debug_assert_eq!(is_allowed, effect == Effect::Allow);
    json!({
        "file": file,
        "line": case.line,
        "name": case.name,
        "passed": result.passed,
        "expected": { "effect": case.expect.to_string(), "rule": case.rule },
        "got": { "effect": effect.to_string(), "rule": rule },
    })
}
