//! Processes as a table, in columns by field, and one process as a page.

mod columns;
mod fields;
mod page;

pub use columns::{COMPACT, Layout, ProcessColumn, WIDE, table};
pub use fields::table_of_fields;
pub use page::write_page;
