//! The SDK of procwire: processes and metrics of other hosts, typed, over gRPC with mutual TLS.
//!
//! ```no_run
//! # async fn example() -> Result<(), procwire_client::Error> {
//! use procwire_client::Client;
//!
//! let client = Client::builder("https://db1.example:7443")
//!     .ca_file("ca.pem")
//!     .identity_files("reader.pem", "reader.key")
//!     .build()?;
//! let list = client.processes().list().fields(["pid", "name", "memory.resident_bytes"]).await?;
//! println!("{} processes", list.processes.len());
//! # Ok(())
//! # }
//! ```
//!
//! # How it behaves
//!
//! - A [`Client`] is cheap to clone and connects at its first call, again after each break; all its clones share one
//!   HTTP/2 connection. It needs a tokio runtime with time (and, for [`Client::builder`], I/O) enabled around its calls,
//!   starts none, keeps no global state and never prints.
//! - Every call returns a builder: set what you need, then `.await` it. Each has a deadline, named in its documentation
//!   and changed by its `timeout`, or for all calls of a client by [`ClientBuilder::default_timeout`]; the agent is told
//!   of it.
//! - Dropping a future or a stream cancels the call. Each method says what the agent then does.
//! - Reads are retried (at most [`ClientBuilder::read_attempts`] times, within the deadline) when the agent cannot be
//!   reached or says that it is unavailable. Nothing that acts is ever done twice: see
//!   [A connection that breaks](ControlCalls#a-connection-that-breaks).
//! - An [`Error`] has a [kind](ErrorKind) and, where the agent gave one, a [reason](v1::ErrorReason); it names the call
//!   and the target, and keeps the whole chain of causes.
//! - What of a row could not be read is no error of the call: the field is unset, and the row says why.
//!
//! # Coming from psutil
//!
//! `docs/psutil-map.md` of the repository lists all of psutil with what answers it here, and the README shows the same
//! programs in both. The usual ones:
//!
//! ```no_run
//! # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
//! use std::time::Duration;
//! use procwire_client::{ProcessSelect, SocketSelect};
//!
//! // psutil.Process(4242).as_dict(["name", "exe", "memory_info"])
//! let process = client.processes().get(4242).fields(["ref", "name", "exe", "memory"]).await?.process.unwrap_or_default();
//! if let Some(why) = process.error_of("exe") {
//!     println!("exe: {}", why.reason().as_words()); // what psutil raises as AccessDenied or ZombieProcess
//! }
//!
//! // [p for p in psutil.process_iter() if p.username() == "www-data"]
//! let of_www = client.processes().list().matching(ProcessSelect::new().user("www-data")).await?;
//! println!("{} processes", of_www.processes.len());
//!
//! if let Some(reference) = process.reference() {
//!     // p.cpu_percent(interval=1), p.children(recursive=True), p.is_running()
//!     let window = Duration::from_secs(1);
//!     let busy = client.processes().get(reference).fields(["cpu_usage_ratio"]).usage_window(window).await?;
//!     let below = client.processes().descendants(reference).await?;
//!     let is_running = client.processes().is_running(reference).await?;
//!     println!("{busy:?} {} {is_running}", below.processes.len());
//! }
//!
//! // [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
//! let servers = SocketSelect::new().tcp().listening();
//! let listeners = client.system().sockets().matching(servers).with_holders().await?;
//! println!("{:?}", listeners.sockets);
//!
//! // psutil.cpu_percent(interval=1), psutil.virtual_memory().available, psutil.disk_io_counters().read_bytes
//! let fields = ["cpu.usage", "memory.available_bytes", "disks"];
//! let answer = client.system().get().fields(fields).usage_window(Duration::from_secs(1)).await?;
//! let system = answer.system.unwrap_or_default();
//! let busy = system.cpu.as_ref().and_then(|cpu| cpu.usage).map(|usage| usage.busy_ratio);
//! let available = system.memory.as_ref().and_then(|memory| memory.available_bytes);
//! println!("{busy:?} {available:?} {:?}", system.disk_totals());
//!
//! // psutil.disk_usage("/").percent
//! let usage = client.system().disk_usage("/").await?.usage.unwrap_or_default();
//! println!("{:?}", usage.used_ratio);
//!
//! let workers = client.processes().list().matching(ProcessSelect::new().name("worker")).fields(["ref"]).await?;
//! let workers: Vec<_> = workers.processes.iter().filter_map(|process| process.reference()).collect();
//! let control = client.control();
//! if let Some(worker) = workers.first() {
//!     // p.send_signal(signal.SIGHUP), p.suspend(), p.resume(), p.kill(), p.wait(timeout=3)
//!     control.signal(worker, procwire_client::Signal::Hup).reason("new configuration").await?;
//!     control.suspend(worker).await?;
//!     control.resume(worker).await?;
//!     control.kill(worker).await?;
//!     println!("{:?}", control.wait(worker).timeout(Duration::from_secs(3)).await?);
//!
//!     // p.nice(10), p.cpu_affinity([0, 1]), p.cpu_affinity([])
//!     control.update(worker).nice(10).cpu_affinity([0, 1]).await?.check()?;
//!     control.update(worker).all_cpus().await?.check()?;
//! }
//!
//! // for p in workers: p.terminate()
//! // gone, alive = psutil.wait_procs(workers, timeout=10)
//! // for p in alive: p.kill()
//! let outcomes = control.terminate_many(workers).expect_count(8).reason("drained").await?.outcome().await?;
//! println!("{} ended, {} live on", outcomes.ended().count(), outcomes.still_running().count());
//! # Ok(())
//! # }
//! ```

