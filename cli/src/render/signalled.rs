//! What became of signals.

use anstyle::{AnsiColor, Style};
use procwire_client::{
    Error, ProcessRef, Reached, SignalOutcomes,
    v1::{ControlMechanism, ControlTarget, ErrorReason, Process, SignalProcessesResponse, SignalResult, TargetError},
};
use procwire_proto::json;
use serde_json::Value;

use super::{chosen::name_of, printable::printable};
use crate::signals::signal_name;

const BAD: Style = AnsiColor::Red.on_default();

/// One process on a line.
pub(crate) fn line(
    signal: i32,
    process: &ProcessRef,
    result: &Result<Reached, Error>,
    known: &[Process],
    dry_run: bool,
) -> String {
    match result {
        Ok(reached) => {
            let name = name_of(&reached.process);
            let signal = signal_name(signal);
            match (dry_run, reached.mechanism) {
                (true, _) if reached.had_ended => {
                    format!("{process} {name}: has ended already; dry run, nothing is done")
                }
                _ if reached.had_ended => format!("{process} {name}: SIG{signal} sent; it had ended already"),
                (true, _) => format!("{process} {name}: SIG{signal} would be sent; dry run, nothing is done"),
                (_, ControlMechanism::Kill) => {
                    format!("{process} {name}: SIG{signal} sent by pid, right after a check")
                }
                _ => format!("{process} {name}: SIG{signal} sent"),
            }
        }
        Err(error) => {
            let found =
                known.iter().find(|known| known.reference().is_some_and(|known| known.is_same_process(process)));
            let name = found.map(|process| format!(" {}", process.display_name())).unwrap_or_default();
            format!("{process}{name}: {BAD}refused: {}{BAD:#}", printable(error.detail()))
        }
    }
}

/// All of them on a line.
pub(crate) fn summary_line(signal: i32, done: usize, all: usize) -> String {
    let signal = signal_name(signal);
    if done == all { format!("SIG{signal} sent to all {all}") } else { format!("SIG{signal} sent to {done} of {all}") }
}

/// The whole answer as the wire has it.
pub(crate) fn response_json(outcomes: &SignalOutcomes) -> Value {
    let response = SignalProcessesResponse {
        request_id: outcomes.request_id.clone(),
        results: outcomes.results.iter().map(result).collect(),
        dry_run: outcomes.dry_run,
    };
    json::to_json(&response)
}

/// One result after the other.
pub(crate) fn results_json(outcomes: &SignalOutcomes) -> impl Iterator<Item = Value> {
    outcomes.results.iter().map(|each| json::to_json(&result(each)))
}

/// Why nothing was done, as the wire has it.
pub(crate) fn refusal(error: &Error) -> TargetError {
    TargetError { reason: error.reason().unwrap_or(ErrorReason::Unspecified).into(), detail: error.detail().to_owned() }
}

fn result((process, result): &(ProcessRef, Result<Reached, Error>)) -> SignalResult {
    match result {
        Ok(reached) => SignalResult {
            target: Some(reached.process.clone()),
            error: None,
            mechanism: reached.mechanism.into(),
            had_ended: reached.had_ended,
        },
        Err(error) => SignalResult {
            target: Some(ControlTarget { r#ref: Some(process.clone()), ..ControlTarget::default() }),
            error: Some(refusal(error)),
            ..SignalResult::default()
        },
    }
}
