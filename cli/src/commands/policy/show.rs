//! `procwire policy show`

use std::path::PathBuf;

use clap::Args;
use procwire_agent::policy::{DEFAULT_POLICY, Rule};
use serde_json::{Value, json};

use super::read;
use crate::{
    error::CliError,
    exit::Exit,
    output::Output,
    render::{printable::printable, wrap::wrap},
};

const TEXT_WIDTH: usize = 80;

/// Which policy, as typed.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A policy file; without it the policy that is built in, as a file that can be begun with
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Prints rules.
pub(super) fn run(args: &ShowArgs, out: &mut Output) -> Result<Exit, CliError> {
    let policy = read(args.file.as_deref())?;
    if !out.is_for_people() {
        let rules: Vec<Value> = policy.rules().iter().map(to_json).collect();
        let file = args.file.as_ref().map(|file| file.display().to_string());
        out.write_value(&json!({ "file": file, "sha256": policy.sha256(), "rules": rules }))?;
        return Ok(Exit::Success);
    }
    if args.file.is_none() {
        write!(out.answer, "{DEFAULT_POLICY}")?;
        return Ok(Exit::Success);
    }
    let width = out.width.map_or(TEXT_WIDTH, usize::from).max(40);
    for (index, rule) in policy.rules().iter().enumerate() {
        if index > 0 {
            writeln!(out.answer)?;
        }
        let quota = rule.quota.map(|quota| format!(", at most {quota}")).unwrap_or_default();
        writeln!(out.answer, "{} {}{quota}", rule.effect, rule.name)?;
        if !rule.description.is_empty() {
            for line in wrap(&printable(&rule.description), width.saturating_sub(4)) {
                writeln!(out.answer, "    {line}")?;
            }
        }
        let when = rule.when().split_whitespace().collect::<Vec<_>>().join(" ");
        for line in wrap(&printable(&format!("when {when}")), width.saturating_sub(4)) {
            writeln!(out.answer, "    {line}")?;
        }
    }
    writeln!(out.answer, "\nsha256 {}", policy.sha256())?;
    Ok(Exit::Success)
}

fn to_json(rule: &Rule) -> Value {
    json!({
        "name": rule.name,
        "description": rule.description,
        "effect": rule.effect.to_string(),
        "when": rule.when(),
        "quota": rule.quota.map(|quota| quota.to_string()),
        "line": rule.line,
    })
}
