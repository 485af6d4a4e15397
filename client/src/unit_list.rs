//! A list of systemd units as it comes in.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use procwire_proto::v1::{ListUnitsHeader, ListUnitsResponse, ListUnitsSummary, Unit};
use tonic::Streaming;

use crate::Error;
use crate::call::Call;
use crate::row_stream::{Chunk, Parts, RowStream};

/// A whole list of systemd units.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UnitList {
    /// When it was read.
    pub header: ListUnitsHeader,
    /// The rows.
    pub units: Vec<Unit>,
    /// How many were sent and left out, and what could not be read.
    pub summary: ListUnitsSummary,
}

/// The rows of a list of systemd units as they come; made by [`ListUnits::stream`](crate::ListUnits::stream).
///
/// Also a [`Stream`] of `Result<Vec<Unit>, Error>`. Dropped: the agent asks systemd for nothing more.
#[must_use = "rows are read by `next`"]
pub struct UnitStream(RowStream<ListUnitsResponse>);

impl UnitStream {
    pub(crate) fn begin(
        call: Call,
        first: Option<ListUnitsResponse>,
        rest: Streaming<ListUnitsResponse>,
    ) -> Result<Self, Error> {
        RowStream::begin(call, first, rest).map(Self)
    }

    /// When the list was read; there from the start.
    pub fn header(&self) -> &ListUnitsHeader {
        self.0.header()
    }

    /// How many rows were sent and left out, and what could not be read; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&ListUnitsSummary> {
        self.0.summary()
    }

    /// The next rows, at least one; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ends without its summary,
    /// [`Timeout`](crate::ErrorKind::Timeout) at the deadline of the list, and those of a broken connection. After an error
    /// there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<Unit>>, Error> {
        self.0.next().await
    }

    /// All rows that are left, with the header and the summary.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn collect(self) -> Result<UnitList, Error> {
        let (header, units, summary) = self.0.collect().await?;
        Ok(UnitList { header, units, summary })
    }
}

impl Chunk for ListUnitsResponse {
    type Header = ListUnitsHeader;
    type Row = Unit;
    type Summary = ListUnitsSummary;

    fn into_parts(self) -> Parts<Self::Header, Self::Row, Self::Summary> {
        let Self { header, units, summary } = self;
        Parts { header, rows: units, summary }
    }
}

impl Stream for UnitStream {
    type Item = Result<Vec<Unit>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_rows(context)
    }
}

impl fmt::Debug for UnitStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnitStream")
            .field("target", &self.0.call.client.target())
            .field("header", &self.header())
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}
