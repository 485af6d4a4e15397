//! A termination, step by step, with the time that each took.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use procwire_client::{ProcessRef, Signal, TerminateStep};
use procwire_proto::{
    escape, json,
    v1::{
        ControlMechanism, ControlTarget, ErrorReason, Escalation, TargetError, TerminatePlan,
        TerminateProcessesResponse, TerminateProgress, TerminateSignalled, TerminateStillRunning, TerminateSummary,
        terminate_processes_response::Event, terminate_progress::Step,
    },
};
use serde_json::Value;

use super::units;
use crate::signals::signal_name;

const GOOD: Style = AnsiColor::Green.on_default();
const FAIR: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// What will be done, and to whom.
pub(crate) fn plan_lines(plan: &TerminatePlan) -> Vec<String> {
    let grace = plan.grace.as_ref().and_then(|grace| Duration::try_from(*grace).ok()).unwrap_or_default();
    let then = match plan.then() {
        Escalation::GiveUp => "then give up",
        _ => "then SIGKILL",
    };
    let dry_run = if plan.dry_run { "; dry run, nothing is done" } else { "" };
    let line = |target: &ControlTarget| {
        let name = target.name.as_deref().map_or_else(|| "process".into(), escape::terminal);
        let reference = target.r#ref.as_ref().map(ToString::to_string).unwrap_or_default();
        let uid = target.uid.map(|uid| format!(", uid {uid}")).unwrap_or_default();
        let (signal, grace) = (signal_name(plan.signal), units::span(grace));
        format!("{name} ({reference}{uid}): SIG{signal}, {grace} of grace, {then}{dry_run}")
    };
    plan.targets.iter().map(line).collect()
}

/// One step.
pub(crate) fn step_line(elapsed: Duration, step: &TerminateStep) -> String {
    let (style, text) = match step {
        TerminateStep::Signalled { signal, mechanism } => (Style::new(), sent(*signal, *mechanism)),
        TerminateStep::Escalated { signal, mechanism } => {
            (FAIR, format!("still running after the grace period; {}", sent(*signal, *mechanism)))
        }
        TerminateStep::Exited(status) => (GOOD, format!("ended: {}", super::printable::printable(&status.to_string()))),
        TerminateStep::StillRunning(state) => (BAD, format!("still running, state {}", state.as_words())),
        TerminateStep::Refused(error) => (BAD, format!("refused: {}", super::printable::printable(error.detail()))),
        _ => (Style::new(), "a step that this version does not know".to_owned()),
    };
    format!("{:>8}  {style}{text}{style:#}", format!("{:.3} s", elapsed.as_secs_f64()))
}

/// What is said when the caller stops listening.
pub(crate) fn left(what: &str, request_id: &str, is_local: bool) -> String {
    if is_local {
        return format!("interrupted; signals already sent to {what} stay sent, no more are sent");
    }
    format!(
        "interrupted; the agent carries on with {what}, and its audit record will have the outcome of request {request_id}; `procwire wait` waits for the end"
    )
}

/// How all came out, on one line.
pub(crate) fn summary_line(summary: &TerminateSummary) -> String {
    let TerminateSummary { exited, still_running, refused, escalated } = *summary;
    let mut parts = vec![format!("{exited} ended")];
    if still_running > 0 {
        parts.push(format!("{BAD}{still_running} still running{BAD:#}"));
    }
    if refused > 0 {
        parts.push(format!("{BAD}{refused} refused{BAD:#}"));
    }
    let killed = if escalated { " (it took SIGKILL)" } else { "" };
    format!("{}{killed}", parts.join(", "))
}

/// The plan as JSON.
pub(crate) fn plan_json(plan: &TerminatePlan) -> Value {
    event(Event::Plan(plan.clone()))
}

