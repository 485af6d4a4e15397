//! One message of a list of sockets, encoded row by row.

use bytes::Bytes;
use procwire_proto::v1::{ListSocketsHeader, ListSocketsResponse, ListSocketsSummary, Socket};
use prost::Message as _;

use crate::services::list_message::ListMessage;

/// A message being filled.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    message: ListMessage,
    has_rows: bool,
}

impl Chunk {
    /// An empty message with room for so many rows.
    pub(super) fn for_rows(rows: usize) -> Self {
        const USUAL_ROW_BYTES: usize = 96;
        Self { message: ListMessage::for_rows(rows, USUAL_ROW_BYTES), has_rows: false }
    }

    /// Adds the header of the list.
    pub(super) fn open(&mut self, header: ListSocketsHeader) {
        self.message.append(&ListSocketsResponse { header: Some(header), ..Default::default() });
    }

    /// Adds a row. False: the message is full, the row belongs into the next.
    #[must_use]
    pub(super) fn push(&mut self, row: &Socket) -> bool {
        let row_bytes = row.encoded_len();
        if self.has_rows && !self.message.has_room(0, row_bytes) {
            return false;
        }
        self.message.push(row, row_bytes);
        self.has_rows = true;
        true
    }

    /// Adds the summary of the list.
    pub(super) fn close(&mut self, summary: ListSocketsSummary) {
        self.message.append(&ListSocketsResponse { summary: Some(summary), ..Default::default() });
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.message.into_bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use crate::services::list_message::CHUNK_BYTES;
    use procwire_proto::v1::{SocketAddress, UnixAddress, socket_address::Address};

    use super::*;

    fn row(inode: u64, path_bytes: usize) -> Socket {
        let address = Address::Unix(UnixAddress { path: Some(vec![b'x'; path_bytes]) });
        Socket { inode: Some(inode), local: Some(SocketAddress { address: Some(address) }), ..Default::default() }
    }

    #[test]
    fn a_chunk_is_the_message_that_prost_would_encode() {
        let summary = ListSocketsSummary { returned: 2, read_ns: 7, ..Default::default() };
        let rows = vec![row(1, 5), row(300, 108)];
        let mut chunk = Chunk::for_rows(2);
        chunk.open(ListSocketsHeader { sampled: None });
        assert!(rows.iter().all(|row| chunk.push(row)));
        chunk.close(summary.clone());
        let header = Some(ListSocketsHeader { sampled: None });
        let expected = ListSocketsResponse { header, sockets: rows, summary: Some(summary) };
        assert_eq!(ListSocketsResponse::decode(chunk.into_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_full_chunk_turns_the_row_away_and_stays_within_its_size() {
        let mut chunk = Chunk::default();
        let big = row(1, 100 * 1024);
        assert!(chunk.push(&big) && chunk.push(&big));
        assert!(!chunk.push(&big));
        let bytes = chunk.into_bytes();
        assert!(bytes.len() <= CHUNK_BYTES);
        assert_eq!(ListSocketsResponse::decode(bytes).unwrap().sockets.len(), 2);
    }

    #[test]
    fn a_row_longer_than_a_chunk_travels_alone() {
        let mut chunk = Chunk::default();
        assert!(chunk.push(&row(1, 2 * CHUNK_BYTES)));
        assert!(!chunk.push(&row(2, 1)));
    }
}
