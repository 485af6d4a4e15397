//! Processes as a table, in columns by field, and one process as a page.

mod columns;
mod fields;
mod page;

pub(crate) use columns::{COMPACT, Layout, WIDE, table};
pub(crate) use fields::table_of_fields;
pub(crate) use page::write_page;
