//! Settings of a process, before and after.

use anstyle::{AnsiColor, Style};
use procwire_client::{
    Error, UpdateOutcome,
    v1::{
        IoClass, IoPriority, LimitValue, Process, ProcessSettings, ResourceLimit, SettingResult, UpdateProcessResponse,
    },
};
use procwire_proto::json;
use serde_json::Value;

use super::{cpu::ranges, printable::printable, signalled::refusal, value::MISSING};

const BAD: Style = AnsiColor::Red.on_default();

/// What became of each setting of a process, a line for each.
pub(crate) fn lines(process: &Process, outcome: &UpdateOutcome) -> Vec<String> {
    let label = label(process);
    let line = |(path, result): &(String, Result<u32, Error>)| {
        let name = name_of(path);
        let (before, after) = (value(&outcome.before, path), value(&outcome.after, path));
        match result {
            Err(error) => format!("{label}: {name}: {BAD}refused: {}{BAD:#}", printable(error.detail())),
            Ok(_) if outcome.dry_run => format!("{label}: {name} {before} could be changed; dry run, nothing is done"),
            Ok(threads @ 2..) => format!("{label}: {name} {before} -> {after} ({threads} threads)"),
            Ok(_) => format!("{label}: {name} {before} -> {after}"),
        }
    };
    outcome.results.iter().map(line).collect()
}

/// A process that nothing was changed of.
pub(crate) fn refused_line(process: &Process, error: &Error) -> String {
    format!("{}: {BAD}refused: {}{BAD:#}", label(process), printable(error.detail()))
}

/// The outcome as the wire has it.
pub(crate) fn outcome_json(outcome: &UpdateOutcome) -> Value {
    let result = |(path, result): &(String, Result<u32, Error>)| SettingResult {
        path: path.clone(),
        error: result.as_ref().err().map(refusal),
        threads_changed: *result.as_ref().unwrap_or(&0),
        threads_failed: 0,
    };
    json::to_json(&UpdateProcessResponse {
        request_id: outcome.request_id.clone(),
        before: Some(outcome.before.clone()),
        after: Some(outcome.after.clone()),
        target: Some(outcome.process.clone()),
        dry_run: outcome.dry_run,
        results: outcome.results.iter().map(result).collect(),
    })
}

/// A process that nothing was changed of, in the form of an answer.
pub(crate) fn refused_json(process: &Process, error: &Error) -> Value {
    let refused = procwire_client::v1::SignalResult {
        target: Some(procwire_client::v1::ControlTarget {
            r#ref: process.r#ref.clone(),
            name: process.name.clone(),
            ..Default::default()
        }),
        error: Some(refusal(error)),
        ..Default::default()
    };
    json::to_json(&refused)
}

/// An I/O priority in words: `best effort 4`.
pub(crate) fn io_priority(priority: &IoPriority) -> String {
    match priority.io_class() {
        IoClass::None => "none (by its nice value)".to_owned(),
        class @ (IoClass::Idle | IoClass::Unspecified) => class.as_words(),
        class => format!("{} {}", class.as_words(), priority.level),
    }
}

fn label(process: &Process) -> String {
    let reference = process.reference().map_or_else(|| process.pid.to_string(), ToString::to_string);
    format!("{reference} {}", process.display_name())
}

fn name_of(path: &str) -> String {
    match path {
        "io_priority" => "I/O priority".to_owned(),
        "cpu_affinity" => "processors".to_owned(),
        "resource_limits" => "limits".to_owned(),
        "oom_score_adjustment" => "out-of-memory adjustment".to_owned(),
        other => printable(&other.replace('_', " ")).into_owned(),
    }
}

fn value(settings: &ProcessSettings, path: &str) -> String {
    let found = match path {
        "nice" => settings.nice.map(|nice| nice.to_string()),
        "io_priority" => settings.io_priority.as_ref().map(io_priority),
        "cpu_affinity" => (!settings.cpu_affinity.is_empty()).then(|| ranges(&settings.cpu_affinity)),
        "resource_limits" => {
            let limits: Vec<_> = settings.resource_limits.iter().map(limit).collect();
            (!limits.is_empty()).then(|| limits.join(" "))
        }
        "oom_score_adjustment" => settings.oom_score_adjustment.map(|adjustment| adjustment.to_string()),
        _ => None,
    };
    found.unwrap_or_else(|| MISSING.to_owned())
}

/// As it is typed: `nofile=1024:4096`.
fn limit(limit: &ResourceLimit) -> String {
    let value = |value: Option<&LimitValue>| match value {
        None => MISSING.to_owned(),
        Some(value) => value.bound().map_or_else(|| "unlimited".to_owned(), |bound| bound.to_string()),
    };
    let name = limit.resource().as_code().to_ascii_lowercase();
    format!("{name}={}:{}", value(limit.soft.as_ref()), value(limit.hard.as_ref()))
}
