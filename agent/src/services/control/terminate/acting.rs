//! Signal, wait, escalate, wait: what is done to the processes of a run, and what is said of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use procwire_host::{ControlError, Liveness, Scope as Members};
use procwire_proto::v1::{
    ControlMechanism, ExitStatus, ProcessState, Signal, TerminateSignalled, TerminateStillRunning, TerminateSummary,
    terminate_processes_response::Event, terminate_progress::Step,
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Run, count,
    joining::Subjects,
    subject::{Fate, Subject},
};
use crate::{
    host_pool::Lane,
    services::control::{
        ending::Endings,
        request::{KILL_WAIT, Scope},
        runs::RunLog,
        target,
    },
    status::Failure,
};

/// What the end of the agent leaves a run for its last wait.
const LAST_WAIT: Duration = Duration::from_secs(3);
/// Who joined is looked for at once, and then ever less often.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const RAREST_LOOK: Duration = Duration::from_secs(2);

/// A run while it acts.
pub(super) struct Acting<'a> {
    pub(super) run: Arc<Run>,
    pub(super) log: &'a RunLog,
    /// Locked by jobs of the pool only.
    pub(super) scope: Arc<Mutex<Members>>,
    pub(super) subjects: Subjects,
    pub(super) endings: Endings,
    has_escalated: bool,
    problem: Option<Failure>,
}

/// Why a run takes no further step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// All that was asked for was done.
    Done,
    CallerLeft,
    AgentEnds,
}

/// How those are treated that join while others are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first signal was sent.
    Signalled,
    /// SIGKILL was, as first signal or after the grace period.
    Killed(Sent),
}

/// As which step a signal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    First,
    Escalation,
}

impl<'a> Acting<'a> {
    pub(super) fn new(
        run: Arc<Run>,
        log: &'a RunLog,
        scope: Arc<Mutex<Members>>,
        subjects: Subjects,
    ) -> Result<Self, Failure> {
        let unable = |error| Failure::internal(&format!("the ends of processes cannot be awaited: {error}"));
        let mut endings = Endings::new(Arc::clone(&run.shared.pool)).map_err(unable)?;
        for (place, subject) in subjects.iter().filter(|(_, subject)| subject.is_open()) {
            endings.add(*place, &subject.handle).map_err(unable)?;
        }
        Ok(Self { run, log, scope, subjects, endings, has_escalated: false, problem: None })
    }

    pub(super) async fn act(&mut self) -> Stop {
        let run = Arc::clone(&self.run);
        let (signal, grace, escalate) = (run.termination.signal, run.termination.grace, run.termination.escalate);
        if run.termination.stop_on_disconnect && !self.log.is_followed() {
            return Stop::CallerLeft;
        }
        let is_kill = signal == Signal::Kill as i32;
        let first = if is_kill { Stage::Killed(Sent::First) } else { Stage::Signalled };
        if is_kill {
            self.kill(Sent::First).await;
        } else {
            self.signal_open(signal, Sent::First).await;
        }
        let stop = self.wait(grace, first).await;
        if stop != Stop::Done || is_kill || !escalate || self.is_settled() {
            return stop;
        }
        if let Err(failure) = self.ask_again().await {
            self.has_problem(failure);
            return stop;
        }
        self.kill(Sent::Escalation).await;
        self.wait(KILL_WAIT, Stage::Killed(Sent::Escalation)).await
    }

    /// Says of everybody who is left that it lives on; of one that has just ended, that.
    pub(super) async fn settle(&mut self, stop: Stop) {
        let open: Vec<usize> = self.open().collect();
        let handles: Vec<_> =
            open.iter().filter_map(|place| Some(Arc::clone(&self.subjects.get(place)?.handle))).collect();
        let look = move || handles.iter().map(|handle| handle.liveness()).collect::<Vec<_>>();
        let looked = self.run.shared.pool.run(Lane::Control, look).await.unwrap_or_default();
        let mut looked = looked.into_iter();
        for place in open {
            let fate = match looked.next() {
                Some(Liveness::Ended(status)) => Fate::Exited(status),
                living => {
                    let state = match living {
                        Some(Liveness::Running(state)) => state,
                        Some(Liveness::ZombieUnknown) => ProcessState::Zombie,
                        Some(Liveness::Ended(_)) | None => ProcessState::Unspecified,
                    };
                    match stop {
                        Stop::Done => Fate::StillRunning(state),
                        Stop::CallerLeft => Fate::CallerLeft(state),
                        Stop::AgentEnds => Fate::AgentEnds(state),
                    }
                }
            };
            self.settle_one(place, fate);
        }
    }

    /// What keeps anybody from saying that all were found. It does not keep those from being ended that were.
    pub(super) fn take_problem(&mut self) -> Option<Failure> {
        self.problem.take()
    }

    pub(super) fn has_problem(&mut self, failure: Failure) {
        let request_id = &self.run.termination.request_id;
        tracing::warn!(%failure, request_id, "a termination cannot be sure that it found all that belongs to its targets");
        self.problem.get_or_insert(failure);
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.values()
    }

    pub(super) fn summary(&self) -> TerminateSummary {
        let number = |is: fn(&Fate) -> bool| count(self.subjects.values().filter(|subject| is(&subject.fate)).count());
        TerminateSummary {
            exited: number(|fate| matches!(fate, Fate::Exited(_))),
            still_running: number(|fate| {
                matches!(fate, Fate::Open | Fate::StillRunning(_) | Fate::CallerLeft(_) | Fate::AgentEnds(_))
            }),
            refused: number(|fate| matches!(fate, Fate::Refused(_))),
            escalated: self.has_escalated,
        }
    }

