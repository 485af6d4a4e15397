//! Acting on one process, and knowing how it ended, through a descriptor that can mean no other process.

mod error;
mod handle;
mod liveness;

pub use error::ControlError;
pub use handle::ProcessHandle;
pub use liveness::Liveness;
