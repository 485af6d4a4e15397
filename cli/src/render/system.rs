//! The host as a page, and its samples as lines.

mod attention;
mod bar;
mod group;
mod lines;
mod memory;
mod network;
mod page;
mod processors;
mod sums;
mod warmth;

pub(crate) use group::path_of;
pub(crate) use lines::{SampleLines, WATCHED};
pub(crate) use page::{PAGE_FIELDS, write_page};
