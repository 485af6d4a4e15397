//! A list as it comes in: a header, rows in chunks, a summary.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream as _;
use tokio::time::Sleep;
use tonic::Streaming;

use crate::call::Call;
use crate::{Error, ErrorKind};

/// One message of a list.
pub(crate) trait Chunk {
    type Header;
    type Row;
    type Summary;

    fn into_parts(self) -> Parts<Self::Header, Self::Row, Self::Summary>;
}

/// What a message of a list has.
pub(crate) struct Parts<Header, Row, Summary> {
    /// In the first message.
    pub(crate) header: Option<Header>,
    pub(crate) rows: Vec<Row>,
    /// In the last message.
    pub(crate) summary: Option<Summary>,
}

/// The rows of a list as they come.
pub(crate) struct RowStream<Message: Chunk> {
    pub(crate) call: Call,
    header: Message::Header,
    summary: Option<Message::Summary>,
    /// Rows that came with the first message.
    first_rows: Vec<Message::Row>,
    rest: Streaming<Message>,
    deadline: Pin<Box<Sleep>>,
    finished: bool,
}

/// The next rows; `None` at the end.
type Polled<Row> = Poll<Option<Result<Vec<Row>, Error>>>;

impl<Message: Chunk> RowStream<Message> {
    /// Takes up a list at its first message, which has the header and for a short list everything.
    pub(crate) fn begin(call: Call, first: Option<Message>, rest: Streaming<Message>) -> Result<Self, Error> {
        let first = first.ok_or_else(|| cut_short(&call))?;
        let Parts { header, rows: first_rows, summary } = first.into_parts();
        let header = header.ok_or_else(|| call.protocol_error("the list has no header"))?;
        let deadline = call.alarm();
        Ok(Self { call, header, summary, first_rows, rest, deadline, finished: false })
    }

    pub(crate) fn header(&self) -> &Message::Header {
        &self.header
    }

    /// There once the rows have ended.
    pub(crate) fn summary(&self) -> Option<&Message::Summary> {
        self.summary.as_ref().filter(|_| self.finished)
    }

    /// The next rows, at least one; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Message::Row>>, Error> {
        poll_fn(|context| self.poll_rows(context)).await.transpose()
    }

    /// The header, all rows that are left, the summary.
    pub(crate) async fn collect(mut self) -> Result<(Message::Header, Vec<Message::Row>, Message::Summary), Error> {
        let mut all = self.next().await?.unwrap_or_default();
        while let Some(mut rows) = self.next().await? {
            all.append(&mut rows);
        }
        let summary = self.summary.ok_or_else(|| cut_short(&self.call))?;
        Ok((self.header, all, summary))
    }

    pub(crate) fn poll_rows(&mut self, context: &mut Context<'_>) -> Polled<Message::Row> {
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

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Polled<Message::Row> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.call.timed_out())));
        }
        loop {
            match ready!(Pin::new(&mut self.rest).poll_next(context)) {
                Some(Ok(message)) => {
                    let Parts { header: _, rows, summary } = message.into_parts();
                    self.summary = summary.or(self.summary.take());
                    if !rows.is_empty() {
                        return Poll::Ready(Some(Ok(rows)));
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
