//! Terminations of several processes.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use procwire_proto::v1::{ExitStatus, ProcessRef, ProcessState, TerminatePlan, TerminateSummary};

use super::{Steps, Told};
use crate::{Error, TerminateEvent, TerminationOutcome};

/// Terminations of several processes under way; made by
/// [`ControlCalls::terminate_many`](crate::ControlCalls::terminate_many).
///
/// Read them step by step with [`next`](Self::next) (also as a [`Stream`]), each step with its process, or ask for the
/// [`outcome`](Self::outcome) of each. If the connection breaks, they are
/// [taken up again](crate::ControlCalls#a-connection-that-breaks) at the step that comes next. Dropped: the agent carries on to
/// the end, unless the request said otherwise.
#[derive(Debug)]
#[must_use = "the outcome is told by `outcome` or `next`"]
pub struct Terminations(Steps);

/// How terminations of several processes came out.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "some of the processes may live on, or have been refused"]
pub struct TerminationOutcomes {
    /// What the agent resolved at the beginning.
    pub plan: TerminatePlan,
    /// What became of each process, those that joined meanwhile too. Of a dry run: those that would be refused.
    pub processes: BTreeMap<ProcessRef, Result<TerminationOutcome, Error>>,
    /// The agent's count.
    pub summary: TerminateSummary,
}

impl Terminations {
    pub(crate) fn new(steps: Steps) -> Self {
        Self(steps)
    }

    /// What the agent resolved, and the signal, grace period and escalation in force.
    pub fn plan(&self) -> &TerminatePlan {
        &self.0.plan
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.0.plan.request_id
    }

    /// The agent's count of how it came out; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&TerminateSummary> {
        self.0.summary.as_ref()
    }

    /// The next step of any of them; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Termination::next`](crate::Termination::next).
    ///
    /// ```no_run
    /// # async fn example(mut terminations: procwire_client::Terminations) -> Result<(), procwire_client::Error> {
    /// while let Some(event) = terminations.next().await? {
    ///     println!("{} {:?} {:?}", event.process, event.elapsed, event.step);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Result<Option<TerminateEvent>, Error> {
        self.0.next().await
    }

    /// Waits for the end of all and tells how each came out. A process that was refused is among them, and no error here.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    ///
    /// ```no_run
    /// # async fn example(terminations: procwire_client::Terminations) -> Result<(), procwire_client::Error> {
    /// let outcomes = terminations.outcome().await?;
    /// for (process, status) in outcomes.ended() {
    ///     println!("{process}: {status}");
    /// }
    /// for (process, state) in outcomes.still_running() {
    ///     println!("{process} lives on: {state:?}");
    /// }
    /// for (process, error) in outcomes.refused() {
    ///     println!("{process}: {error}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn outcome(mut self) -> Result<TerminationOutcomes, Error> {
        let mut told: BTreeMap<ProcessRef, Told> = BTreeMap::new();
        let mut processes = BTreeMap::new();
        while let Some(event) = self.next().await? {
            let process = event.process.clone();
            if let Some(result) = told.entry(process.clone()).or_default().outcome(event) {
                processes.insert(process, result);
            }
        }
        let Steps { plan, summary, .. } = &self.0;
        let planned = plan.targets.iter().filter_map(|target| target.r#ref.as_ref());
        // A pidfd inode that one of them lacks does not count.
        let told_of: BTreeSet<_> = processes.keys().map(identity).collect();
        let is_told = |process: &ProcessRef| told_of.contains(&identity(process));
        if !plan.dry_run && !(planned.chain(told.keys()).all(is_told)) {
            return Err(self.0.without_outcome());
        }
        Ok(TerminationOutcomes { plan: plan.clone(), processes, summary: summary.unwrap_or_default() })
    }
}

fn identity(process: &ProcessRef) -> (u32, u64) {
    (process.pid, process.start_ticks)
}

impl TerminationOutcomes {
    /// True if nothing that was meant is left: every process has ended, now or before.
    pub fn all_ended(&self) -> bool {
        let has_ended = |result: &Result<TerminationOutcome, Error>| match result {
            Ok(TerminationOutcome::Exited { .. }) => true,
            Ok(_) => false,
            Err(error) => error.is_gone(),
        };
        !self.plan.dry_run && self.processes.values().all(has_ended)
    }

    /// The processes that ended, and how.
    pub fn ended(&self) -> impl Iterator<Item = (&ProcessRef, &ExitStatus)> {
        self.processes.iter().filter_map(|(process, result)| match result {
            Ok(TerminationOutcome::Exited { status, .. }) => Some((process, status)),
            _ => None,
        })
    }

    /// The processes that live on, and the state they were last seen in.
    pub fn still_running(&self) -> impl Iterator<Item = (&ProcessRef, ProcessState)> {
        self.processes.iter().filter_map(|(process, result)| match result {
            Ok(TerminationOutcome::StillRunning { state, .. }) => Some((process, *state)),
            _ => None,
        })
    }

    /// The processes that nothing was done to, and why.
    pub fn refused(&self) -> impl Iterator<Item = (&ProcessRef, &Error)> {
        self.processes.iter().filter_map(|(process, result)| Some((process, result.as_ref().err()?)))
    }
}

impl Stream for Terminations {
    type Item = Result<TerminateEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_event(context)
    }
}
