//! A list of processes as it comes in.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use procwire_proto::v1::{ListProcessesHeader, ListProcessesResponse, ListProcessesSummary, Process};
use tokio::time::Sleep;
use tonic::Streaming;

use crate::call::Call;
use crate::{Error, ErrorKind};

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
pub struct ProcessStream {
    call: Call,
    header: ListProcessesHeader,
    summary: Option<ListProcessesSummary>,
    /// Rows that came with the first message.
    first_rows: Vec<Process>,
    rest: Streaming<ListProcessesResponse>,
    deadline: Pin<Box<Sleep>>,
    finished: bool,
}

impl ProcessStream {
    /// Takes up a list at its first message, which has the header and for a short list everything.
    pub(crate) fn begin(
        call: Call,
        first: Option<ListProcessesResponse>,
        rest: Streaming<ListProcessesResponse>,
    ) -> Result<Self, Error> {
        let first = first.ok_or_else(|| cut_short(&call))?;
        let ListProcessesResponse { header, processes, summary, sampled: _ } = first;
        let header = header.ok_or_else(|| call.protocol_error("the list has no header"))?;
        let deadline = call.alarm();
        Ok(Self { call, header, summary, first_rows: processes, rest, deadline, finished: false })
    }

    /// When the list was read and which fields were; there from the start.
    pub fn header(&self) -> &ListProcessesHeader {
        &self.header
    }

    /// How many rows there were, were sent, vanished; there once [`next`](Self::next) has answered `None`.
    pub fn summary(&self) -> Option<&ListProcessesSummary> {
        self.summary.as_ref().filter(|_| self.finished)
    }

    /// The next rows, at least one; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`CutShort`](ErrorKind::CutShort) if the list ends without its summary, [`Timeout`](ErrorKind::Timeout) at the
    /// deadline of the list, and those of a broken connection. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<Process>>, Error> {
        poll_fn(|context| self.poll_rows(context)).await.transpose()
    }

    /// All rows that are left, with the header and the summary.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub async fn collect(mut self) -> Result<ProcessList, Error> {
        let mut processes = self.next().await?.unwrap_or_default();
        while let Some(mut rows) = self.next().await? {
            processes.append(&mut rows);
        }
        let Self { header, summary, call, .. } = self;
        let summary = summary.ok_or_else(|| cut_short(&call))?;
        Ok(ProcessList { header, processes, summary })
    }

    fn poll_rows(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<Process>, Error>>> {
        if !self.first_rows.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first_rows))));
        }
        if self.finished {
            return Poll::Ready(None);
        }
        let polled = self.poll_rest(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.finished = true;
        }
        polled
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<Process>, Error>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.call.timed_out())));
        }
        loop {
            match ready!(Pin::new(&mut self.rest).poll_next(context)) {
                Some(Ok(ListProcessesResponse { header: _, processes, summary, sampled: _ })) => {
                    self.summary = summary.or(self.summary.take());
                    if !processes.is_empty() {
                        return Poll::Ready(Some(Ok(processes)));
                    }
                }
                Some(Err(status)) => return Poll::Ready(Some(Err(self.call.failed(status)))),
                None if self.summary.is_some() => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(cut_short(&self.call)))),
            }
        }
    }
}

fn cut_short(call: &Call) -> Error {
    call.error(ErrorKind::CutShort, "the list ended without its summary: rows may be missing")
}

impl Stream for ProcessStream {
    type Item = Result<Vec<Process>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_rows(context)
    }
}

impl fmt::Debug for ProcessStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProcessStream")
            .field("target", &self.call.client.target())
            .field("header", &self.header)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}
