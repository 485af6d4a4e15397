//! Which processes to act on: named by pid or chosen as in `ps`, resolved once to whole references.

mod relatives;

use clap::Args;
use procwire_client::{
    ProcessRef,
    v1::{Process, ProcessFilter},
};

use super::{
    listing,
    target::{Target, TargetArgs},
};
use crate::{
    connection::Connection, error::CliError, exit::Exit, output::Output, render::chosen, selectors::SelectorArgs,
};

/// What is asked of each, besides what a command needs.
const FIELDS: [&str; 6] = ["pid", "ref", "name", "cmdline", "username", "uids"];

/// What a request to an agent may name.
const TARGETS_MAX: usize = 1024;

/// Processes to act on, as typed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ChoiceArgs {
    /// Pids, or PID@START_TICKS as `info` shows it: that process and no later one with its pid
    #[arg(id = "targets", value_name = "PID")]
    pub(crate) targets: Vec<Target>,
    #[command(flatten)]
    pub(crate) selectors: SelectorArgs,
}

/// The processes that are meant.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Ascending by pid, each with its reference.
    pub(crate) processes: Vec<Process>,
    /// Those that were named and are not there.
    pub(crate) missing: Vec<CliError>,
    /// True if they were found by what they are like, and not named.
    pub(crate) by_pattern: bool,
}

impl ChoiceArgs {
    /// Looks them up, with these fields too. From here on they are those processes and no others.
    pub(crate) async fn choose(
        &self,
        fields: &[&str],
        connection: &Connection,
        out: &mut Output,
    ) -> Result<Chosen, CliError> {
        if self.targets.is_empty() && !self.selectors.names_or_narrows() {
            let problem = "name a process by its pid, or choose some: --name, --user, --port, --unit and others";
            return Err(CliError::Usage(problem.to_owned()));
        }
        let fields: Vec<&str> = FIELDS.iter().chain(fields).copied().collect();
        if let ([only], true) = (&self.targets[..], self.selectors.is_everything()) {
            let process = one(*only, &fields, connection).await?;
            return Ok(Chosen { processes: vec![process], missing: Vec::new(), by_pattern: false });
        }
        let chosen = self.several(&fields, connection, out).await?;
        if chosen.processes.len() > TARGETS_MAX {
            let count = chosen.processes.len();
            return Err(CliError::Usage(format!("{count} processes match; at most {TARGETS_MAX} are taken at a time")));
        }
        Ok(chosen)
    }

    async fn several(&self, fields: &[&str], connection: &Connection, out: &mut Output) -> Result<Chosen, CliError> {
        let mut selectors = self.selectors.clone();
        let mut missing = Vec::new();
        for target in &self.targets {
            if target.start_ticks.is_none() {
                selectors.pids.push(target.pid);
                continue;
            }
            match TargetArgs::from(*target).resolve(&connection.client, connection.timeout).await {
                Ok(reference) => selectors.references.push(reference),
                Err(error) if error.exit() == Exit::TargetGone => missing.push(error),
                Err(error) => return Err(error),
            }
        }
        let by_pattern = self.targets.is_empty() && !selectors.names_some();
        if !by_pattern && !selectors.names_some() {
            // Of those named none is there; what is left of the selection would mean others.
            return Ok(Chosen { processes: Vec::new(), missing, by_pattern });
        }
        if by_pattern {
            selectors = selectors.without_kernel_threads();
        }
        let filter = selectors.filter(connection).await?;
        let mut processes = list(filter, &selectors, fields, connection, out).await?;
        let is_there = |pid: &u32| processes.iter().any(|process| process.pid == *pid);
        let absent = selectors.pids.iter().filter(|pid| !is_there(pid));
        missing.extend(
            absent.map(|pid| CliError::TargetGone(format!("no process {pid}, or it is not among those selected"))),
        );
        processes.retain(|process| process.r#ref.is_some());
        if by_pattern {
            let own = relatives::find(&processes, connection).await?;
            let (left_out, left): (Vec<_>, Vec<_>) =
                processes.into_iter().partition(|process| process.reference().is_some_and(|it| own.contains(it)));
            processes = left;
            relatives::note(&left_out, out)?;
        }
        processes.sort_by_key(|process| process.pid);
        processes.dedup_by(|left, right| left.r#ref == right.r#ref);
        Ok(Chosen { processes, missing, by_pattern })
    }
}

impl Chosen {
    /// Their references.
    pub(crate) fn references(&self) -> Vec<ProcessRef> {
        self.processes.iter().filter_map(|process| process.r#ref.clone()).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.processes.len()).unwrap_or(u32::MAX)
    }

    /// Says which of those that were named are not there; and if none of all is, how that ends. A single one that is not there is
    /// the error of the command.
    pub(crate) fn note_missing(&mut self, out: &mut Output) -> Result<Option<Exit>, CliError> {
        if self.processes.is_empty() {
            if let Some(only) = self.missing.pop().filter(|_| self.missing.is_empty()) {
                return Err(only);
            }
            if self.by_pattern {
                out.note("no process matches")?;
                return Ok(Some(Exit::Failed));
            }
            return Err(CliError::TargetGone("none of these processes is there and among those selected".to_owned()));
        }
        for error in &self.missing {
            out.note(&error.to_string())?;
        }
        Ok(None)
    }

    /// Shows them beside the answer.
    pub(crate) fn show(&self, out: &mut Output) -> Result<(), CliError> {
        out.answer.flush()?;
        chosen::write(&mut out.notes, out.notes_width, &self.processes)?;
        Ok(())
    }
}

async fn one(target: Target, fields: &[&str], connection: &Connection) -> Result<Process, CliError> {
    let process = super::one_process::read(target, fields, connection).await?;
    match process.r#ref {
        Some(_) => Ok(process),
        None => Err(CliError::TargetGone(format!("process {} cannot be told from others", target.pid))),
    }
}

async fn list(
    filter: Option<ProcessFilter>,
    selectors: &SelectorArgs,
    fields: &[&str],
    connection: &Connection,
    out: &mut Output,
) -> Result<Vec<Process>, CliError> {
    // Without a filter it would be everybody.
    let filter = filter.ok_or_else(|| CliError::Usage("nothing chooses the processes".to_owned()))?;
    let request = listing::filtered_request(Some(filter), selectors, &[], None, connection);
    let list = request.fields(fields.iter().copied()).await?;
    // Zombies without arguments are no news; what somebody with more rights might have found is.
    if selectors.looks_at_guarded_values() {
        listing::note_unjudged(&list.summary, selectors, connection, out)?;
    }
    Ok(list.processes)
}
