//! `procwire policy explain`

use std::{net::IpAddr, path::PathBuf};

use clap::Args;
use procwire_agent::policy::{Call, CallTarget, Considered, Decision, Denial, Disclosure, Effect, Explanation, Said};
use serde_json::{Value, json};

use super::read;
use crate::{
    error::CliError,
    exit::Exit,
    output::Output,
    render::{printable::printable, wrap::wrap},
};

const TEXT_WIDTH: usize = 80;

/// Which call, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
What is left out of the target is unknown: a rule that hangs on it does not allow, or denies. An empty text is
\"none\": --target-unit ''. Exit codes: 0 the call is allowed; 4 it is denied; 2 the call or the policy makes no sense.")]
pub(crate) struct ExplainArgs {
    /// A policy file; without it the default policy
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Name of the caller: SPIFFE id, or common name
    #[arg(long, value_name = "NAME", default_value = "")]
    principal: String,
    /// A role of the caller; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// An organisation of its certificate that is no role; may be given several times
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Serial number of its certificate, hexadecimal
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// Address that it calls from
    #[arg(long, value_name = "ADDRESS")]
    peer: Option<IpAddr>,
    /// Method, without its service: TerminateProcesses
    #[arg(long, value_name = "METHOD")]
    method: String,
    /// What would be read: basic, cmdline, cmdline_secrets, environ, environ_values, files, sockets, maps
    #[arg(long, value_name = "CLASS")]
    data_class: Option<String>,
    /// What would be sent: TERM
    #[arg(long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// What would be changed: nice; may be given several times
    #[arg(long = "setting", value_name = "PATH")]
    settings: Vec<String>,
    /// The call asks for a dry run
    #[arg(long)]
    dry_run: bool,
    /// Pid of the process that is acted on
    #[arg(long, value_name = "PID")]
    target_pid: Option<u32>,
    /// Uid of its user
    #[arg(long, value_name = "UID")]
    target_uid: Option<u32>,
    /// Name of its user
    #[arg(long, value_name = "USER")]
    target_user: Option<String>,
    /// Its name
    #[arg(long, value_name = "NAME")]
    target_name: Option<String>,
    /// Path of its program
    #[arg(long, value_name = "PATH")]
    target_executable: Option<String>,
    /// Its control group
    #[arg(long, value_name = "PATH")]
    target_cgroup: Option<String>,
    /// Its unit
    #[arg(long, value_name = "UNIT")]
    target_unit: Option<String>,
    /// Its container
    #[arg(long, value_name = "ID")]
    target_container: Option<String>,
}

/// Explains a call.
pub(super) fn run(args: &ExplainArgs, out: &mut Output) -> Result<Exit, CliError> {
    let policy = read(args.file.as_deref())?;
    let explanation = policy.explain(&args.call()).map_err(|error| CliError::Usage(error.to_string()))?;
    if out.is_for_people() {
        write_for_people(&explanation, out)?;
    } else {
        out.write_value(&to_json(&explanation))?;
    }
    Ok(if outcome(&explanation.decision).0 == Effect::Allow { Exit::Success } else { Exit::Refused })
}

/// What becomes of a call, and the rule that says so.
pub(super) fn outcome<'a>(decision: &'a Decision<'_>) -> (Effect, Option<&'a str>) {
    match decision {
        Decision::Allowed(rule) => (Effect::Allow, Some(&rule.name)),
        Decision::Denied(denial @ (Denial::Rule(_) | Denial::Failed(..))) => (Effect::Deny, Some(denial.rule_name())),
        Decision::Denied(Denial::NoRule) | Decision::Later => (Effect::Deny, None),
    }
}

impl ExplainArgs {
    fn call(&self) -> Call {
        Call {
            principal: self.principal.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            serial: self.serial.clone(),
            peer: self.peer,
            method: self.method.clone(),
            data_class: self.data_class.clone(),
            signal: self.signal.clone(),
            settings: (!self.settings.is_empty()).then(|| self.settings.clone()),
            dry_run: self.dry_run,
            target: CallTarget {
                pid: self.target_pid,
                uid: self.target_uid,
                user: self.target_user.clone(),
                name: self.target_name.clone(),
                executable: self.target_executable.clone(),
                cgroup: self.target_cgroup.clone(),
                unit: self.target_unit.clone(),
                container: self.target_container.clone(),
            },
        }
    }
}

fn write_for_people(explanation: &Explanation<'_>, out: &mut Output) -> Result<(), CliError> {
    let Explanation { decision, data_class, role_allows, considered } = explanation;
    let verdict = match decision {
        Decision::Allowed(rule) => match rule.quota {
            Some(quota) => format!("allowed by the rule {}, at most {quota}", rule.name),
            None => format!("allowed by the rule {}", rule.name),
        },
        Decision::Denied(Denial::Rule(rule)) => format!("DENIED by the rule {}", rule.name),
        Decision::Denied(Denial::Failed(rule, _)) => {
            format!("DENIED: the rule {} is there to deny, and cannot be evaluated", rule.name)
        }
        Decision::Denied(Denial::NoRule) | Decision::Later => "DENIED: no rule allows it".to_owned(),
    };
    writeln!(out.answer, "{}", printable(&verdict))?;
    if let Some(class) = data_class {
        writeln!(out.answer, "for the data class {}", class.name())?;
    }
    writeln!(out.answer, "the roles alone would {} it", if *role_allows { "allow" } else { "not allow" })?;
    let width = out.width.map_or(TEXT_WIDTH, usize::from).max(40);
    writeln!(out.answer)?;
    for Considered { rule, said, reason } in considered {
        writeln!(out.answer, "{:5} {}: {}", rule.effect.to_string(), printable(&rule.name), in_words(*said))?;
        for line in wrap(&printable(reason), width.saturating_sub(6)) {
            writeln!(out.answer, "      {line}")?;
        }
    }
    Ok(())
}

fn in_words(said: Said) -> &'static str {
    match said {
        Said::Matches => "matches",
        Said::DoesNotMatch => "does not match",
        Said::Nothing => "says nothing to this call",
        Said::Fails => "cannot be evaluated",
    }
}

fn to_json(explanation: &Explanation<'_>) -> Value {
    let Explanation { decision, data_class, role_allows, considered } = explanation;
    let (effect, rule) = outcome(decision);
    let rules: Vec<Value> = considered
        .iter()
        .map(|Considered { rule, said, reason }| {
            let said = match said {
                Said::Matches => "matches",
                Said::DoesNotMatch => "does_not_match",
                Said::Nothing => "nothing",
                Said::Fails => "fails",
            };
            json!({ "name": rule.name, "effect": rule.effect.to_string(), "said": said, "reason": reason })
        })
        .collect();
    json!({
        "effect": effect.to_string(),
        "rule": rule,
        "quota": match decision {
            Decision::Allowed(rule) => rule.quota.map(|quota| quota.to_string()),
            Decision::Denied(_) | Decision::Later => None,
        },
        "data_class": data_class.map(Disclosure::name),
        "role_allows": role_allows,
        "rules": rules,
    })
}
