//! Signals to be sent, and what became of them.

use std::time::Duration;

use procwire_proto::v1::{
    ControlMechanism, ControlTarget, ProcessRef, SignalProcessesRequest, SignalProcessesResponse, SignalResult,
};

use super::repeat::{Action, name_it};
use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT};
use crate::{Client, Error};

/// A signal to be sent; made by [`ControlCalls::signal`](crate::ControlCalls::signal),
/// [`suspend`](crate::ControlCalls::suspend), [`resume`](crate::ControlCalls::resume) and [`kill`](crate::ControlCalls::kill).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::Signal;
///
/// let reached = client
///     .control()
///     .signal(&reference, Signal::Usr1)
///     .reason("heap profile, ticket 4711")
///     .request_id("4711-2")
///     .dry_run(true)
///     .timeout(Duration::from_secs(3))
///     .await?;
/// println!("would reach {:?}", reached.process.name);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct SignalProcess {
    client: Client,
    request: SignalProcessesRequest,
    timeout: Option<Duration>,
}

/// Signals to be sent to several processes; made by [`ControlCalls::signal_many`](crate::ControlCalls::signal_many).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, build: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use procwire_client::Signal;
/// use procwire_client::v1::ControlScope;
///
/// let tree = client.control().signal_many([&build], Signal::Stop).scope(ControlScope::Tree).at_most(50).await?;
/// println!("{} stopped", tree.reached().count());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct SignalProcesses {
    client: Client,
    request: SignalProcessesRequest,
    timeout: Option<Duration>,
}

/// A process that a signal was sent to, or in a dry run would have been.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reached {
    /// The request's id.
    pub request_id: String,
    /// The process as it was when it was resolved.
    pub process: ControlTarget,
    /// How the signal was sent.
    pub mechanism: ControlMechanism,
    /// True if it had ended already, as a zombie has that its parent did not ask about yet: signals to one have no effect.
    pub had_ended: bool,
    /// True if nothing was sent.
    pub dry_run: bool,
}

/// What became of signals to several processes.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "some of the processes may have been refused"]
pub struct SignalOutcomes {
    /// The request's id.
    pub request_id: String,
    /// True if nothing was sent.
    pub dry_run: bool,
    /// One result per process, in the order of the targets; with a wider scope there are more of them than targets.
    pub results: Vec<(ProcessRef, Result<Reached, Error>)>,
}

impl SignalProcess {
    pub(super) fn new(client: Client, request: SignalProcessesRequest) -> Self {
        Self { client, request, timeout: None }
    }

    action_setters!();
}

impl SignalProcesses {
    pub(super) fn new(client: Client, request: SignalProcessesRequest) -> Self {
        Self { client, request, timeout: None }
    }

    many_setters!();
    action_setters!();
}

impl SignalOutcomes {
    /// The processes that the signal was sent to.
    pub fn reached(&self) -> impl Iterator<Item = &Reached> {
        self.results.iter().filter_map(|(_, result)| result.as_ref().ok())
    }

    /// The processes that it was not sent to, and why.
    pub fn refused(&self) -> impl Iterator<Item = (&ProcessRef, &Error)> {
        self.results.iter().filter_map(|(process, result)| Some((process, result.as_ref().err()?)))
    }
}

impl IntoFuture for SignalProcess {
    type Output = Result<Reached, Error>;
    type IntoFuture = CallFuture<Reached>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            let (call, outcomes) = send(client, request, "signal process", timeout).await?;
            let only = outcomes.results.into_iter().next();
            let (_, result) = only.ok_or_else(|| call.protocol_error("the answer has no result"))?;
            result
        })
    }
}

impl IntoFuture for SignalProcesses {
    type Output = Result<SignalOutcomes, Error>;
    type IntoFuture = CallFuture<SignalOutcomes>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            Ok(send(client, request, "signal processes", timeout).await?.1)
        })
    }
}

async fn send(
    client: Client,
    mut request: SignalProcessesRequest,
    operation: &'static str,
    timeout: Option<Duration>,
) -> Result<(Call, SignalOutcomes), Error> {
    name_it(&mut request.request_id);
    let call = Call::begin(&client, operation, client.time_for(timeout, DEFAULT_TIMEOUT, Duration::ZERO));
    let action = Action::begin(call, &request.request_id);
    let attempt =
        || async { action.call.client.control_service().signal_processes(action.call.request(request.clone())).await };
    let response = action.send(attempt).await?.into_inner();
    let outcomes = outcomes(&action.call, response)?;
    Ok((action.call, outcomes))
}

fn outcomes(call: &Call, response: SignalProcessesResponse) -> Result<SignalOutcomes, Error> {
    let SignalProcessesResponse { request_id, results, dry_run } = response;
    let result = |SignalResult { target, error, mechanism, had_ended }: SignalResult| {
        let process = target.ok_or_else(|| call.protocol_error("a result does not say of which process"))?;
        let reference = process.r#ref.clone().unwrap_or_default();
        let mechanism = ControlMechanism::try_from(mechanism).unwrap_or_default();
        let result = match error {
            Some(refusal) => Err(call.refused(&refusal)),
            None => Ok(Reached { request_id: request_id.clone(), process, mechanism, had_ended, dry_run }),
        };
        Ok((reference, result))
    };
    let results = results.into_iter().map(result).collect::<Result<_, Error>>()?;
    Ok(SignalOutcomes { request_id, dry_run, results })
}
