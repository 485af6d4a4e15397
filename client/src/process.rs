//! Reading processes.

mod ancestors;
mod check;
mod get;
mod list;

use procwire_proto::v1::ProcessRef;

pub use ancestors::{GetAncestors, GetParent};
pub use check::CheckProcess;
pub use get::{GetProcess, ProcessTarget};
pub use list::ListProcesses;

use crate::{Client, ProcessSelect};

/// Reads processes; made by [`Client::processes`].
#[derive(Clone, Debug)]
pub struct ProcessCalls {
    client: Client,
}

impl ProcessCalls {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Lists processes, ascending by pid unless ordered otherwise. Awaited, it answers with the whole
    /// [`ProcessList`](crate::ProcessList); [`stream`](ListProcesses::stream) hands out the rows as they come.
    ///
    /// Deadline: 30 s, plus the [`usage_window`](ListProcesses::usage_window). Dropped: the agent stops reading after the
    /// process it is at.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field or a condition that cannot be,
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) for a condition on what the caller's role may not see,
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ended before its summary, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let list = client.processes().list().fields(["pid", "name", "cpu_times"]).await?;
    /// for process in &list.processes {
    ///     println!("{} {}", process.pid, process.display_name());
    /// }
    /// println!("{} vanished meanwhile", list.summary.vanished);
    /// # Ok(())
    /// # }
    /// ```
    pub fn list(&self) -> ListProcesses {
        ListProcesses::new(self.client.clone())
    }

    /// Reads one process: whatever has this pid now (`u32`), or this process and no other ([`ProcessRef`]).
    ///
    /// Deadline: 10 s, plus the [`usage_window`](GetProcess::usage_window). Dropped: the agent finishes the reading it is
    /// at and throws it away.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), [`PidReused`](crate::ErrorKind::PidReused) and
    /// [`HostRebooted`](crate::ErrorKind::HostRebooted) (all three: [`Error::is_gone`](crate::Error::is_gone)),
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for an unknown field, and those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// let first = client.processes().get(4242).fields(["name", "ref"]).await?;
    /// if let Some(reference) = first.process.and_then(|process| process.r#ref) {
    ///     let again = client.processes().get(&reference).fields(["memory"]).await?;
    ///     println!("{:?}", again.process);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, target: impl Into<ProcessTarget>) -> GetProcess {
        GetProcess::new(self.client.clone(), target.into())
    }
    /// Whether this process is still there: `false` once it has ended, its pid is another's, or the host was booted since.
    /// A zombie is there until its parent has asked how it ended.
    ///
    /// Deadline: 10 s. Dropped: nothing is left to do.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for a reference that is not whole,
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) where the agent may not look (`hidepid=1`), and those of every
    /// call. Not knowing is an error, never `false`.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// if client.processes().is_running(&reference).await? {
    ///     println!("{reference} is still at it");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_running(&self, reference: &ProcessRef) -> CheckProcess {
        CheckProcess::new(self.client.clone(), reference.into())
    }

    /// Whether any process has this pid now, zombies included. A thread's id is no pid.
    ///
    /// Deadline: 10 s. Dropped: nothing is left to do.
    ///
    /// # Errors
    ///
    /// Those of every call.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
    /// println!("{}", client.processes().exists(4242).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn exists(&self, pid: u32) -> CheckProcess {
        CheckProcess::new(self.client.clone(), pid.into())
    }

    /// The children of a process, as a [`list`](Self::list) of them: one call, with the fields and the order that the list
    /// is given. A process that has its parent's pid by chance, because the pid was given out again, is no child. A process
    /// that is gone has none.
    ///
    /// Deadline, errors and what a drop does: those of [`list`](Self::list).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// for child in client.processes().children(&reference).fields(["name"]).await?.processes {
    ///     println!("{} {}", child.pid, child.display_name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn children(&self, reference: &ProcessRef) -> ListProcesses {
        self.list().matching(ProcessSelect::new().children_of(reference))
    }

    /// The children of a process, their children and so on, as a [`list`](Self::list) of them, without the process itself:
    /// one call and one reading of the table, with the fields and the order that the list is given. A
    /// [`ProcessTree`](crate::ProcessTree) of it tells who is whose.
    ///
    /// Deadline, errors and what a drop does: those of [`list`](Self::list).
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// let below = client.processes().descendants(&reference).fields(["memory.resident_bytes"]).await?.processes;
    /// let bytes: u64 = below.iter().filter_map(|process| process.memory.as_ref()?.resident_bytes).sum();
    /// println!("{} processes, {bytes} bytes", below.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn descendants(&self, reference: &ProcessRef) -> ListProcesses {
        self.list().matching(ProcessSelect::new().descendants_of(reference))
    }

    /// The parent of a process; `None` if it has none on this host, as pid 1, kernel threads' ancestor 2, and processes
    /// whose parent is in another pid namespace. Two calls: who it is, then its fields.
    ///
    /// Deadline: 10 s for both. Dropped: the agent finishes the reading it is at and throws it away.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get), [`Error::is_gone`](crate::Error::is_gone) if the process itself is no more.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// if let Some(parent) = client.processes().parent(&reference).fields(["name"]).await? {
    ///     println!("started by {} {}", parent.pid, parent.display_name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn parent(&self, reference: &ProcessRef) -> GetParent {
        GetParent::new(self.client.clone(), reference.clone())
    }

    /// The parent of a process, its parent and so on, nearest first. Two calls: who they are, then their fields; who ends
    /// between them is left out. For their references alone, [`get`](Self::get) the field `ancestors`.
    ///
    /// Deadline: 10 s for both. Dropped: the agent finishes the reading it is at and throws it away.
    ///
    /// # Errors
    ///
    /// Those of [`get`](Self::get), [`Error::is_gone`](crate::Error::is_gone) if the process itself is no more.
    ///
    /// ```no_run
    /// # async fn example(client: procwire_client::Client, reference: procwire_client::ProcessRef) -> Result<(), procwire_client::Error> {
    /// for ancestor in client.processes().ancestors(&reference).fields(["name"]).await? {
    ///     println!("{} {}", ancestor.pid, ancestor.display_name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn ancestors(&self, reference: &ProcessRef) -> GetAncestors {
        GetAncestors::new(self.client.clone(), reference.clone())
    }
}
