//! What UpdateProcess does on the host pool: look at the process and decide; change it and look again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use procwire_host::{
    ControlError, Host, ProcessHandle,
    control::{Applied, Patience, Setting},
};
use procwire_proto::v1::{ErrorReason, ProcessSettings, SettingResult, TargetError};

use super::METHOD;
use crate::{
    access::Principal,
    host_pool::{HostPool, Lane, PoolError},
    services::control::{
        Shared,
        authorization::{Asked, Permit},
        request::Update,
        target,
    },
    status::Failure,
};

/// A process that has more threads than can be changed within this time keeps the rest as they are, and the answer says so. Well within
/// the deadline of the lane.
const TIME_FOR_THREADS: Duration = Duration::from_secs(3);

/// The work of one request.
pub(super) struct Job<'a> {
    shared: &'a Arc<Shared>,
    caller: &'a Principal,
    update: &'a Update,
}

/// A process that was opened.
pub(super) struct Resolved {
    pub(super) handle: Arc<ProcessHandle>,
    pub(super) permit: Result<Permit, Failure>,
    pub(super) before: ProcessSettings,
    /// Of a dry run.
    pub(super) foreseen: Vec<SettingResult>,
}

/// What came of it.
pub(super) struct Changed {
    pub(super) results: Vec<SettingResult>,
    /// Absent where the process has ended since.
    pub(super) after: Option<ProcessSettings>,
}

impl<'a> Job<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, caller: &'a Principal, update: &'a Update) -> Self {
        Self { shared, caller, update }
    }

    /// Checks what only the host can, opens the process, decides, and reads what it has. What it has is told only to those who may.
    pub(super) async fn resolve(&self) -> Result<Resolved, Failure> {
        let (shared, caller, update) = (Arc::clone(self.shared), self.caller.clone(), self.update.clone());
        let look = move || {
            let host = &shared.context.host;
            demand_processors(host, &update)?;
            let handle = Arc::new(ProcessHandle::open(host, &update.target)?);
            let paths = update.paths();
            let asked = Asked { method: METHOD, settings: &paths, dry_run: update.dry_run, ..Asked::default() };
            let permit = shared.authorization.decide(&caller, asked, &handle);
            if permit.is_err() {
                return Ok(Resolved { handle, permit, before: ProcessSettings::default(), foreseen: Vec::new() });
            }
            if handle.has_ended() {
                return Err(ControlError::Gone { pid: update.target.pid }.into());
            }
            let before = handle.settings(&update.settings)?;
            let foreseen = if update.dry_run { foresee(&handle, &update.settings) } else { Vec::new() };
            Ok(Resolved { handle, permit, before, foreseen })
        };
        self.pool().run(Lane::Control, look).await?
    }

    /// Changes each setting in its turn; what was done stays done when another fails.
    ///
    /// # Errors
    /// Nothing was done.
    pub(super) async fn change(&self, resolved: &Resolved) -> Result<Changed, Failure> {
        let (handle, update) = (Arc::clone(&resolved.handle), self.update.clone());
        let patience = Patience::until(Instant::now() + TIME_FOR_THREADS);
        // Whoever is first: the job, or whoever finds that it has not begun, after which it does nothing.
        let begun = Arc::new(AtomicBool::new(false));
        let is_first = {
            let begun = Arc::clone(&begun);
            move || !begun.swap(true, Ordering::AcqRel)
        };
        let change = move || {
            if !is_first() {
                return Changed { results: Vec::new(), after: None };
            }
            let apply = |setting: &Setting| result(setting, handle.apply(setting, update.threads, patience));
            let results = update.settings.iter().map(apply).collect();
            Changed { results, after: handle.settings(&update.settings).ok() }
        };
        match self.pool().run(Lane::Control, change).await {
            Ok(changed) => Ok(changed),
            Err(error) if !begun.swap(true, Ordering::AcqRel) => Err(error.into()),
            Err(error) => Ok(self.unknown(error)),
        }
    }

    /// The job began and did not come back in time.
    fn unknown(&self, error: PoolError) -> Changed {
        let detail = format!("{error}; it may have been changed, or be changed yet: look at the process");
        let error = || Some(TargetError { reason: ErrorReason::HostReadTimeout.into(), detail: detail.clone() });
        let result = |setting: &Setting| SettingResult {
            path: setting.path().to_owned(),
            error: error(),
            ..SettingResult::default()
        };
        Changed { results: self.update.settings.iter().map(result).collect(), after: None }
    }

    fn pool(&self) -> &HostPool {
        &self.shared.pool
    }
}

fn demand_processors(host: &Host, update: &Update) -> Result<(), Failure> {
    let processors = update.processors();
    let Some(index) = host.unknown_processor(processors) else { return Ok(()) };
    let number = processors.get(index).copied().unwrap_or_default();
    Err(Failure::invalid(
        format!("settings.cpu_affinity[{index}]"),
        format!("is {number}, a processor that this host cannot have"),
    ))
}

fn foresee(handle: &ProcessHandle, settings: &[Setting]) -> Vec<SettingResult> {
    let one = |setting: &Setting| SettingResult {
        path: setting.path().to_owned(),
        error: handle.foresee(setting).err().map(|error| target::error(&error.into())),
        ..SettingResult::default()
    };
    settings.iter().map(one).collect()
}

fn result(setting: &Setting, applied: Applied) -> SettingResult {
    let Applied { threads_changed, threads_failed, error } = applied;
    let error = error.map(|error| target::error(&error.into()));
    SettingResult { path: setting.path().to_owned(), error, threads_changed, threads_failed }
}