/// One step as JSON.
pub(crate) fn step_json(process: &ProcessRef, elapsed: Duration, step: &TerminateStep) -> Value {
    let sent = |signal: &Signal, mechanism: &ControlMechanism| TerminateSignalled {
        signal: (*signal).into(),
        mechanism: (*mechanism).into(),
    };
    let step = match step {
        TerminateStep::Signalled { signal, mechanism } => Some(Step::Signalled(sent(signal, mechanism))),
        TerminateStep::Escalated { signal, mechanism } => Some(Step::Escalated(sent(signal, mechanism))),
        TerminateStep::Exited(status) => Some(Step::Exited(status.clone())),
        TerminateStep::StillRunning(state) => {
            Some(Step::StillRunning(TerminateStillRunning { state: (*state).into() }))
        }
        TerminateStep::Joined(target) => return event(Event::Joined(target.as_ref().clone())),
        TerminateStep::Refused(error) => Some(Step::Refused(TargetError {
            reason: error.reason().unwrap_or(ErrorReason::Unspecified).into(),
            detail: error.detail().to_owned(),
        })),
        _ => None,
    };
    let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    event(Event::Progress(TerminateProgress { r#ref: Some(process.clone()), elapsed_ns, step }))
}

/// How it came out, as JSON.
pub(crate) fn summary_json(summary: &TerminateSummary) -> Value {
    event(Event::Summary(*summary))
}

fn event(event: Event) -> Value {
    json::to_json(&TerminateProcessesResponse { event: Some(event) })
}

fn sent(signal: Signal, mechanism: ControlMechanism) -> String {
    let how = match mechanism {
        ControlMechanism::Pidfd => " through its pidfd",
        ControlMechanism::Kill => " by pid, right after a check",
        ControlMechanism::CgroupKill => " to its control group",
        ControlMechanism::Unspecified => "",
    };
    match signal {
        // A real-time signal, for which the wire has a number only.
        Signal::Unspecified => format!("signal sent{how}"),
        signal => format!("SIG{} sent{how}", signal.as_code()),
    }
}

#[cfg(test)]
mod tests {
    use procwire_proto::v1::{ExitStatus, ProcessState};

    use super::*;

    fn plain(line: &str) -> String {
        anstream::adapter::strip_str(line).to_string()
    }

    #[test]
    fn the_plan_names_the_process_and_what_follows() {
        let target = ControlTarget {
            r#ref: Some(ProcessRef { pid: 7, start_ticks: 99, ..ProcessRef::default() }),
            name: Some(b"evil\n\x1b[2J".to_vec()),
            uid: Some(1000),
            mechanism: ControlMechanism::Pidfd.into(),
            ..ControlTarget::default()
        };
        let plan = TerminatePlan {
            dry_run: true,
            targets: vec![target],
            signal: Signal::Term.into(),
            grace: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
            then: Escalation::Kill.into(),
            ..TerminatePlan::default()
        };
        assert_eq!(
            plan_lines(&plan),
            [r"evil\n\x1b[2J (7@99, uid 1000): SIGTERM, 10.0 s of grace, then SIGKILL; dry run, nothing is done"]
        );
    }

    #[test]
    fn steps_tell_when_and_how() {
        let steps = [
            TerminateStep::Signalled { signal: Signal::Term, mechanism: ControlMechanism::Pidfd },
            TerminateStep::Escalated { signal: Signal::Kill, mechanism: ControlMechanism::Pidfd },
            TerminateStep::Exited(ExitStatus::from_wait_status(7 << 8)),
            TerminateStep::StillRunning(ProcessState::DiskSleep),
        ];
        let lines: Vec<_> = steps.iter().map(|step| plain(&step_line(Duration::from_millis(1234), step))).collect();
        assert_eq!(
            lines,
            [
                " 1.234 s  SIGTERM sent through its pidfd",
                " 1.234 s  still running after the grace period; SIGKILL sent through its pidfd",
                " 1.234 s  ended: exit code 7",
                " 1.234 s  still running, state disk sleep",
            ]
        );
    }

    #[test]
    fn json_is_that_of_the_wire() {
        let process = ProcessRef { pid: 7, start_ticks: 99, ..ProcessRef::default() };
        let step = TerminateStep::Exited(ExitStatus::from_wait_status(7 << 8));
        let value = step_json(&process, Duration::from_millis(5), &step);
        let back: TerminateProcessesResponse = json::from_json(&value).unwrap_or_default();
        assert!(matches!(
            back.event,
            Some(Event::Progress(TerminateProgress { elapsed_ns: 5_000_000, step: Some(Step::Exited(_)), .. }))
        ));
    }
}
