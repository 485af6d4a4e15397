//! A list of processes as it comes in.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use procwire_proto::v1::{ListProcessesHeader, ListProcessesResponse, ListProcessesSummary, Process};
use tonic::Streaming;

use crate::Error;
use crate::call::Call;
use crate::row_stream::{Chunk, Parts, RowStream};

/// A whole list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProcessList {
    /// When it was read and which fields were.
    pub header: ListProcessesHeader,
    /// The rows.
    pub processes: Vec<Process>,
    /// How many there were, were sent, vanished meanwhile.
    pub summary: ListProcessesSummary,
}

/// The rows of a list as they come; made by [`ListProcesses::stream`](crate::ListProcesses::stream).
///
/// Also a [`Stream`] of `Result<Vec<Process>, Error>`. Dropped: the agent stops reading after the process it is at.
#[must_use = "rows are read by `next`"]
pub struct ProcessStream(RowStream<ListProcessesResponse>);

impl ProcessStream {
    pub(crate) fn begin(
        call: Call,
        first: Option<ListProcessesResponse>,
        rest: Streaming<ListProcessesResponse>,
    ) -> Result<Self, Error> {
        RowStream::begin(call, first, rest).map(Self)
    }

    /// When the list was read and which fields were; there from the start.
    pub fn header(&self) -> &ListProcessesHeader {
        self.0.header()
    }

    /// How many rows there were, were sent, vanished; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&ListProcessesSummary> {
        self.0.summary()
    }

    /// The next rows, at least one; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ends without its summary,
    /// [`Timeout`](crate::ErrorKind::Timeout) at the deadline of the list, and those of a broken connection. After an error
    /// there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<Process>>, Error> {
        self.0.next().await
    }

    /// All rows that are left, with the header and the summary.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn collect(self) -> Result<ProcessList, Error> {
        let (header, processes, summary) = self.0.collect().await?;
        Ok(ProcessList { header, processes, summary })
    }
}

impl Chunk for ListProcessesResponse {
    type Header = ListProcessesHeader;
    type Row = Process;
    type Summary = ListProcessesSummary;

    fn into_parts(self) -> Parts<Self::Header, Self::Row, Self::Summary> {
        let Self { header, processes, summary, sampled: _ } = self;
        Parts { header, rows: processes, summary }
    }
}

impl Stream for ProcessStream {
    type Item = Result<Vec<Process>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_rows(context)
    }
}

impl fmt::Debug for ProcessStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProcessStream")
            .field("target", &self.0.call.client.target())
            .field("header", &self.header())
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}
