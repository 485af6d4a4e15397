//! Acting on processes.

use std::time::Duration;

use procwire_proto::v1::{
    DisconnectAction, Escalation, ProcessRef, Signal, TerminateProcessesRequest, WaitProcessRequest,
};

use crate::call::{Call, CallFuture, duration_from_wire, wire_duration};
use crate::{Client, Error, Termination, WaitProcess};

/// The agent's grace period where the request names none.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// How long the agent watches a process that it has sent SIGKILL.
const KILL_TIME: Duration = Duration::from_secs(5);
/// What the way there and back may take on top.
const MARGIN: Duration = Duration::from_secs(10);

/// Acts on processes; made by [`Client::control`].
///
/// Targets are whole [`ProcessRef`]s, as reads answer them, so that no other process than the one meant is ever hit.
#[derive(Clone, Debug)]
pub struct ControlCalls {
    client: Client,
}

impl ControlCalls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Ends a process: a signal, time to comply, then SIGKILL unless told otherwise. Awaited, it answers with a
    /// [`Termination`] as soon as the agent has resolved the target; that tells the steps and the outcome.
    ///
    /// Sent once, never repeated. Deadline: the grace period + 15 s. Dropped, or past its deadline: **the agent carries
    /// on to the end** unless [`on_disconnect`](TerminateProcess::on_disconnect) says otherwise; its audit record has the
    /// outcome, and [`wait`](Self::wait) can still ask for it.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the role,
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a reference that is not whole,
    /// [`Conflict`](crate::ErrorKind::Conflict) for a request id used before, and those of every call. A target that is
    /// refused (gone, reused, protected) is reported by the [`Termination`].
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use std::time::Duration;
    /// use procwire_client::TerminationOutcome;
    ///
    /// let process = client.processes().get(4242).fields(["ref"]).await?.process.unwrap_or_default();
    /// if let Some(reference) = process.r#ref {
    ///     let termination =
    ///         client.control().terminate(&reference).grace(Duration::from_secs(30)).reason("drained").await?;
    ///     match termination.outcome().await? {
    ///         TerminationOutcome::Exited { status, .. } => println!("{status:?}"),
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn terminate(&self, target: &ProcessRef) -> TerminateProcess {
        let request = TerminateProcessesRequest { targets: vec![target.clone()], ..Default::default() };
        TerminateProcess { client: self.client.clone(), request, timeout: None }
    }

    /// Waits until a process ends, and tells how it did: a child of the agent or not. Touches nothing.
    ///
    /// Waits for an hour, the longest an agent does, unless [`timeout`](WaitProcess::timeout) says otherwise. Sent once,
    /// never repeated: ask again if the connection breaks. Dropped: the agent stops waiting; the process is not touched.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for a process that had ended before (its exit status is lost),
    /// [`PidReused`](crate::ErrorKind::PidReused), [`HostRebooted`](crate::ErrorKind::HostRebooted) (all three:
    /// [`Error::is_gone`]), and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// use std::time::Duration;
    /// use procwire_client::WaitOutcome;
    ///
    /// match client.control().wait(&reference).timeout(Duration::from_secs(60)).await? {
    ///     WaitOutcome::Exited(status) => println!("{status:?}"),
    ///     WaitOutcome::StillRunning(state) => println!("still there: {state:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self, target: &ProcessRef) -> WaitProcess {
        let request = WaitProcessRequest { r#ref: Some(target.clone()), timeout: None };
        WaitProcess::new(self.client.clone(), request, MARGIN)
    }
}

/// A termination to be asked for; made by [`ControlCalls::terminate`].
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

impl TerminateProcess {
    /// The first signal. Default: SIGTERM.
    pub fn signal(mut self, signal: Signal) -> Self {
        self.request.signal = signal.into();
        self
    }

    /// Time to comply with it, at most an hour. Default: 10 s. Zero, with [`Escalation::Kill`], means SIGKILL at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.request.grace = Some(wire_duration(grace));
        self
    }

    /// What to do when the grace period is over. Default: [`Escalation::Kill`].
    pub fn then(mut self, escalation: Escalation) -> Self {
        self.request.then = escalation.into();
        self
    }

    /// What the agent does when this caller hangs up. Default: [`DisconnectAction::Continue`].
    pub fn on_disconnect(mut self, action: DisconnectAction) -> Self {
        self.request.on_disconnect = action.into();
        self
    }

    /// Why, for the audit record; at most 1024 bytes.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.request.reason = reason.into();
        self
    }

    /// Names this action: a repetition with the same id within ten minutes gets the first one's answer and sends no second
    /// signal. Default: the agent makes one, see [`Termination::request_id`].
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request.request_id = id.into();
        self
    }

    /// Resolve and check everything, do nothing.
    pub fn dry_run(mut self, yes: bool) -> Self {
        self.request.dry_run = yes;
        self
    }

    /// The deadline, after which this side gives up listening. Default: the grace period + 15 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for TerminateProcess {
    type Output = Result<Termination, Error>;
    type IntoFuture = CallFuture<Termination>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            let grace = request.grace.as_ref().and_then(duration_from_wire).unwrap_or(DEFAULT_GRACE);
            let timeout = client.time_for(timeout, MARGIN, grace.saturating_add(KILL_TIME));
            let call = Call::begin(&client, "terminate process", timeout);
            let (rest, first) = call
                .once(async {
                    let message = call.request(request);
                    let mut rest = client.control_service().terminate_processes(message).await?.into_inner();
                    let first = rest.message().await?;
                    Ok((rest, first))
                })
                .await?;
            Termination::begin(call, first, rest)
        })
    }
}
