//! ControlService: acts on processes, by whole references only.

mod answers;
mod authorization;
mod ending;
mod protection;
mod quota;
mod record;
mod request;
mod request_ids;
mod runs;
mod signal;
mod target;
mod terminate;
mod update;
mod wait;
mod wait_many;

use std::sync::Arc;

use procwire_proto::v1::{
    SignalProcessesRequest, SignalProcessesResponse, TerminateProcessesRequest, UpdateProcessRequest,
    UpdateProcessResponse, WaitProcessRequest, WaitProcessResponse, WaitProcessesRequest, control_service_server,
};
use tonic::{Request, Response, Status};

use self::{
    answers::Answers,
    authorization::Authorization,
    quota::Quotas,
    record::{Action, Record},
    request::{Signalling, Termination, Update, WaitSpec},
    request_ids::RequestIds,
    runs::{Begun, FollowStream, Follower, Runs},
};
use super::request::caller;
use crate::{
    access::Principal, context::Context, host_pool::HostPool, shares::Shares, shutdown::Shutdown, status::Failure,
};

/// Answers ControlService.
pub struct ControlService {
    shared: Arc<Shared>,
}

/// What a detached run needs.
struct Shared {
    context: Context,
    pool: Arc<HostPool>,
    authorization: Authorization,
    runs: Runs,
    signals: Answers<Signalling, SignalProcessesResponse>,
    updates: Answers<Update, UpdateProcessResponse>,
    quotas: Quotas,
    waits: Shares,
}

impl ControlService {
    pub(crate) fn new(context: Context, pool: Arc<HostPool>) -> Self {
        let authorization = Authorization::new(&context);
        let ids = RequestIds::default();
        let runs = Runs::new(runs::places(&context.config.limits), ids.clone());
        let signals =
            Answers::new("SignalProcesses", ids.clone(), |answer: &SignalProcessesResponse| answer.results.len());
        let updates = Answers::new("UpdateProcess", ids, |answer: &UpdateProcessResponse| answer.results.len());
        let actions_per_minute = context.config.control.actions_per_minute_per_principal;
        let quotas = Quotas::new(actions_per_minute, Arc::clone(&context.counters));
        let waits = wait::places(&context.config.limits);
        Self { shared: Arc::new(Shared { context, pool, authorization, runs, signals, updates, quotas, waits }) }
    }

    async fn terminate(&self, request: Request<TerminateProcessesRequest>) -> Result<FollowStream, Failure> {
        let caller = caller(request.extensions())?;
        // A task of its own: tonic drops the handler of a caller who hangs up, and what is asked for is on record all the same.
        let begun = tokio::spawn(begin(Arc::clone(&self.shared), caller, request.into_inner()));
        let follower = begun.await.map_err(|_| Failure::internal("the beginning of a termination panicked"))??;
        Ok(FollowStream::new(follower, self.shared.context.host_name.clone()))
    }

    async fn wait(&self, request: Request<WaitProcessRequest>) -> Result<WaitProcessResponse, Failure> {
        let caller = caller(request.extensions())?;
        // The end of this connection, if the server told; else of the agent.
        let shutdown = request.extensions().get::<Shutdown>().unwrap_or(&self.shared.context.shutdown).clone();
        let longest = self.shared.context.config.limits.wait_timeout_max;
        let spec = WaitSpec::parse(request.into_inner(), longest)?;
        wait::wait(&self.shared, &caller, spec, &shutdown).await
    }

    fn fail(&self) -> impl Fn(Failure) -> Status + '_ {
        |failure| failure.on(&self.shared.context.host_name)
    }
}

/// Parses, and starts a run that goes on whatever becomes of the caller; a repeated request id follows the run that it started.
async fn begin(
    shared: Arc<Shared>,
    caller: Principal,
    request: TerminateProcessesRequest,
) -> Result<Follower, Failure> {
    let begun = Termination::parse(&request).and_then(|termination| {
        let begun = shared.runs.begin(&caller.name, &termination)?;
        Ok((begun, termination))
    });
    match begun {
        Ok((Begun::Repeat(follower), _)) => Ok(follower),
        Ok((Begun::New(log, follower), termination)) => {
            tokio::spawn(terminate::run(shared, caller, termination, log));
            Ok(follower)
        }
        Err(failure) => {
            let arguments = format!("targets={} signal={}", request.targets.len(), request.signal);
            let action = Action {
                caller: &caller,
                method: "TerminateProcesses",
                request_id: &request.request_id,
                reason: &request.reason,
                arguments: &arguments,
                dry_run: request.dry_run,
            };
            Record::unacceptable(action, &request.targets, &failure).write_or_log(&shared.context.audit).await;
            Err(failure)
        }
    }
}

#[tonic::async_trait]
impl control_service_server::ControlService for ControlService {
    async fn signal_processes(
        &self,
        request: Request<SignalProcessesRequest>,
    ) -> Result<Response<SignalProcessesResponse>, Status> {
        let caller = caller(request.extensions()).map_err(self.fail())?;
        let answer = signal::answer(Arc::clone(&self.shared), caller, request.into_inner()).await;
        answer.map(Response::new).map_err(self.fail())
    }

    type TerminateProcessesStream = FollowStream;

    async fn terminate_processes(
        &self,
        request: Request<TerminateProcessesRequest>,
    ) -> Result<Response<FollowStream>, Status> {
        self.terminate(request).await.map(Response::new).map_err(|failure| failure.on(&self.shared.context.host_name))
    }

    async fn wait_process(
        &self,
        request: Request<WaitProcessRequest>,
    ) -> Result<Response<WaitProcessResponse>, Status> {
        self.wait(request).await.map(Response::new).map_err(|failure| failure.on(&self.shared.context.host_name))
    }

    type WaitProcessesStream = wait_many::WaitStream;

    async fn wait_processes(
        &self,
        request: Request<WaitProcessesRequest>,
    ) -> Result<Response<Self::WaitProcessesStream>, Status> {
        let caller = caller(request.extensions()).map_err(self.fail())?;
        let shutdown = request.extensions().get::<Shutdown>().unwrap_or(&self.shared.context.shutdown).clone();
        let stream = wait_many::answer(Arc::clone(&self.shared), caller, request.into_inner(), shutdown).await;
        stream.map(Response::new).map_err(self.fail())
    }

    async fn update_process(
        &self,
        request: Request<UpdateProcessRequest>,
    ) -> Result<Response<UpdateProcessResponse>, Status> {
        let caller = caller(request.extensions()).map_err(self.fail())?;
        let answer = update::answer(Arc::clone(&self.shared), caller, request.into_inner()).await;
        answer.map(Response::new).map_err(self.fail())
    }
}

#[cfg(test)]
mod tests;
