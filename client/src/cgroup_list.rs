//! A list of control groups as it comes in.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use procwire_proto::v1::{Cgroup, ListCgroupsHeader, ListCgroupsResponse, ListCgroupsSummary};
use tonic::Streaming;

use crate::Error;
use crate::call::Call;
use crate::row_stream::{Chunk, Parts, RowStream};

/// A whole list of control groups.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CgroupList {
    /// When it was read.
    pub header: ListCgroupsHeader,
    /// The rows.
    pub cgroups: Vec<Cgroup>,
    /// How many were sent and left out, and what could not be read.
    pub summary: ListCgroupsSummary,
}

/// The rows of a list of control groups as they come; made by [`ListCgroups::stream`](crate::ListCgroups::stream).
///
/// Also a [`Stream`] of `Result<Vec<Cgroup>, Error>`. Dropped: the agent stops reading after the group it is at.
#[must_use = "rows are read by `next`"]
pub struct CgroupStream(RowStream<ListCgroupsResponse>);

impl CgroupStream {
    pub(crate) fn begin(
        call: Call,
        first: Option<ListCgroupsResponse>,
        rest: Streaming<ListCgroupsResponse>,
    ) -> Result<Self, Error> {
        RowStream::begin(call, first, rest).map(Self)
    }

    /// When the list was read; there from the start.
    pub fn header(&self) -> &ListCgroupsHeader {
        self.0.header()
    }

    /// How many rows were sent and left out, and what could not be read; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&ListCgroupsSummary> {
        self.0.summary()
    }

    /// The next rows, at least one; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](crate::ErrorKind::CutShort) if the list ends without its summary,
    /// [`Timeout`](crate::ErrorKind::Timeout) at the deadline of the list, and those of a broken connection. After an error
    /// there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<Cgroup>>, Error> {
        self.0.next().await
    }

    /// All rows that are left, with the header and the summary.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn collect(self) -> Result<CgroupList, Error> {
        let (header, cgroups, summary) = self.0.collect().await?;
        Ok(CgroupList { header, cgroups, summary })
    }
}

impl Chunk for ListCgroupsResponse {
    type Header = ListCgroupsHeader;
    type Row = Cgroup;
    type Summary = ListCgroupsSummary;

    fn into_parts(self) -> Parts<Self::Header, Self::Row, Self::Summary> {
        let Self { header, cgroups, summary } = self;
        Parts { header, rows: cgroups, summary }
    }
}

impl Stream for CgroupStream {
    type Item = Result<Vec<Cgroup>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_rows(context)
    }
}

impl fmt::Debug for CgroupStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CgroupStream")
            .field("target", &self.0.call.client.target())
            .field("header", &self.header())
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}
