//! The bytes of one message of a list, encoded row by row. Every list has its rows in field 2, and may have other fields beside them.

use bytes::Bytes;
use prost::{Message, encoding::encode_varint};

/// A message is sent when the next row would make it longer than this. A single row may be longer.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;

/// Key of the field of rows: number 2, length-delimited.
const ROWS_KEY: u8 = 2 << 3 | 2;
/// Longest key and length before a row.
const ROW_PREFIX_BYTES: usize = 6;

/// A message being filled.
#[derive(Debug, Default)]
pub(crate) struct ListMessage {
    bytes: Vec<u8>,
}

impl ListMessage {
    /// An empty message with room for so many rows of a usual size.
    pub(crate) fn for_rows(rows: usize, usual_row_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(rows.saturating_mul(usual_row_bytes).min(CHUNK_BYTES)) }
    }

    /// True if it stays within its size with one more row, and so many bytes of others.
    pub(crate) fn has_room(&self, others_bytes: usize, row_bytes: usize) -> bool {
        others_bytes + self.bytes.len() + ROW_PREFIX_BYTES + row_bytes <= CHUNK_BYTES
    }

    /// Adds a row whose encoded length is known.
    pub(crate) fn push(&mut self, row: &impl Message, row_bytes: usize) {
        self.begin_row(row_bytes);
        row.encode_raw(&mut self.bytes);
    }

    /// Adds a row that is encoded already.
    pub(crate) fn push_encoded(&mut self, row: &[u8]) {
        self.begin_row(row.len());
        self.bytes.extend_from_slice(row);
    }

    /// Adds other fields. The encodings of two messages of one type, one after the other, are the encoding of both merged.
    pub(crate) fn append(&mut self, part: &impl Message) {
        self.bytes.reserve(part.encoded_len());
        part.encode_raw(&mut self.bytes);
    }

    /// Adds everything that is in another.
    pub(crate) fn join(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }

    fn begin_row(&mut self, row_bytes: usize) {
        self.bytes.reserve(ROW_PREFIX_BYTES + row_bytes);
        self.bytes.push(ROWS_KEY);
        encode_varint(u64::try_from(row_bytes).unwrap_or(u64::MAX), &mut self.bytes);
    }
}
