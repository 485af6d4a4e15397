//! Processes as a table, in columns by field, and one process as a page.

pub(crate) mod branches;
mod columns;
pub(crate) mod environ;
mod fields;
pub(crate) mod files;
mod layout;
pub(crate) mod limits;
pub(crate) mod maps;
pub(crate) mod memory;
mod page;
pub(crate) mod thread_rows;
pub(crate) mod threads;
pub(crate) mod tree;

pub(crate) use fields::{mask_path, table_of_fields};
pub(crate) use layout::{Layout, table, table_with_branches};
pub(crate) use page::{Detail, Relatives, write_page};
