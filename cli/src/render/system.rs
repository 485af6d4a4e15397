//! The host as a page, and its samples as lines.

mod bar;
mod devices;
mod lines;
mod memory;
mod page;
mod processors;
mod sums;

pub(crate) use lines::{SampleLines, WATCHED};
pub(crate) use page::write_page;
