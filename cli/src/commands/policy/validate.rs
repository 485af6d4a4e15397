//! `procwire policy validate`

use std::path::PathBuf;

use clap::Args;
use procwire_agent::policy::{Policy, PolicyError, Problem};
use serde_json::json;

use super::{counted, unusable};
use crate::{error::CliError, exit::Exit, output::Output, render::printable::printable};

/// Which policy, as typed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 an agent would take it; 1 it would not, and each line says why; 2 it cannot be read."
)]
pub(crate) struct ValidateArgs {
    /// A policy file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Checks a policy.
pub(super) fn run(args: &ValidateArgs, out: &mut Output) -> Result<Exit, CliError> {
    let checked = Policy::read(&args.file);
    if let Err(error @ PolicyError::Unreadable { .. }) = checked {
        return Err(unusable(&error));
    }
    let file = args.file.display().to_string();
    let problems = checked.as_ref().err().map(PolicyError::problems).unwrap_or_default();
    if out.is_for_people() {
        for Problem { line, place, text } in problems {
            let line = line.map(|line| format!("{line}: ")).unwrap_or_default();
            let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            writeln!(out.answer, "{}", printable(&format!("{file}:{line}{}{place}{text}", gap(&line))))?;
        }
        if let Ok(policy) = &checked {
            let cases = counted(policy.cases().len(), "case");
            writeln!(out.answer, "{}: {}, {cases}: fine", printable(&file), counted(policy.rules().len(), "rule"))?;
        }
    } else {
        let problems: Vec<_> = problems
            .iter()
            .map(|Problem { line, place, text }| json!({ "line": line, "place": place, "problem": text }))
            .collect();
        let rules = checked.as_ref().ok().map(|policy| policy.rules().len());
        out.write_value(&json!({ "file": file, "valid": checked.is_ok(), "rules": rules, "problems": problems }))?;
    }
    Ok(if checked.is_ok() { Exit::Success } else { Exit::Failed })
}

/// Between file and words, where there is no line.
fn gap(line: &str) -> &'static str {
    if line.is_empty() { " " } else { "" }
}
