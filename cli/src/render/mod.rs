//! Text out of messages. Nothing here decides or asks. Whatever came from a process is escaped here, and only here.

pub mod clock;
pub mod json;
pub mod page;
pub mod process;
pub mod table;
pub mod units;
pub mod unreadable;
pub mod value;
