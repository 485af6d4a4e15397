//! The host as a page, and its samples as lines.

mod lines;
mod page;
mod sums;

pub(crate) use lines::{SampleLines, WATCHED};
pub(crate) use page::write_page;
