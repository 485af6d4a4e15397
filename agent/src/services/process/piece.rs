//! One piece of a scan: the blocking part, which runs on a thread of the pool and shares the work with one more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use procwire_host::{Half, HostError, ProcessReader, ReaderPair};
use procwire_proto::v1::{ListProcessesHeader, ListProcessesSummary};

use super::{
    Source,
    chunk::Chunk,
    reading::{Depth, Reading},
    stuck::Progress,
};

/// A piece ends after this time even if it is not full, so that slow fields neither hold a thread for long nor pass its deadline.
const PIECE_TIME: Duration = Duration::from_millis(250);

/// Pids that are shared out between the two threads at a time, at most.
const WINDOW: usize = 1024;

/// As long as nothing is known of the size of rows.
const WINDOW_FIRST: usize = 512;

/// A full chunk is sent before a window as small as this is begun.
const WINDOW_MIN: usize = 32;

/// What a piece needs to know of those before; small enough to be copied for each.
#[derive(Clone)]
pub(super) struct Cursor {
    pub(super) pids: Option<Arc<[u32]>>,
    pub(super) next: usize,
    pub(super) rows_left: usize,
    pub(super) summary: ListProcessesSummary,
}

/// One piece, ready to be sent.
pub(super) struct Piece {
    pub(super) message: Bytes,
    /// The summary is in it.
    pub(super) is_last: bool,
}

/// Reads one piece.
pub(super) struct Job {
    pub(super) source: Arc<Source>,
    pub(super) reading: Arc<Reading>,
    pub(super) cursor: Cursor,
    pub(super) depth: Depth,
    pub(super) progress: Arc<Progress>,
}

/// What one thread made of its share of a window.
struct Share {
    chunk: Chunk,
    /// Pids that it was given.
    given: usize,
    /// Pids of them that are settled.
    settled: usize,
    vanished: u32,
}

impl Job {
    pub(super) fn run(self) -> Result<(Piece, Cursor), HostError> {
        let source = Arc::clone(&self.source);
        let _ended = self.progress.ended_on_drop();
        let mut readers = source.pairs.take(|| ReaderPair::new(&source.host));
        let answer = self.read(&mut readers);
        source.pairs.put_back(readers);
        answer
    }

    fn read(self, readers: &mut ReaderPair) -> Result<(Piece, Cursor), HostError> {
        let began = Instant::now();
        let sampled = self.source.host.sample_time();
        let mut chunk = Chunk::default();
        chunk.begin(sampled.clone());
        let Cursor { pids, mut next, mut rows_left, mut summary } = self.cursor.clone();
        let pids = match pids {
            Some(pids) => pids,
            None => {
                let pids: Arc<[u32]> = Arc::from(readers.list_pids()?);
                summary.listed = u32::try_from(pids.len()).unwrap_or(u32::MAX);
                let effective_mask = Some(self.reading.asked().to_mask());
                chunk.open(ListProcessesHeader { sampled: Some(sampled), effective_mask });
                pids
            }
        };
        let is_settled = |next: usize, rows_left: usize| next >= pids.len() || rows_left == 0;
        while !is_settled(next, rows_left) && began.elapsed() <= PIECE_TIME {
            let size = chunk.rows_that_fit().unwrap_or(WINDOW_FIRST).min(WINDOW).min(rows_left);
            if chunk.rows() > 0 && size < WINDOW_MIN.min(rows_left) {
                break;
            }
            let window = pids.get(next..).unwrap_or_default();
            let window = window.get(..size).unwrap_or(window);
            let (front, back) =
                readers.read(window, |reader, half, pids| self.share(reader, half, pids, began + PIECE_TIME));
            let mut settled = 0;
            for share in std::iter::once(front).chain(back) {
                let share = share?;
                let rows = share.chunk.rows();
                // What does not fit is read again for the next piece; the size of the window makes that rare.
                if !chunk.join(&share.chunk) {
                    break;
                }
                settled += share.settled;
                summary.vanished += share.vanished;
                summary.returned += rows;
                rows_left = rows_left.saturating_sub(usize::try_from(rows).unwrap_or(usize::MAX));
                if share.settled < share.given {
                    break;
                }
            }
            next += settled;
            if settled < window.len() {
                break;
            }
        }
        summary.read_ns += u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let is_last = is_settled(next, rows_left);
        if is_last {
            chunk.close(summary);
        }
        let cursor = Cursor { pids: Some(pids), next, rows_left, summary };
        Ok((Piece { message: chunk.into_bytes(), is_last }, cursor))
    }

    /// Reads and encodes what one thread is given, until its chunk is full, the time is over or nobody waits any more.
    fn share(&self, reader: &mut ProcessReader, half: Half, pids: &[u32], ends: Instant) -> Result<Share, HostError> {
        let mut share = Share { chunk: Chunk::for_rows(pids.len()), given: pids.len(), settled: 0, vanished: 0 };
        for &pid in pids {
            // At least one, so that every piece goes on.
            let is_late = share.settled > 0 && Instant::now() > ends;
            if is_late || !self.progress.at(half, pid) {
                break;
            }
            let depth = if self.source.stuck.contains(pid) { Depth::Light } else { self.depth };
            match reader.read_listed(pid, self.reading.plan(depth))? {
                None => share.vanished += 1,
                Some(mut row) => {
                    self.reading.complete(depth, &mut row);
                    if !share.chunk.push(&row) {
                        break;
                    }
                }
            }
            share.settled += 1;
        }
        self.progress.done(half);
        Ok(share)
    }
}
