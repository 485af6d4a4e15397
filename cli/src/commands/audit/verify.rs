//! `procwire audit verify`

use std::{path::PathBuf, time::Duration};

use clap::Args;
use procwire_agent::audit::{
    chain::Head,
    verify::{Finding, FindingKind, Verdict, Verifier},
};
use serde_json::{Value, json};

use super::trail::{self, Line};
use crate::{error::CliError, exit::Exit, output::Output};

/// A running agent may be in the middle of a line when the file is read.
const TIME_TO_WRITE_A_LINE: Duration = Duration::from_millis(300);

/// What to check, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 the chain is whole; 1 it is not, and each finding names file and line; 2 it could not be read.
Whole means: nothing between the first and the last record was changed. It does not say that the end was not
cut off, nor that the whole trail was not written anew: for that give --head, as `procwire agent status` showed it.")]
pub(crate) struct VerifyArgs {
    /// Files of one trail, in any order; a folder: all trails in it; -: standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// A record that must be there, as agent status shows it: detects an end that was cut off
    #[arg(long, value_name = "NUMBER:HASH")]
    head: Option<Head>,
}

/// Checks a chain.
pub(super) async fn run(args: &VerifyArgs, out: &mut Output) -> Result<Exit, CliError> {
    let mut verdict = check(args)?;
    if is_torn_at_the_end(&verdict) && args.files.iter().all(|path| path.is_file() || path.is_dir()) {
        tokio::time::sleep(TIME_TO_WRITE_A_LINE).await;
        verdict = check(args)?;
    }
    if out.is_for_people() {
        write_for_people(&verdict, args.head, out)?;
    } else {
        out.write_value(&to_json(&verdict))?;
    }
    Ok(if is_whole(&verdict) { Exit::Success } else { Exit::Failed })
}

fn check(args: &VerifyArgs) -> Result<Verdict, CliError> {
    let mut verifier = Verifier::default();
    if let Some(head) = args.head {
        verifier = verifier.expecting(head);
    }
    for mut part in trail::open(&args.files)? {
        verifier.file(&part.name);
        part.each_line(|line| match line {
            Line::Whole(line) => verifier.line(line),
            Line::Unended(line) => verifier.unended_line(line),
        })?;
    }
    Ok(verifier.finish())
}

fn is_torn_at_the_end(verdict: &Verdict) -> bool {
    let is_last = |finding: &Finding| finding.place.file.saturating_add(1) == verdict.files.len();
    verdict.findings.iter().any(|finding| finding.kind == FindingKind::Torn && is_last(finding))
}

/// A trail without a record is none: an agent's first act is to write one.
fn is_whole(verdict: &Verdict) -> bool {
    verdict.findings_total == 0 && verdict.records > 0
}

fn write_for_people(verdict: &Verdict, wanted: Option<Head>, out: &mut Output) -> Result<(), CliError> {
    let Verdict { findings, findings_total, files, records, first, head } = verdict;
    for Finding { kind: _, place, what } in findings {
        let file = files.get(place.file).map_or("", String::as_str);
        writeln!(out.answer, "{file}:{}: {what}", place.line)?;
    }
    let unlisted = findings_total.saturating_sub(u64::try_from(findings.len()).unwrap_or(u64::MAX));
    if unlisted > 0 {
        writeln!(out.answer, "and {unlisted} more findings")?;
    }
    let (Some(first), Some(head)) = (first, head) else {
        writeln!(out.answer, "no records in {}", files.join(", "))?;
        return Ok(());
    };
    let in_files = if files.len() == 1 { String::new() } else { format!(" in {} files", files.len()) };
    let state = if is_whole(verdict) { "the chain is whole" } else { "THE CHAIN IS NOT WHOLE" };
    writeln!(out.answer, "{state}: {records} records{in_files}, {first} to {}", head.sequence)?;
    if *first > 1 {
        writeln!(out.answer, "records before {first} are not in these files and were not checked")?;
    }
    writeln!(out.answer, "head {head}")?;
    if wanted.is_none() && is_whole(verdict) {
        out.note("an end that was cut off is found with --head NUMBER:HASH, as agent status shows")?;
    }
    Ok(())
}

fn to_json(verdict: &Verdict) -> Value {
    let Verdict { findings, findings_total, files, records, first, head } = verdict;
    let findings = findings.iter().map(|Finding { kind, place, what }| {
        json!({ "kind": kind, "file": files.get(place.file), "line": place.line, "what": what })
    });
    json!({
        "whole": is_whole(verdict),
        "files": files,
        "records": records,
        "first": first,
        "last": head.map(|head| head.sequence),
        "head": head.map(|head| head.to_string()),
        "findings": findings.collect::<Vec<_>>(),
        "findings_total": findings_total,
    })
}
