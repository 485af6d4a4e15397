//! Terminations to be asked for.

use std::time::Duration;

use procwire_proto::v1::{TerminateProcessesRequest, TerminateProcessesResponse};
use tonic::Streaming;

use super::repeat::{Action, name_it};
use crate::call::{Call, CallFuture, duration_from_wire};
use crate::termination::Steps;
use crate::{Client, Error, Termination, Terminations};

/// The agent's grace period where the request names none.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// How long the agent watches a process that it has sent SIGKILL.
const KILL_TIME: Duration = Duration::from_secs(5);
/// What the way there and back may take on top.
const MARGIN: Duration = Duration::from_secs(10);
/// And where a thousand processes may have to be found, stopped and signalled.
const MARGIN_FOR_MANY: Duration = Duration::from_secs(30);

/// A termination to be asked for; made by [`ControlCalls::terminate`](crate::ControlCalls::terminate).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::v1::DisconnectAction;
/// use procwire_client::{Escalation, Signal};
///
/// let rehearsal = client
///     .control()
///     .terminate(&reference)
///     .signal(Signal::Int)
///     .grace(Duration::from_secs(5))
///     .then(Escalation::GiveUp)
///     .on_disconnect(DisconnectAction::Stop)
///     .reason("runaway import, ticket 4711")
///     .request_id("4711-1")
///     .dry_run(true)
///     .timeout(Duration::from_secs(30))
///     .await?;
/// println!("would do: {:?}", rehearsal.plan());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct TerminateProcess {
    client: Client,
    request: TerminateProcessesRequest,
    timeout: Option<Duration>,
}

/// A termination of several processes to be asked for; made by
/// [`ControlCalls::terminate_many`](crate::ControlCalls::terminate_many).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client, build: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
/// use procwire_client::v1::ControlScope;
///
/// // A process and all its descendants, those forked meanwhile too, but no more than fifty.
/// let tree = client.control().terminate_many([&build]).scope(ControlScope::Tree);
/// let now = tree.clone().dry_run(true).await?.plan().resolved;
/// println!("{now} processes");
/// let outcomes = tree.at_most(50).grace(Duration::from_secs(5)).reason("cancelled").await?.outcome().await?;
/// println!("{}", outcomes.all_ended());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct TerminateProcesses {
    client: Client,
    request: TerminateProcessesRequest,
    timeout: Option<Duration>,
}

impl TerminateProcess {
    pub(super) fn new(client: Client, request: TerminateProcessesRequest) -> Self {
        Self { client, request, timeout: None }
    }

    ending_setters!();
    action_setters!();
}

impl TerminateProcesses {
    pub(super) fn new(client: Client, request: TerminateProcessesRequest) -> Self {
        Self { client, request, timeout: None }
    }

    many_setters!();
    ending_setters!();
    action_setters!();
}

impl IntoFuture for TerminateProcess {
    type Output = Result<Termination, Error>;
    type IntoFuture = CallFuture<Termination>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            begin(client, request, "terminate process", timeout, MARGIN).await.map(Termination::new)
        })
    }
}

impl IntoFuture for TerminateProcesses {
    type Output = Result<Terminations, Error>;
    type IntoFuture = CallFuture<Terminations>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            begin(client, request, "terminate processes", timeout, MARGIN_FOR_MANY).await.map(Terminations::new)
        })
    }
}

async fn begin(
    client: Client,
    mut request: TerminateProcessesRequest,
    operation: &'static str,
    timeout: Option<Duration>,
    margin: Duration,
) -> Result<Steps, Error> {
    name_it(&mut request.request_id);
    let grace = request.grace.as_ref().and_then(duration_from_wire).unwrap_or(DEFAULT_GRACE);
    let timeout = client.time_for(timeout, margin, grace.saturating_add(KILL_TIME));
    let action = Action::begin(Call::begin(&client, operation, timeout), &request.request_id);
    let (first, rest) = action.send(|| open(&action.call, &request)).await?;
    Steps::begin(action, request, first, rest)
}

/// Asks, and waits for the first message.
pub(crate) async fn open(
    call: &Call,
    request: &TerminateProcessesRequest,
) -> Result<(Option<TerminateProcessesResponse>, Streaming<TerminateProcessesResponse>), tonic::Status> {
    let message = call.request(request.clone());
    let mut rest = call.client.control_service().terminate_processes(message).await?.into_inner();
    let first = rest.message().await?;
    Ok((first, rest))
}
