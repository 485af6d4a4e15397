//! Answers of many rows, for programs.

use std::io;

use serde_json::Value;

use crate::{
    output::{Format, Output},
    render::json::{ArrayWriter, write_line},
};

/// Rows as they come: an array with one object per line, or the lines alone.
#[derive(Debug, Default)]
pub(crate) struct RowWriter {
    array: ArrayWriter,
}

impl RowWriter {
    /// Prints the next row.
    pub(crate) fn push(&mut self, out: &mut Output, row: &Value) -> io::Result<()> {
        match out.format {
            Format::Ndjson => write_line(&mut out.answer, row),
            _ => self.array.push(&mut out.answer, row),
        }
    }

    /// Closes the array.
    pub(crate) fn finish(self, out: &mut Output) -> io::Result<()> {
        match out.format {
            Format::Ndjson => Ok(()),
            _ => self.array.finish(&mut out.answer),
        }
    }
}

/// Prints rows that are all there.
pub(crate) fn write_rows(out: &mut Output, rows: impl IntoIterator<Item = Value>) -> io::Result<()> {
    let mut writer = RowWriter::default();
    for row in rows {
        writer.push(out, &row)?;
    }
    writer.finish(out)
}
