//! Which records to show.

use clap::Args;
use jiff::Timestamp;

use crate::render::audit::Entry;

/// Which records, as typed; each that is given must fit.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which records")]
pub(super) struct Selection {
    /// Of this caller, as the certificate names it
    #[arg(long, value_name = "NAME")]
    principal: Vec<String>,
    /// Of this method: TerminateProcesses, or the whole path
    #[arg(long, value_name = "METHOD")]
    method: Vec<String>,
    /// About this process
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// What was decided
    #[arg(long, value_name = "DECISION", value_parser = ["allowed", "denied", "dry_run"])]
    decision: Vec<String>,
    /// What happened: decision, outcome, denial, start, stop, reloaded, access, ...
    #[arg(long, value_name = "EVENT")]
    event: Vec<String>,
    /// Of this action
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Not older: 30m, 2h, 7d, or 2026-11-22T07:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
}

impl Selection {
    /// Whether it is one of those.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        let Self { principal, method, pid, decision, event, request_id, since } = self;
        let among = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|one| one == value);
        let called = |one: &String| entry.method == *one || entry.short_method().eq_ignore_ascii_case(one);
        let is_recent = |since: &Timestamp| entry.time.parse::<Timestamp>().is_ok_and(|time| time >= *since);
        among(principal, &entry.principal)
            && among(decision, &entry.decision)
            && among(event, &entry.event)
            && (method.is_empty() || method.iter().any(called))
            && (pid.is_empty() || entry.targets.iter().any(|target| pid.contains(&target.pid)))
            && request_id.as_ref().is_none_or(|id| *id == entry.request_id)
            && since.as_ref().is_none_or(is_recent)
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let ago = jiff::SignedDuration::try_from(ago).map_err(|error| error.to_string())?;
        return Timestamp::now().checked_sub(ago).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| "neither how long ago (30m, 2h, 7d) nor a moment (2026-11-22T07:00:00Z)".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        selection: Selection,
    }

    fn has(typed: &str) -> bool {
        let line = r#"{"seq":7,"time":"2026-11-22T07:00:00.5Z","event":"decision","principal":"alice","decision":"allowed",
            "method":"/procwire.v1.ControlService/TerminateProcesses","request_id":"r-1","targets":[{"pid":1},{"pid":42}]}"#;
        let typed = std::iter::once("x").chain(typed.split_whitespace());
        Typed::try_parse_from(typed).unwrap().selection.has(&Entry::read(line.as_bytes()).unwrap())
    }

    #[test]
    fn each_that_is_given_must_fit() {
        for fits in [
            "",
            "--principal alice",
            "--principal bob --principal alice",
            "--method terminateprocesses",
            "--method /procwire.v1.ControlService/TerminateProcesses",
            "--pid 42",
            "--decision allowed --event decision",
            "--request-id r-1",
            "--since 2026-11-22T07:00:00Z",
            "--since 2026-11-22T08:00:00+01:00",
        ] {
            assert!(has(fits), "{fits}");
        }
        for does_not in [
            "--principal alic",
            "--method Signal",
            "--pid 43",
            "--pid 42 --decision denied",
            "--event outcome",
            "--request-id r-2",
            "--since 2026-11-22T07:00:01Z",
        ] {
            assert!(!has(does_not), "{does_not}");
        }
    }

    #[test]
    fn moments_are_ago_or_named() {
        assert!(moment("2h").unwrap() < Timestamp::now());
        for odd in ["yesterday", "", "-1h", "99999999999999999d"] {
            assert!(moment(odd).is_err(), "{odd}");
        }
    }
}
