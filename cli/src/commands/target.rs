//! Naming a process on the command line.

use std::{str::FromStr, time::Duration};

use clap::Args;
use procwire_client::{Client, ProcessRef};

use crate::{connection::Connection, error::CliError, exit::Exit, selectors::NamedProcesses};

/// `4242`, or exactly one process and no later one with its pid: `4242@8817231`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) pid: u32,
    pub(crate) start_ticks: Option<u64>,
}

/// A process to act on, as typed.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Pid, or PID@START_TICKS as `info` shows it: that process and no later one with its pid
    #[arg(value_name = "PID")]
    target: Target,
    /// Start of the process in ticks, as in PID@START_TICKS
    #[arg(long, value_name = "TICKS")]
    start_ticks: Option<u64>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pid, start_ticks) = match text.split_once('@') {
            Some((pid, ticks)) => (pid, Some(ticks.parse().map_err(|_| "ticks are a whole number".to_owned())?)),
            None => (text, None),
        };
        let pid = pid.parse().ok().filter(|pid| (1..=ProcessRef::MAX_PID).contains(pid));
        let pid = pid.ok_or_else(|| format!("a pid is a number from 1 to {}", ProcessRef::MAX_PID))?;
        Ok(Self { pid, start_ticks })
    }
}

impl From<Target> for TargetArgs {
    fn from(target: Target) -> Self {
        Self { target, start_ticks: None }
    }
}

impl TargetArgs {
    /// Looks the process up: from here on it is that process and no other.
    pub(crate) async fn resolve(&self, client: &Client, timeout: Option<Duration>) -> Result<ProcessRef, CliError> {
        let Target { pid, start_ticks } = self.target;
        let mut request = client.processes().get(pid).fields(["ref"]);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        let found = request.await?.process.and_then(|process| process.r#ref);
        let found = found.ok_or_else(|| CliError::TargetGone(format!("process {pid} cannot be told from others")))?;
        Target { pid, start_ticks: start_ticks.or(self.start_ticks) }.check(&found)?;
        Ok(found)
    }
}

/// The processes that are meant. Of those that are named exactly it is looked up which are there; an error if no other is named and
/// none of them is.
pub(crate) async fn look_up(targets: &[Target], connection: &Connection) -> Result<NamedProcesses, CliError> {
    let mut named = NamedProcesses::default();
    let mut gone = None;
    for target in targets {
        if target.start_ticks.is_none() {
            named.pids.push(target.pid);
            continue;
        }
        match TargetArgs::from(*target).resolve(&connection.client, connection.timeout).await {
            Ok(reference) => named.references.push(reference),
            Err(error) if error.exit() == Exit::TargetGone => gone = gone.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match gone {
        Some(error) if named == NamedProcesses::default() => Err(error),
        _ => Ok(named),
    }
}

impl Target {
    /// Refuses a later process with the same pid.
    pub(crate) fn check(self, found: &ProcessRef) -> Result<(), CliError> {
        match self {
            Self { pid, start_ticks: Some(wanted) } if wanted != found.start_ticks => {
                let text = format!("process {pid}@{wanted} is gone; pid {pid} is another process now, {found}");
                Err(CliError::TargetGone(text))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_process_with_the_same_pid_is_refused() {
        let found = ProcessRef { pid: 7, start_ticks: 100, ..ProcessRef::default() };
        assert!(Target { pid: 7, start_ticks: None }.check(&found).is_ok());
        assert!(Target { pid: 7, start_ticks: Some(100) }.check(&found).is_ok());
        assert!(matches!(Target { pid: 7, start_ticks: Some(99) }.check(&found), Err(CliError::TargetGone(_))));
    }

    #[test]
    fn a_process_is_named_by_pid_or_exactly() {
        assert_eq!("4242".parse(), Ok(Target { pid: 4242, start_ticks: None }));
        assert_eq!("4242@8817231".parse(), Ok(Target { pid: 4242, start_ticks: Some(8_817_231) }));
        for wrong in ["", "0", "-1", "4194305", "4242@", "4242@x", "@1", "1@2@3", " 1"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
