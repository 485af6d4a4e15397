//! One piece of a scan that is sent as it is read: the blocking part, which runs on a thread of the pool and shares the work with one
//! more.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use procwire_host::{Half, HostError, ProcessReader};
use procwire_proto::v1::Process;
use prost::Message as _;

use super::{
    chunk::Chunk,
    order::Entry,
    reading::{Begun, Outcome, Waits},
    walk::{Cursor, Job, PIECE_TIME, Tally, WINDOW_OF_LONG_WORK},
};

/// As long as nothing is known of the size of rows.
const WINDOW_FIRST: usize = 512;

/// A full chunk is sent before a window as small as this is begun.
const WINDOW_MIN: usize = 32;

/// One piece, ready to be sent.
pub(super) struct Piece {
    pub(super) message: Bytes,
    /// The summary is in it.
    pub(super) is_last: bool,
}

/// Which rows are sent.
#[derive(Clone)]
pub(super) enum Rows {
    /// Those that pass, as they come.
    Passing,
    /// Those that an order has chosen; the cursor counts them, not pids.
    Chosen(Arc<[Entry]>),
}

/// What is to be done with the items of a window.
struct Task<'a> {
    rows: &'a Rows,
    rows_left: usize,
    ends: Instant,
    /// What the rows are added to, where one thread makes them all: it knows what there is room for. Of two, what the second made may
    /// have to be read again.
    before: Option<&'a Chunk>,
}

/// What one thread made of its share of a window.
struct Share {
    chunk: Chunk,
    /// How many it was given.
    given: usize,
    /// How many of them are settled.
    settled: usize,
    tally: Tally,
    /// The first row of the next piece, which was read and did not fit.
    left_over: Option<Bytes>,
}

impl Job {
    /// Reads rows and encodes them, until a message is full or the time is over.
    pub(super) fn piece(&self, mut cursor: Cursor, rows: &Rows) -> Result<(Piece, Cursor), HostError> {
        let began = Instant::now();
        let _ended = self.progress.ended_on_drop();
        let mut chunk = Chunk::default();
        chunk.begin(cursor.began.clone().unwrap_or_else(|| self.source.host.sample_time()));
        if let Some(header) = cursor.header.take() {
            chunk.open(header);
        }
        if let Some(row) = cursor.left_over.take() {
            chunk.push_encoded(&row);
        }
        let most = self.window();
        while !cursor.is_done() && began.elapsed() <= PIECE_TIME {
            let size = chunk.rows_that_fit().unwrap_or(WINDOW_FIRST).min(most);
            // Without a filter as many rows come as pids are read.
            let size = if self.sends_all(rows) { size.min(cursor.rows_left) } else { size };
            if chunk.rows() > 0 && size < WINDOW_MIN.min(most).min(cursor.rows_left) {
                break;
            }
            let items = Arc::clone(&cursor.items);
            let window = items.get(cursor.next..).unwrap_or_default();
            let window = window.get(..size).unwrap_or(window);
            let is_shared = window.len() > WINDOW_OF_LONG_WORK;
            let before = (!is_shared).then_some(&chunk);
            let task = Task { rows, rows_left: cursor.rows_left, ends: began + PIECE_TIME, before };
            let shares = self.source.with_pair(|readers| {
                readers.read(window, |reader, half, items| {
                    let share = self.share(reader, half, items, &task);
                    self.progress.done(half);
                    share
                })
            });
            if cursor.take(&mut chunk, shares)? < window.len() {
                break;
            }
        }
        cursor.count_time(began);
        let is_last = cursor.is_done() && cursor.left_over.is_none();
        if is_last {
            chunk.close(cursor.summary);
        }
        Ok((Piece { message: chunk.into_bytes(), is_last }, cursor))
    }

    fn sends_all(&self, rows: &Rows) -> bool {
        matches!(rows, Rows::Chosen(_)) || self.reading.passage().lets_all_pass()
    }

    /// Reads and encodes what one thread is given, until its chunk is full, the time is over or nobody waits any more.
    fn share(
        &self,
        reader: &mut ProcessReader,
        half: Half,
        items: &[u32],
        task: &Task<'_>,
    ) -> Result<Share, HostError> {
        let Task { rows, rows_left, ends, before } = *task;
        let mut chunk = Chunk::for_rows(items.len());
        if let Some(before) = before {
            chunk = chunk.after(before);
        }
        let mut share = Share { chunk, given: items.len(), settled: 0, tally: Tally::default(), left_over: None };
        for &item in items {
            // At least one, so that every piece goes on.
            let is_late = share.settled > 0 && Instant::now() > ends;
            let is_full = usize::try_from(share.chunk.rows()).unwrap_or(usize::MAX) >= rows_left;
            if is_late || is_full {
                break;
            }
            match self.row(reader, half, item, rows)? {
                Outcome::Abandoned => break,
                Outcome::Vanished => share.tally.vanished += 1,
                Outcome::LeftOut { unjudged } => share.tally.leave_out(unjudged),
                Outcome::Passed(mut row) => {
                    self.reading.complete(&mut row);
                    if !share.chunk.push(&row) {
                        share.left_over = Some(row.encode_to_vec().into());
                        share.settled += 1;
                        break;
                    }
                }
            }
            share.settled += 1;
        }
        Ok(share)
    }

    fn row(&self, reader: &mut ProcessReader, half: Half, item: u32, rows: &Rows) -> Result<Outcome, HostError> {
        let entry = match rows {
            Rows::Passing => return self.pass(reader, half, item),
            Rows::Chosen(entries) => entries.get(usize::try_from(item).unwrap_or(usize::MAX)),
        };
        // Encoded by us a moment ago.
        let Some(row) = entry.and_then(|entry| Process::decode(&*entry.row).ok()) else { return Ok(Outcome::Vanished) };
        let pid = row.pid;
        let depth = self.depth_of(pid);
        self.reading.read_rest(reader, row, depth, |waits| self.progress.at(half, pid, waits))
    }

    /// Takes a process through the filter.
    pub(super) fn pass(&self, reader: &mut ProcessReader, half: Half, pid: u32) -> Result<Outcome, HostError> {
        let begun = if self.are_listed { Begun::Listed(pid) } else { Begun::Named(pid) };
        let at = |waits: Option<Waits>| match waits {
            Some(waits) => self.progress.at(half, pid, waits),
            None => self.progress.off(half),
        };
        self.reading.passage().read(reader, begun, self.depth_of(pid), at)
    }
}

impl Cursor {
    /// Adds what two threads made to the message: how many of the window are settled.
    fn take(
        &mut self,
        chunk: &mut Chunk,
        (front, back): (Result<Share, HostError>, Option<Result<Share, HostError>>),
    ) -> Result<usize, HostError> {
        let mut settled = 0;
        for share in std::iter::once(front).chain(back) {
            let share = share?;
            let rows = share.chunk.rows() + u32::from(share.left_over.is_some());
            let rows_wide = usize::try_from(rows).unwrap_or(usize::MAX);
            // What does not fit, or is more than is wanted, is read again; the size of the window makes that rare.
            if rows_wide > self.rows_left || !chunk.join(&share.chunk) {
                break;
            }
            settled += share.settled;
            self.rows_left -= rows_wide;
            self.summary.returned += rows;
            share.tally.add_to(&mut self.summary);
            self.left_over = share.left_over;
            if self.left_over.is_some() || share.settled < share.given {
                break;
            }
        }
        self.next += settled;
        Ok(settled)
    }
}
