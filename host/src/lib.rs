//! The machine: reads `/proc` and `/sys`, opens pidfds. Synchronous, and without opinions on who may ask.
//!
//! Roots and machine facts are injected ([`Roots`], [`Machine`]), so that the same code reads a container's view of its host, a
//! captured tree in a test, or this machine. Parsers take bytes and never open files.

mod askers;
pub mod cgroup;
pub mod control;
mod disk_usage;
mod error;
mod features;
mod host;
mod machine;
mod netlink;
mod open_files_limit;
mod own_cost;
mod priority;
pub mod process;
mod procfs;
mod roots;
pub mod sockets;
mod sys;
pub mod system;
mod users;

pub use control::{
    ControlAbilities, ControlError, EndingSet, Held, Liveness, Member, ProcessHandle, Scope, ScopeError, ScopeKind,
    TargetFacts,
};
pub use disk_usage::DiskUsageError;
pub use error::HostError;
pub use features::own_user;
pub use host::Host;
pub use machine::Machine;
pub use open_files_limit::raise_open_files_limit;
pub use own_cost::OwnCost;
pub use priority::stand_back;
pub use process::{EnvironDisclosure, Half, ProcessPlan, ProcessReader, ReaderPair, UsageBaseline};
pub use roots::{RootError, Roots};
pub use system::{SystemReader, add_rates, add_rates_of, compared_fields};
