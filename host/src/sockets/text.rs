//! The text tables below `/proc/PID/net`, for where netlink is refused: slower, and without the peers of unix sockets.

mod inet;
mod others;
mod unix;

use std::{ffi::CString, fs::File, io::Read as _, os::fd::BorrowedFd};

use rustix::io::Errno;

use super::{row::Row, tables::Table};
use crate::procfs;

/// Reads a table of the network namespace that `process` lives in: a pid, or "self". A table that is not there is empty.
pub(super) fn read(proc: BorrowedFd<'_>, process: &str, table: Table, rows: &mut Vec<Row>) -> Result<(), Errno> {
    let Some(file) = table.text_file() else { return Ok(()) };
    let path = CString::new(format!("{process}/net/{file}")).map_err(|_| Errno::INVAL)?;
    let text = match procfs::open(proc, &path) {
        Ok(file) => {
            let mut text = Vec::new();
            // A file of many records ends only with an empty read.
            File::from(file)
                .read_to_end(&mut text)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            text
        }
        // Without the process there is no directory either.
        Err(Errno::NOENT) if has_tables(proc, process) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    parse(table, &text, rows);
    Ok(())
}

fn has_tables(proc: BorrowedFd<'_>, process: &str) -> bool {
    let path = format!("{process}/net");
    rustix::fs::statat(proc, path.as_str(), rustix::fs::AtFlags::empty()).is_ok()
}

fn parse(table: Table, text: &[u8], rows: &mut Vec<Row>) {
    // The first line is a header. Only a path can hold a newline.
    let body = memchr::memchr(b'\n', text).and_then(|end| text.get(end + 1..)).unwrap_or_default();
    match table {
        Table::Inet { transport, .. } => rows.extend(lines(body).filter_map(|line| inet::parse(line, transport))),
        Table::Unix => unix::parse(body, rows),
        Table::Netlink => rows.extend(lines(body).filter_map(others::parse_netlink)),
        Table::Packet => rows.extend(lines(body).filter_map(others::parse_packet)),
        Table::Vsock => {}
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// A number of hexadecimal digits, whole.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| Some(number << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Option<T> {
    T::try_from(number).ok()
}
