//! One message of a list, encoded while its rows are read, so that no row is kept and the async side only passes bytes on.

use bytes::Bytes;
use procwire_proto::v1::{ListProcessesHeader, ListProcessesResponse, ListProcessesSummary, Process, SampleTime};
use prost::Message as _;

pub(crate) use crate::services::list_message::CHUNK_BYTES;
use crate::services::list_message::ListMessage;

/// A message being filled.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    message: ListMessage,
    rows: u32,
    /// What the rows before these take of the message that they will be joined with.
    taken_bytes: usize,
}

impl Chunk {
    /// An empty message with room for so many rows.
    pub(crate) fn for_rows(rows: usize) -> Self {
        const USUAL_ROW_BYTES: usize = 256;
        Self { message: ListMessage::for_rows(rows, USUAL_ROW_BYTES), rows: 0, taken_bytes: 0 }
    }

    /// Fills up a message that has rows already.
    #[must_use]
    pub(crate) fn after(mut self, before: &Self) -> Self {
        self.taken_bytes = if before.rows > 0 { before.message.len() } else { 0 };
        self
    }

    /// Says when the reading of its rows began.
    pub(crate) fn begin(&mut self, sampled: SampleTime) {
        self.message.append(&ListProcessesResponse { sampled: Some(sampled), ..Default::default() });
    }

    /// Adds the header of the list.
    pub(crate) fn open(&mut self, header: ListProcessesHeader) {
        self.message.append(&ListProcessesResponse { header: Some(header), ..Default::default() });
    }

    /// Adds a row. False: the message is full, the row belongs into the next.
    #[must_use]
    pub(crate) fn push(&mut self, row: &Process) -> bool {
        let row_bytes = row.encoded_len();
        let is_first = self.rows == 0 && self.taken_bytes == 0;
        if !is_first && !self.message.has_room(self.taken_bytes, row_bytes) {
            return false;
        }
        self.message.push(row, row_bytes);
        self.rows += 1;
        true
    }

    /// Adds a row that is encoded already, whatever its size.
    pub(crate) fn push_encoded(&mut self, row: &[u8]) {
        self.message.push_encoded(row);
        self.rows += 1;
    }

    /// Adds the rows of another. False: they do not fit, and belong into the next.
    #[must_use]
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        if other.rows == 0 {
            return true;
        }
        if self.rows > 0 && self.message.len() + other.message.len() > CHUNK_BYTES {
            return false;
        }
        self.rows += other.rows;
        self.message.join(&other.message);
        true
    }

    /// How many more rows of the size they had so far fit, with some room to spare; unknown while there are none.
    pub(crate) fn rows_that_fit(&self) -> Option<usize> {
        let mean_bytes = self.message.len().checked_div(usize::try_from(self.rows).ok()?)?;
        let room = CHUNK_BYTES.saturating_sub(self.message.len());
        Some(room.checked_div(mean_bytes)? / 8 * 7)
    }

    /// Adds the summary of the list.
    pub(crate) fn close(&mut self, summary: ListProcessesSummary) {
        self.message.append(&ListProcessesResponse { summary: Some(summary), ..Default::default() });
    }

    /// Rows in it so far.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.message.into_bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::FieldMask;

    use super::*;

    fn row(pid: u32, name_bytes: usize) -> Process {
        Process { pid, name: Some(vec![b'x'; name_bytes]), ..Default::default() }
    }

    #[test]
    fn a_chunk_is_the_message_that_prost_would_encode() {
        let header =
            ListProcessesHeader { sampled: None, effective_mask: Some(FieldMask { paths: vec!["pid".to_owned()] }) };
        let summary = ListProcessesSummary { listed: 3, returned: 2, vanished: 1, ..Default::default() };
        let rows = vec![row(1, 5), row(300, 0)];
        let mut chunk = Chunk::for_rows(2);
        let sampled = SampleTime { monotonic_ns: 7, ..Default::default() };
        chunk.begin(sampled.clone());
        chunk.open(header.clone());
        assert!(rows.iter().all(|row| chunk.push(row)));
        chunk.close(summary);
        let expected = ListProcessesResponse {
            header: Some(header),
            processes: rows,
            summary: Some(summary),
            sampled: Some(sampled),
        };
        assert_eq!(ListProcessesResponse::decode(chunk.into_bytes()).unwrap(), expected);
    }

    #[test]
    fn chunks_join_in_order_as_long_as_they_fit() {
        let filled = |pids: [u32; 2], name_bytes| {
            let mut chunk = Chunk::default();
            assert!(pids.iter().all(|pid| chunk.push(&row(*pid, name_bytes))));
            chunk
        };
        assert_eq!(Chunk::default().rows_that_fit(), None);
        let mut chunk = filled([1, 2], 1000);
        assert!((200..=260).contains(&chunk.rows_that_fit().unwrap()));
        assert!(chunk.join(&filled([3, 4], 1000)));
        assert!(!chunk.join(&filled([5, 6], 127 * 1024)), "too long for the rest");
        assert_eq!(chunk.rows(), 4);
        let pids = ListProcessesResponse::decode(chunk.into_bytes()).unwrap().processes.into_iter().map(|row| row.pid);
        assert_eq!(pids.collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(Chunk::default().join(&filled([5, 6], 127 * 1024)), "an empty one takes what there is");
    }

    #[test]
    fn a_full_chunk_turns_the_row_away_and_stays_within_its_size() {
        let mut chunk = Chunk::default();
        let big = row(1, 100 * 1024);
        assert!(chunk.push(&big) && chunk.push(&big));
        assert!(!chunk.push(&big));
        assert_eq!(chunk.rows(), 2);
        let bytes = chunk.into_bytes();
        assert!(bytes.len() <= CHUNK_BYTES);
        assert_eq!(ListProcessesResponse::decode(bytes).unwrap().processes.len(), 2);
    }

    #[test]
    fn a_row_longer_than_a_chunk_travels_alone() {
        let mut chunk = Chunk::default();
        assert!(chunk.push(&row(1, 2 * CHUNK_BYTES)));
        assert!(!chunk.push(&row(2, 1)));
    }

    #[test]
    fn what_fills_up_a_message_takes_no_more_than_its_rest() {
        let mut chunk = Chunk::default();
        assert!(chunk.push(&row(1, 200 * 1024)));
        let mut rest = Chunk::for_rows(2).after(&chunk);
        assert!(!rest.push(&row(2, 100 * 1024)), "not even as its first row");
        assert!(rest.push(&row(3, 10 * 1024)) && chunk.join(&rest));
        let mut first = Chunk::for_rows(1).after(&Chunk::default());
        assert!(first.push(&row(4, 2 * CHUNK_BYTES)), "there is nothing before it");
    }

    #[test]
    fn a_row_left_over_begins_the_next_message() {
        let mut chunk = Chunk::default();
        chunk.push_encoded(&row(7, 3).encode_to_vec());
        assert!(chunk.push(&row(8, 3)));
        let rows = ListProcessesResponse::decode(chunk.into_bytes()).unwrap().processes;
        assert_eq!(rows, [row(7, 3), row(8, 3)]);
    }
}
