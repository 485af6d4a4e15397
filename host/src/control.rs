//! Acting on one process, and knowing how it ended, through a descriptor that can mean no other process.

mod abilities;
mod error;
mod handle;
mod liveness;
mod settings;

pub use abilities::ControlAbilities;
pub use error::ControlError;
pub use handle::ProcessHandle;
pub use liveness::Liveness;
pub use settings::{Applied, LimitChange, Patience, Setting, Threads};
