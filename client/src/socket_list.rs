//! A list of sockets as it comes in.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use procwire_proto::v1::{ListSocketsHeader, ListSocketsResponse, ListSocketsSummary, Socket};
use tonic::Streaming;

use crate::Error;
use crate::call::Call;
use crate::row_stream::{Chunk, Parts, RowStream};

/// A whole list of sockets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SocketList {
    /// When it was read.
    pub header: ListSocketsHeader,
    /// The rows.
    pub sockets: Vec<Socket>,
    /// How many were sent and left out, and what could not be read.
    pub summary: ListSocketsSummary,
}

/// The rows of a list of sockets as they come; made by [`ListSockets::stream`](crate::ListSockets::stream).
///
/// Also a [`Stream`] of `Result<Vec<Socket>, Error>`. Dropped: the agent stops sending.
#[must_use = "rows are read by `next`"]
pub struct SocketStream(RowStream<ListSocketsResponse>);

impl SocketStream {
    pub(crate) fn begin(
        call: Call,
        first: Option<ListSocketsResponse>,
        rest: Streaming<ListSocketsResponse>,
    ) -> Result<Self, Error> {
        RowStream::begin(call, first, rest).map(Self)
    }

    /// When the list was read; there from the start.
    pub fn header(&self) -> &ListSocketsHeader {
        self.0.header()
    }

    /// How many rows were sent and left out, and what could not be read; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&ListSocketsSummary> {
        self.0.summary()
    }

    /// The next rows, at least one; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ends without its summary,
    /// [`Timeout`](crate::ErrorKind::Timeout) at the deadline of the list, and those of a broken connection. After an error
    /// there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<Socket>>, Error> {
        self.0.next().await
    }

    /// All rows that are left, with the header and the summary.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn collect(self) -> Result<SocketList, Error> {
        let (header, sockets, summary) = self.0.collect().await?;
        Ok(SocketList { header, sockets, summary })
    }
}

impl Chunk for ListSocketsResponse {
    type Header = ListSocketsHeader;
    type Row = Socket;
    type Summary = ListSocketsSummary;

    fn into_parts(self) -> Parts<Self::Header, Self::Row, Self::Summary> {
        let Self { header, sockets, summary } = self;
        Parts { header, rows: sockets, summary }
    }
}

impl Stream for SocketStream {
    type Item = Result<Vec<Socket>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_rows(context)
    }
}

impl fmt::Debug for SocketStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SocketStream")
            .field("target", &self.0.call.client.target())
            .field("header", &self.header())
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}
