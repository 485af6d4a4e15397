//! Scheduling and limits to be changed.

use std::time::Duration;

use procwire_proto::v1::{
    ControlTarget, IoClass, IoPriority, LimitValue, ProcessSettings, ResourceKind, ResourceLimit, SettingResult,
    Unlimited, UpdateProcessRequest, UpdateProcessResponse, limit_value,
};

use super::repeat::{Action, name_it};
use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT};
use crate::{Client, Error, ErrorKind};

/// Settings to be changed; made by [`ControlCalls::update`](crate::ControlCalls::update).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::Limit;
/// use procwire_client::v1::{IoClass, ResourceKind};
///
/// let outcome = client
///     .control()
///     .update(&reference)
///     .nice(10)
///     .io_priority(IoClass::BestEffort, 7)
///     .cpu_affinity(0..4)
///     .resource_limit(ResourceKind::Nofile, Limit::Of(1024), Limit::Of(4096))
///     .soft_limit(ResourceKind::Core, Limit::Unlimited)
///     .oom_score_adjustment(500)
///     .all_threads(true)
///     .reason("batch, ticket 4711")
///     .request_id("4711-3")
///     .dry_run(false)
///     .timeout(Duration::from_secs(5))
///     .await?;
/// for (path, result) in &outcome.results {
///     match result {
///         Ok(threads) => println!("{path}: {threads} threads"),
///         Err(error) => println!("{path}: {error}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct UpdateProcess {
    client: Client,
    request: UpdateProcessRequest,
    timeout: Option<Duration>,
    /// An affinity was given that names no processor.
    nowhere: bool,
}

/// A resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many, in the unit of the resource.
    Of(u64),
    /// None. psutil: `RLIM_INFINITY`.
    Unlimited,
}

/// What became of the settings of a process.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "some of the settings may have been refused; `check` tells"]
pub struct UpdateOutcome {
    /// The request's id.
    pub request_id: String,
    /// The process as it was when it was resolved.
    pub process: ControlTarget,
    /// True if nothing was changed.
    pub dry_run: bool,
    /// The settings that were named, before.
    pub before: ProcessSettings,
    /// The same, read back after.
    pub after: ProcessSettings,
    /// One result per setting, by its path in [`ProcessSettings`]: the number of threads that it was changed for, or why it was
    /// not.
    pub results: Vec<(String, Result<u32, Error>)>,
}

impl UpdateProcess {
    pub(super) fn new(client: Client, request: UpdateProcessRequest) -> Self {
        Self { client, request, timeout: None, nowhere: false }
    }

    /// The nice value, -20 (most favoured) to 19. psutil: `nice(n)`.
    pub fn nice(mut self, nice: i32) -> Self {
        self.settings().nice = Some(nice);
        self.named("nice")
    }

    /// The I/O scheduling class, and 0 (first) to 7 (last) within it; classes without levels take 0. psutil:
    /// `ionice(class, value)`.
    pub fn io_priority(mut self, class: IoClass, level: u32) -> Self {
        self.settings().io_priority = Some(IoPriority { io_class: class.into(), level });
        self.named("io_priority")
    }

    /// The processors it may run on, by their numbers; at least one, otherwise nothing is sent and the error is
    /// [`InvalidRequest`](ErrorKind::InvalidRequest). psutil: `cpu_affinity(cpus)`.
    pub fn cpu_affinity(mut self, processors: impl IntoIterator<Item = u32>) -> Self {
        let processors: Vec<u32> = processors.into_iter().collect();
        self.nowhere = processors.is_empty();
        self.settings().cpu_affinity = processors;
        self.named("cpu_affinity")
    }

    /// Every processor that its cpuset allows. psutil: `cpu_affinity([])`.
    pub fn all_cpus(mut self) -> Self {
        self.nowhere = false;
        self.settings().cpu_affinity.clear();
        self.named("cpu_affinity")
    }

    /// A resource limit, what is in force and what that may be raised to. psutil: `rlimit(resource, (soft, hard))`. Another
    /// resource by another call.
    pub fn resource_limit(self, resource: ResourceKind, soft: Limit, hard: Limit) -> Self {
        self.limit(ResourceLimit { resource: resource.into(), soft: Some(soft.into()), hard: Some(hard.into()) })
    }

