//! `procwire units`

use clap::Args;
use procwire_client::v1::Unit;
use procwire_proto::{escape, json};

use super::rows::write_rows;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::systemd::{counts, unit_table},
};

/// States that a unit can be in as a whole: systemd's unit_active_state_table.
const ACTIVE_STATES: [&str; 8] =
    ["active", "reloading", "inactive", "failed", "activating", "deactivating", "maintenance", "refreshing"];

/// Endings of names of units: systemd.unit(5).
const TYPES: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// Which units to list, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
LOAD      whether its file was read: loaded, not-found, masked
ACTIVE    whether it runs: active, inactive, failed; SUB says more, by the type of unit
RESTARTS  how often systemd started it again by itself")]
pub(crate) struct UnitsArgs {
    /// Only units whose names match: ssh (a service), '*.timer'; these in any state
    #[arg(value_name = "PATTERN", value_parser = parse_pattern)]
    patterns: Vec<String>,
    /// Only those that failed
    #[arg(long, conflicts_with_all = ["state", "all"])]
    failed: bool,
    /// Only those in one of these states, be it LOAD, ACTIVE or SUB: running, failed, not-found
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    state: Vec<String>,
    /// Those that are inactive too
    #[arg(short, long)]
    all: bool,
}

/// Lists units of systemd.
pub(crate) async fn run(args: &UnitsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = connection.client.system().units().patterns(&args.patterns).active_states(args.asked_states());
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    let mut list = request.await?;
    list.units.retain(|unit| args.keeps(unit));
    if list.units.is_empty() && !args.patterns.is_empty() {
        let patterns: Vec<_> = args.patterns.iter().map(|pattern| escape::terminal(pattern.as_bytes())).collect();
        return Err(CliError::NothingFound(format!("no unit that was asked for matches {}", patterns.join(", "))));
    }
    if out.is_for_people() {
        if !list.units.is_empty() {
            unit_table(&list.units, out.format == Format::Wide).write(&mut out.answer, out.width)?;
        }
        out.note(&counts(&list.units))?;
    } else {
        write_rows(out, list.units.iter().map(json::to_json))?;
    }
    for error in &list.summary.errors {
        let what = if error.detail.is_empty() { &error.path } else { &error.detail };
        out.note(&format!("{}: {}", error.reason().as_words(), escape::terminal(what.as_bytes())))?;
    }
    Ok(Exit::Success)
}

impl UnitsArgs {
    /// States that the agent is asked for; none means all. It looks no further at those in others.
    fn asked_states(&self) -> Vec<&str> {
        if self.failed {
            vec!["failed"]
        } else if !self.state.is_empty() {
            // A unit may also be in one of these by its file or in detail.
            let is_whole = self.state.iter().all(|state| ACTIVE_STATES.contains(&state.as_str()));
            if is_whole { self.state.iter().map(String::as_str).collect() } else { Vec::new() }
        } else if self.all || !self.patterns.is_empty() {
            Vec::new()
        } else {
            ACTIVE_STATES.into_iter().filter(|state| *state != "inactive").collect()
        }
    }

    /// What the agent has no condition for.
    fn keeps(&self, unit: &Unit) -> bool {
        let states = [&unit.load_state, &unit.active_state, &unit.sub_state];
        self.state.is_empty() || states.into_iter().any(|state| self.state.contains(state))
    }
}

/// A name without a type is a service, as for systemctl.
fn parse_pattern(text: &str) -> Result<String, &'static str> {
    let is_glob = text.contains(['*', '?', '[']);
    let has_type = TYPES.iter().any(|ending| text.ends_with(ending));
    match text {
        "" => Err("a pattern for names of units: ssh, \"*.timer\""),
        _ if is_glob || has_type => Ok(text.to_owned()),
        _ => Ok(format!("{text}.service")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        args: UnitsArgs,
    }

    fn typed(arguments: &[&str]) -> UnitsArgs {
        Typed::try_parse_from(std::iter::once(&"units").chain(arguments)).unwrap().args
    }

    #[test]
    fn a_name_without_a_type_is_a_service() {
        for (text, wanted) in [("ssh", "ssh.service"), ("a.b", "a.b.service"), ("ssh*", "ssh*"), ("x.timer", "x.timer")]
        {
            assert_eq!(parse_pattern(text).unwrap(), wanted);
        }
        assert!(parse_pattern("").is_err());
    }

    #[test]
    fn the_agent_is_asked_for_no_more_than_is_shown() {
        assert_eq!(typed(&["--failed"]).asked_states(), ["failed"]);
        assert_eq!(typed(&["--state", "active,failed"]).asked_states(), ["active", "failed"]);
        for everything in [&["--all"][..], &["ssh"], &["--state", "running,failed"]] {
            assert!(typed(everything).asked_states().is_empty(), "{everything:?}");
        }
        let usual = typed(&[]);
        assert!(usual.asked_states().contains(&"failed") && !usual.asked_states().contains(&"inactive"));
    }

    #[test]
    fn a_state_may_be_any_of_the_three() {
        let unit = Unit {
            load_state: "loaded".to_owned(),
            active_state: "active".to_owned(),
            sub_state: "running".to_owned(),
            ..Unit::default()
        };
        for state in ["loaded", "active", "running"] {
            assert!(typed(&["--state", state]).keeps(&unit));
        }
        assert!(!typed(&["--state", "dead,not-found"]).keeps(&unit));
        assert!(Typed::try_parse_from(["units", "--failed", "--all"]).is_err());
    }
}
