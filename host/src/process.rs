//! Processes: what to read (`plan`), how it is read (`reader`), and the parsers of each file, which take bytes.

mod cmdline;
mod draft;
mod fill;
mod io;
mod link;
mod pair;
mod plan;
mod reader;
mod scrub;
mod stat;
mod statm;
mod status;
mod terminals;

pub use pair::{Half, ReaderPair};
pub use plan::ProcessPlan;
pub use reader::ProcessReader;

pub(crate) use stat::Stat;