    /// A resource limit in force; what it may be raised to stays.
    pub fn soft_limit(self, resource: ResourceKind, soft: Limit) -> Self {
        self.limit(ResourceLimit { resource: resource.into(), soft: Some(soft.into()), hard: None })
    }

    /// What a resource limit may be raised to; what is in force stays.
    pub fn hard_limit(self, resource: ResourceKind, hard: Limit) -> Self {
        self.limit(ResourceLimit { resource: resource.into(), soft: None, hard: Some(hard.into()) })
    }

    /// How likely the out-of-memory killer takes it: -1000 (never) to 1000 (first). psutil has nothing like it.
    pub fn oom_score_adjustment(mut self, adjustment: i32) -> Self {
        self.settings().oom_score_adjustment = Some(adjustment);
        self.named("oom_score_adjustment")
    }

    /// Nice value, I/O priority and affinity of every thread. Default: of the main thread alone, as psutil does.
    pub fn all_threads(mut self, yes: bool) -> Self {
        self.request.all_threads = yes;
        self
    }

    action_setters!();

    fn limit(mut self, limit: ResourceLimit) -> Self {
        let limits = &mut self.settings().resource_limits;
        match limits.iter_mut().find(|earlier| earlier.resource == limit.resource) {
            Some(earlier) => {
                earlier.soft = limit.soft.or(earlier.soft);
                earlier.hard = limit.hard.or(earlier.hard);
            }
            None => limits.push(limit),
        }
        self.named("resource_limits")
    }

    fn settings(&mut self) -> &mut ProcessSettings {
        self.request.settings.get_or_insert_default()
    }

    fn named(mut self, path: &str) -> Self {
        let paths = &mut self.request.update_mask.get_or_insert_default().paths;
        if !paths.iter().any(|named| named == path) {
            paths.push(path.to_owned());
        }
        self
    }
}

impl UpdateOutcome {
    /// An error if a setting was not changed: the first refusal. What was changed stays changed.
    ///
    /// # Errors
    ///
    /// Why a setting was not changed: [`PermissionDenied`](ErrorKind::PermissionDenied) where the kernel or a policy refuses it,
    /// [`InvalidRequest`](ErrorKind::InvalidRequest) for a value that this host does not take.
    pub fn check(&self) -> Result<(), Error> {
        match self.results.iter().find_map(|(_, result)| result.as_ref().err()) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

impl IntoFuture for UpdateProcess {
    type Output = Result<UpdateOutcome, Error>;
    type IntoFuture = CallFuture<UpdateOutcome>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, mut request, timeout, nowhere } = self;
            name_it(&mut request.request_id);
            let timeout = client.time_for(timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let action = Action::begin(Call::begin(&client, "update process", timeout), &request.request_id);
            let call = &action.call;
            if nowhere {
                let problem = "cpu_affinity names no processor";
                return Err(call
                    .error(ErrorKind::InvalidRequest, problem)
                    .with_advice("all_cpus allows every one that its cpuset does"));
            }
            let attempt = || async { client.control_service().update_process(call.request(request.clone())).await };
            Ok(outcome(call, action.send(attempt).await?.into_inner()))
        })
    }
}

fn outcome(call: &Call, response: UpdateProcessResponse) -> UpdateOutcome {
    let UpdateProcessResponse { request_id, before, after, target, dry_run, results } = response;
    let result = |SettingResult { path, error, threads_changed, threads_failed: _ }: SettingResult| {
        let result = error.map_or(Ok(threads_changed), |refusal| Err(call.refused(&refusal)));
        (path, result)
    };
    UpdateOutcome {
        request_id,
        process: target.unwrap_or_default(),
        dry_run,
        before: before.unwrap_or_default(),
        after: after.unwrap_or_default(),
        results: results.into_iter().map(result).collect(),
    }
}

impl From<Limit> for LimitValue {
    fn from(limit: Limit) -> Self {
        let value = match limit {
            Limit::Of(bound) => limit_value::Value::Limit(bound),
            Limit::Unlimited => limit_value::Value::Unlimited(Unlimited {}),
        };
        Self { value: Some(value) }
    }
}
