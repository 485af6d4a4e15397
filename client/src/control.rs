//! Acting on processes.

#[macro_use]
mod setters;
mod repeat;
mod signal;
mod terminate;
mod update;

use std::borrow::Borrow;

use procwire_proto::v1::{
    ProcessRef, Signal, SignalProcessesRequest, TerminateProcessesRequest, UpdateProcessRequest, WaitProcessRequest,
    WaitProcessesRequest,
};

pub use self::signal::{Reached, SignalOutcomes, SignalProcess, SignalProcesses};
pub use self::terminate::{TerminateProcess, TerminateProcesses};
pub use self::update::{Limit, UpdateOutcome, UpdateProcess};
use crate::{Client, WaitProcess, WaitProcesses};

pub(crate) use self::repeat::Action;
pub(crate) use self::terminate::open as open_termination;

/// Acts on processes; made by [`Client::control`].
///
/// Targets are whole [`ProcessRef`]s, as reads answer them: there is no way to name one by its pid alone, so that no other
/// process than the one meant is ever hit. Every call that acts takes a `reason` for the audit record, a `request_id`, a
/// `timeout` and `dry_run`, which resolves and checks everything and does nothing.
///
/// # A connection that breaks
///
/// An agent does what a request id names once, and answers a repetition within ten minutes with its first answer. The SDK
/// gives every request a random id unless you name one, and uses that: if the connection breaks while the answer is awaited,
/// it connects again, makes sure that the agent has been running without a break since before the request was sent (one that
/// was started since knows of no earlier request), and asks again with the same id. So the outcome is learnt, and nothing is
/// done twice. Where the agent was started anew, cannot be reached or does not say, nothing is sent again: the error is
/// [`ConnectionLost`](crate::ErrorKind::ConnectionLost), and the agent's audit record has the outcome under the request id. No
/// other failure is ever answered by a repetition.
#[derive(Clone, Debug)]
pub struct ControlCalls {
    client: Client,
}

