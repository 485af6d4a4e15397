//! Acting on one process, and knowing how it ended, through a descriptor that can mean no other process.

mod abilities;
mod endings;
mod error;
mod facts;
mod handle;
mod liveness;
mod scope;
mod settings;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod test_children;

pub use abilities::ControlAbilities;
pub use endings::EndingSet;
pub use error::ControlError;
pub use facts::TargetFacts;
pub use handle::ProcessHandle;
pub use liveness::Liveness;
pub use scope::{Held, Member, Scope, ScopeError, ScopeKind};
pub use settings::{Applied, LimitChange, Patience, Setting, Threads};