    async fn kill(&mut self, sent: Sent) {
        match self.run.termination.scope {
            Scope::Process => self.signal_open(Signal::Kill as i32, sent).await,
            Scope::Tree | Scope::Cgroup => self.kill_whole(sent).await,
        }
    }

    /// Sends a signal to everybody who is left, those farthest down first.
    async fn signal_open(&mut self, signal: i32, sent: Sent) {
        let scope = Arc::clone(&self.scope);
        let deepest_first = self.run.shared.pool.run(Lane::Control, move || lock(&scope).deepest_first()).await;
        let open = |place: &usize| self.subjects.get(place).is_some_and(Subject::is_open);
        let places = match deepest_first {
            Ok(places) => places.into_iter().filter(open).collect(),
            // The order is a courtesy.
            Err(_) => self.open().collect(),
        };
        self.signal(places, signal, sent).await;
    }

    pub(super) async fn signal(&mut self, places: Vec<usize>, signal: i32, sent: Sent) {
        let handle = |place: usize| Some((place, Arc::clone(&self.subjects.get(&place)?.handle)));
        let handles: Vec<_> = places.iter().copied().filter_map(handle).collect();
        let send = move || {
            let signalled = handles.into_iter().map(|(place, handle)| (place, handle.signal(signal)));
            signalled.collect::<Vec<_>>()
        };
        match self.run.shared.pool.run(Lane::Control, send).await {
            Ok(results) => self.take_results(results, signal, sent),
            // Whether it was sent is not known, so that nothing is said of it; the outcome will tell.
            Err(error) => {
                let request_id = &self.run.termination.request_id;
                tracing::error!(%error, request_id, "signals were not sent");
            }
        }
    }

    /// Says what was sent, and to whom nothing could be.
    pub(super) fn take_results(
        &mut self,
        results: Vec<(usize, Result<ControlMechanism, ControlError>)>,
        signal: i32,
        sent: Sent,
    ) {
        let mut events = Vec::with_capacity(results.len());
        let mut refused = Vec::new();
        for (place, result) in results {
            let Some(subject) = self.subjects.get_mut(&place).filter(|subject| subject.is_open()) else { continue };
            match result {
                Ok(mechanism) => {
                    let told = TerminateSignalled { signal, mechanism: mechanism.into() };
                    let step = match sent {
                        Sent::First => Step::Signalled(told),
                        Sent::Escalation => Step::Escalated(told),
                    };
                    subject.escalated |= sent == Sent::Escalation;
                    self.has_escalated |= sent == Sent::Escalation;
                    events.push(self.run.progress(&subject.reference, step));
                }
                // It ended between two looks, and its end is told.
                Err(ControlError::Gone { .. }) => {}
                Err(error) => refused.push((place, error)),
            }
        }
        self.run.shared.context.counters.control_actions.add(events.len() as u64);
        self.log.push_all(events);
        for (place, error) in refused {
            self.settle_one(place, Fate::Refused(error.into()));
        }
    }

    /// Until everybody has ended, or the time is up. Those who join are treated as the stage demands.
    async fn wait(&mut self, limit: Duration, stage: Stage) -> Stop {
        let ends = Instant::now() + limit;
        let (mut pause, mut look_next) = (FIRST_LOOK, Instant::now());
        let run = Arc::clone(&self.run);
        let grows = run.termination.scope != Scope::Process;
        let agent_ends = async {
            run.shared.context.shutdown.signalled().await;
            sleep(LAST_WAIT).await;
        };
        tokio::pin!(agent_ends);
        loop {
            // Those who were left may have left somebody behind.
            if self.is_settled() && (!grows || !self.look_for_joined(stage).await) || Instant::now() >= ends {
                return Stop::Done;
            }
            tokio::select! {
                biased;
                () = &mut agent_ends => return Stop::AgentEnds,
                () = self.log.everyone_left(), if run.termination.stop_on_disconnect => return Stop::CallerLeft,
                (place, status) = self.endings.next() => self.exited(place, status),
                () = sleep_until(ends) => return Stop::Done,
                () = sleep_until(look_next), if grows => {
                    pause = if self.look_for_joined(stage).await { FIRST_LOOK } else { (pause * 2).min(RAREST_LOOK) };
                    look_next = Instant::now() + pause;
                }
            }
        }
    }

    fn exited(&mut self, place: usize, status: ExitStatus) {
        if self.subjects.get(&place).is_some_and(Subject::is_open) {
            self.settle_one(place, Fate::Exited(status));
        }
    }

    /// The last word on a process.
    pub(super) fn settle_one(&mut self, place: usize, fate: Fate) {
        let Some(subject) = self.subjects.get_mut(&place) else { return };
        let step = match &fate {
            Fate::Open | Fate::Outside | Fate::AgentEnds(_) => None,
            Fate::Exited(status) => Some(Step::Exited(status.clone())),
            Fate::StillRunning(state) | Fate::CallerLeft(state) => {
                Some(Step::StillRunning(TerminateStillRunning { state: (*state).into() }))
            }
            Fate::Refused(failure) => Some(Step::Refused(target::error(failure))),
        };
        subject.fate = fate;
        let event = step.map(|step| self.run.progress(&subject.reference, step));
        self.log.push_all(event);
    }

    pub(super) fn say(&self, events: impl IntoIterator<Item = Event>) {
        self.log.push_all(events);
    }

    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        self.subjects.iter().filter(|(_, subject)| subject.is_open()).map(|(place, _)| *place)
    }

    fn is_settled(&self) -> bool {
        self.open().next().is_none()
    }
}

pub(super) fn lock(scope: &Mutex<Members>) -> std::sync::MutexGuard<'_, Members> {
    scope.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