impl ControlCalls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Ends a process: a signal, time to comply, then SIGKILL unless told otherwise. psutil: `terminate()`, then `wait_procs()`,
    /// then `kill()`. Awaited, it answers with a [`Termination`](crate::Termination) as soon as the agent has resolved the
    /// target; that tells the steps and the outcome.
    ///
    /// Deadline: the grace period + 15 s. Dropped, or past its deadline: **the agent carries on to the end** unless
    /// [`on_disconnect`](TerminateProcess::on_disconnect) says otherwise; its audit record has the outcome, and
    /// [`wait`](Self::wait) can still ask for it.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) without the role,
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a reference that is not whole,
    /// [`Conflict`](crate::ErrorKind::Conflict) for a request id used before, and those of every call. A target that is
    /// refused (gone, reused, protected, denied by a policy) is reported by the [`Termination`](crate::Termination).
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
        TerminateProcess::new(self.client.clone(), request)
    }

    /// Ends several processes in one call, or with [`scope`](TerminateProcesses::scope) a process and its descendants or its
    /// whole control group. psutil: `terminate()` of each, then `wait_procs()`, then `kill()` of those alive. Awaited, it
    /// answers with [`Terminations`](crate::Terminations) as soon as the agent has resolved the targets.
    ///
    /// For more than one target the number must be confirmed by [`expect_count`](TerminateProcesses::expect_count): say it
    /// from what a person has seen or a rule allows, not from the length of the list. Otherwise, and if it is wrong, nothing is
    /// done.
    ///
    /// Deadline: the grace period + 35 s. Dropped, or past its deadline: as [`terminate`](Self::terminate).
    ///
    /// # Errors
    ///
    /// [`FailedPrecondition`](crate::ErrorKind::FailedPrecondition) with the reason `CONFIRM_COUNT_MISMATCH` if the count is
    /// missing or another, and those of [`terminate`](Self::terminate).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// use procwire_client::ProcessSelect;
    ///
    /// let stale = client.processes().list().matching(ProcessSelect::new().unit("import.service")).fields(["ref"]).await?;
    /// let stale: Vec<_> = stale.processes.iter().filter_map(|process| process.reference()).collect();
    /// let terminations = client.control().terminate_many(stale).expect_count(3).reason("stale imports").await?;
    /// let outcomes = terminations.outcome().await?;
    /// for (process, error) in outcomes.refused() {
    ///     println!("{process}: {error}");
    /// }
    /// println!("{} ended", outcomes.ended().count());
    /// # Ok(())
    /// # }
    /// ```
    pub fn terminate_many<Refs>(&self, targets: Refs) -> TerminateProcesses
    where
        Refs: IntoIterator<Item: Borrow<ProcessRef>>,
    {
        let request = TerminateProcessesRequest { targets: owned(targets), ..Default::default() };
        TerminateProcesses::new(self.client.clone(), request)
    }

    /// Sends one signal to a process: [`Signal::Hup`], or a real-time signal by its number, 34 to 64. psutil: `send_signal(sig)`.
    /// It is sent, not obeyed: whether the process ends is for [`wait`](Self::wait) to tell, and
    /// [`terminate`](Self::terminate) does both. Answers with how it was [`Reached`].
    ///
    /// Deadline: 10 s. Dropped: the signal may have been sent.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PidReused`](crate::ErrorKind::PidReused),
    /// [`HostRebooted`](crate::ErrorKind::HostRebooted) (all three: [`Error::is_gone`](crate::Error::is_gone)),
    /// [`ProtectedProcess`](crate::ErrorKind::ProtectedProcess), [`PermissionDenied`](crate::ErrorKind::PermissionDenied)
    /// (a role or a policy of the agent, or the kernel), [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a number that is
    /// no signal, [`Conflict`](crate::ErrorKind::Conflict) for a request id used before, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// use procwire_client::Signal;
    ///
    /// let reached = client.control().signal(&reference, Signal::Hup).reason("new configuration").await?;
    /// println!("{:?} by {:?}", reached.process, reached.mechanism);
    /// client.control().signal(&reference, 34 + 3).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn signal(&self, target: &ProcessRef, signal: impl Into<i32>) -> SignalProcess {
        let request =
            SignalProcessesRequest { targets: vec![target.clone()], signal: signal.into(), ..Default::default() };
        SignalProcess::new(self.client.clone(), request)
    }

    /// Sends one signal to each of several processes, or with [`scope`](SignalProcesses::scope) to a process and its
    /// descendants or its control group. psutil: `send_signal(sig)` of each. One that is refused does not keep the others from
    /// being signalled: each has its own result.
    ///
    /// For more than one target the number must be confirmed, as for [`terminate_many`](Self::terminate_many).
    ///
    /// Deadline: 10 s. Dropped: signals may have been sent.
    ///
    /// # Errors
    ///
    /// Those of [`terminate_many`](Self::terminate_many). What is wrong with one target is its result.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, workers: Vec<procwire_client::ProcessRef>) -> Result<(), procwire_client::Error> {
    /// use procwire_client::{ErrorKind, Signal};
    ///
    /// let outcomes = client.control().signal_many(&workers, Signal::Usr1).expect_count(8).reason("rotate logs").await?;
    /// for (process, result) in &outcomes.results {
    ///     match result {
    ///         Ok(reached) => println!("{process}: {:?}", reached.mechanism),
    ///         Err(error) if error.is_gone() => println!("{process} has ended"),
    ///         Err(error) if error.kind() == ErrorKind::PermissionDenied => println!("{process}: ask for more rights"),
    ///         Err(error) => println!("{process}: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn signal_many<Refs>(&self, targets: Refs, signal: impl Into<i32>) -> SignalProcesses
    where
        Refs: IntoIterator<Item: Borrow<ProcessRef>>,
    {
        let request = SignalProcessesRequest { targets: owned(targets), signal: signal.into(), ..Default::default() };
        SignalProcesses::new(self.client.clone(), request)
    }

    /// Stops a process where it is, until it is resumed: SIGSTOP. psutil: `suspend()`. Deadline and errors: those of
    /// [`signal`](Self::signal).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// client.control().suspend(&reference).reason("while the disk is full").await?;
    /// client.control().resume(&reference).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn suspend(&self, target: &ProcessRef) -> SignalProcess {
        self.signal(target, Signal::Stop)
    }

    /// Lets a process that was stopped go on: SIGCONT. psutil: `resume()`. Deadline and errors: those of
    /// [`signal`](Self::signal).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// client.control().resume(&reference).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(&self, target: &ProcessRef) -> SignalProcess {
        self.signal(target, Signal::Cont)
    }

    /// Ends a process at once, without asking it: SIGKILL. psutil: `kill()`. Answers when the signal is sent;
    /// [`terminate`](Self::terminate) with no grace period waits for the end too. Deadline and errors: those of
    /// [`signal`](Self::signal).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// client.control().kill(&reference).reason("does not answer").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&self, target: &ProcessRef) -> SignalProcess {
        self.signal(target, Signal::Kill)
    }

    /// Waits until a process ends, and tells how it did: a child of the agent or not. psutil: `wait(timeout)`. Touches nothing.
    ///
    /// Waits for an hour, the longest an agent does, unless [`timeout`](WaitProcess::timeout) says otherwise. Sent once,
    /// never repeated: ask again if the connection breaks. Dropped: the agent stops waiting; the process is not touched.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) for a process that had ended before (its exit status is lost),
    /// [`PidReused`](crate::ErrorKind::PidReused), [`HostRebooted`](crate::ErrorKind::HostRebooted) (all three:
    /// [`Error::is_gone`](crate::Error::is_gone)), and those of every call.
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
        WaitProcess::new(self.client.clone(), request)
    }

    /// Waits for several processes in one call and tells of each as it ends. psutil: `wait_procs(procs, timeout, callback)`.
    /// Touches nothing. Awaited, it answers with a [`Waiting`](crate::Waiting).
    ///
    /// Waits for an hour, the longest an agent does, unless [`timeout`](WaitProcesses::timeout) says otherwise. Sent once, never
    /// repeated. Dropped: the agent stops waiting.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a reference that is not whole or more than 1024 of them, and those
    /// of every call. What is wrong with one process is its result.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, workers: Vec<procwire_client::ProcessRef>) -> Result<(), procwire_client::Error> {
    /// use std::time::Duration;
    ///
    /// // gone, alive = psutil.wait_procs(workers, timeout=30)
    /// let waited = client.control().wait_many(&workers).timeout(Duration::from_secs(30)).await?.outcome().await?;
    /// println!("{} gone, {} alive", waited.gone.len(), waited.alive.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_many<Refs>(&self, processes: Refs) -> WaitProcesses
    where
        Refs: IntoIterator<Item: Borrow<ProcessRef>>,
    {
        let request = WaitProcessesRequest { refs: owned(processes), timeout: None };
        WaitProcesses::new(self.client.clone(), request)
    }

    /// Changes scheduling and limits of a process and reads them back. psutil: `nice(n)`, `ionice(class, value)`,
    /// `cpu_affinity(cpus)`, `rlimit(resource, limits)`. Only what is named by a setter changes; each has its own result, and what
    /// was changed stays changed when another is refused: see [`UpdateOutcome::check`].
    ///
    /// Deadline: 10 s. Dropped: the settings may have been changed.
    ///
    /// # Errors
    ///
    /// Those of [`signal`](Self::signal); [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if no setter was called or a value
    /// is out of its range, by name.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// let changed = client.control().update(&reference).nice(10).all_threads(true).reason("batch").await?;
    /// changed.check()?;
    /// println!("nice {:?} -> {:?}", changed.before.nice, changed.after.nice);
    /// # Ok(())
    /// # }
    /// ```
    pub fn update(&self, target: &ProcessRef) -> UpdateProcess {
        UpdateProcess::new(
            self.client.clone(),
            UpdateProcessRequest { r#ref: Some(target.clone()), ..Default::default() },
        )
    }
}

fn owned<Refs: IntoIterator<Item: Borrow<ProcessRef>>>(references: Refs) -> Vec<ProcessRef> {
    references.into_iter().map(|reference| reference.borrow().clone()).collect()
}