mod agent;
mod backoff;
mod builder;
mod call;
mod cgroup_list;
mod client;
mod connect;
mod connection;
mod control;
mod error;
mod health;
mod monotonic_counters;
mod order;
mod process;
mod process_list;
mod process_select;
mod process_tree;
mod row_stream;
mod socket_list;
mod socket_select;
mod spiffe_id;
mod system;
mod system_event;
mod system_watch;
mod terminate_event;
mod termination;
mod transport;
mod transport_error;
mod unit_list;
mod wait;

pub use agent::{AgentCalls, GetCapabilities, GetInfo, GetStatus};
pub use builder::ClientBuilder;
pub use cgroup_list::{CgroupList, CgroupStream};
pub use client::Client;
pub use control::{
    ControlCalls, Limit, Reached, SignalOutcomes, SignalProcess, SignalProcesses, TerminateProcess, TerminateProcesses,
    UpdateOutcome, UpdateProcess,
};
pub use error::{Error, ErrorKind};
pub use health::{CheckHealth, Health};
pub use monotonic_counters::MonotonicCounters;
pub use order::Order;
pub use process::{CheckProcess, GetAncestors, GetParent, GetProcess, ListProcesses, ProcessCalls, ProcessTarget};
pub use process_list::{ProcessList, ProcessStream};
pub use process_select::ProcessSelect;
pub use process_tree::{ProcessTree, TreeNode, TreeWalk};
pub use procwire_proto::v1;
pub use procwire_proto::v1::{ControlScope, Escalation, ProcessRef, Signal};
pub use procwire_proto::{
    DiskTotals, Duration as WireDuration, FieldMask, InvalidNetwork, NetworkTotals, Timestamp, escape,
};
pub use socket_list::{SocketList, SocketStream};
pub use socket_select::SocketSelect;
pub use spiffe_id::{InvalidSpiffeId, SpiffeId, TrustDomain};
pub use system::{GetDiskUsage, GetSystem, ListCgroups, ListSockets, ListUnits, SystemCalls, WatchSystem};
pub use system_event::{Gap, Interruption, SystemEvent};
pub use system_watch::SystemWatch;
pub use terminate_event::{TerminateEvent, TerminateStep, TerminationOutcome};
pub use termination::{Termination, TerminationOutcomes, Terminations};
pub use unit_list::{UnitList, UnitStream};
pub use wait::{WaitEvent, WaitOutcome, WaitOutcomes, WaitProcess, WaitProcesses, Waiting};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
