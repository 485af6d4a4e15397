//! The process table read piece by piece. Between pieces nothing is held but the list of pids.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use procwire_host::{HostError, ProcessReader};
use procwire_proto::v1::{ListProcessesHeader, ListProcessesSummary};

use super::{
    Source,
    chunk::Chunk,
    reading::{Depth, Reading},
    stuck::Progress,
};
use crate::{
    host_pool::{Lane, PoolError},
    services::{encoded::Encoded, outgoing},
    status::Failure,
};

/// A piece ends after this time even if it is not full, so that slow fields neither hold a thread for long nor pass its deadline.
const PIECE_TIME: Duration = Duration::from_millis(250);
/// A piece that takes longer hangs at a process, however loaded the host is.
const PIECE_HANGS_AFTER: Duration = Duration::from_secs(3);

/// Where a scan stands.
pub(crate) struct Scan {
    source: Arc<Source>,
    reading: Arc<Reading>,
    cursor: Cursor,
    /// Falls to light after hangs that remembering the stuck processes did not mend.
    depth: Depth,
    hangs: u32,
}

/// What the next piece needs to know of those before; small enough to be copied for each.
#[derive(Clone)]
struct Cursor {
    pids: Option<Arc<[u32]>>,
    next: usize,
    rows_left: usize,
    summary: ListProcessesSummary,
}

/// One piece, ready to be sent.
struct Piece {
    message: Bytes,
    /// The summary is in it.
    is_last: bool,
}

impl Scan {
    pub(crate) fn new(source: Arc<Source>, reading: Reading, rows: usize) -> Self {
        let cursor = Cursor { pids: None, next: 0, rows_left: rows, summary: ListProcessesSummary::default() };
        Self { source, reading: Arc::new(reading), cursor, depth: Depth::Whole, hangs: 0 }
    }

    /// Over these pids in this order, whatever procfs lists.
    #[cfg(test)]
    pub(crate) fn over(source: Arc<Source>, reading: Reading, pids: Arc<[u32]>) -> Self {
        let mut scan = Self::new(source, reading, usize::MAX);
        scan.cursor.pids = Some(pids);
        scan
    }

    /// Reads the next piece on the host pool. A process that hangs the read costs its slow fields, not the list.
    async fn next_piece(&mut self) -> Result<Piece, Failure> {
        loop {
            let progress = Progress::new(Arc::clone(&self.source.stuck));
            let job = Job {
                source: Arc::clone(&self.source),
                reading: Arc::clone(&self.reading),
                cursor: self.cursor.clone(),
                depth: self.depth,
                progress: Arc::clone(&progress),
            };
            match self.source.pool.run_within(self.reading.lane(self.depth), PIECE_HANGS_AFTER, move || job.run()).await
            {
                Ok(answer) => {
                    let (piece, cursor) = answer?;
                    self.cursor = cursor;
                    return Ok(piece);
                }
                Err(error) => {
                    let stuck_at = progress.give_up();
                    if !self.can_go_on_after(error, stuck_at.is_some()) {
                        return Err(error.into());
                    }
                    tracing::warn!(stuck_at, depth = ?self.depth, "reading the process table hung; going on without slow fields");
                }
            }
        }
    }

    /// First without the process that hung; if another one hangs, or no thread is to be had, without slow fields of any.
    fn can_go_on_after(&mut self, error: PoolError, hung_at_a_process: bool) -> bool {
        if self.depth == Depth::Light || self.reading.lane(Depth::Whole) == Lane::Quick {
            return false;
        }
        self.hangs += 1;
        match error {
            PoolError::Lost { .. } => false,
            PoolError::Deadline { .. } if hung_at_a_process && self.hangs == 1 => true,
            PoolError::Deadline { .. } | PoolError::QueueFull { .. } => {
                self.depth = Depth::Light;
                true
            }
        }
    }
}

impl outgoing::Source for Scan {
    async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
        let Piece { message, is_last } = self.next_piece().await?;
        Ok((Encoded::whole(message), is_last))
    }
}

/// The blocking part: runs on a thread of the pool.
struct Job {
    source: Arc<Source>,
    reading: Arc<Reading>,
    cursor: Cursor,
    depth: Depth,
    progress: Arc<Progress>,
}

impl Job {
    fn run(self) -> Result<(Piece, Cursor), HostError> {
        let source = Arc::clone(&self.source);
        let _ended = self.progress.ended_on_drop();
        let mut reader = source.readers.take(|| ProcessReader::new(Arc::clone(&source.host)));
        let answer = self.read(&mut reader);
        source.readers.put_back(reader);
        answer
    }

    fn read(self, reader: &mut ProcessReader) -> Result<(Piece, Cursor), HostError> {
        let began = Instant::now();
        let Cursor { pids, mut next, rows_left, mut summary } = self.cursor;
        let is_first = pids.is_none();
        let sampled = self.source.host.sample_time();
        let pids = match pids {
            Some(pids) => pids,
            None => Arc::from(reader.list_pids()?),
        };
        let mut chunk = Chunk::for_rows(rows_left.min(pids.len() - next));
        chunk.begin(sampled.clone());
        if is_first {
            summary.listed = u32::try_from(pids.len()).unwrap_or(u32::MAX);
            let effective_mask = Some(self.reading.asked().to_mask());
            chunk.open(ListProcessesHeader { sampled: Some(sampled), effective_mask });
        }
        while let Some(&pid) = pids.get(next) {
            let rows = usize::try_from(chunk.rows()).unwrap_or(usize::MAX);
            if rows == rows_left || began.elapsed() > PIECE_TIME || !self.progress.at(pid) {
                break;
            }
            let depth = if self.source.stuck.contains(pid) { Depth::Light } else { self.depth };
            match reader.read_listed(pid, self.reading.plan(depth))? {
                None => summary.vanished += 1,
                Some(mut row) => {
                    self.reading.complete(depth, &mut row);
                    if !chunk.push(&row) {
                        break;
                    }
                }
            }
            next += 1;
        }
        let rows_left = rows_left - usize::try_from(chunk.rows()).unwrap_or(usize::MAX).min(rows_left);
        summary.returned += chunk.rows();
        summary.read_ns += u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let is_last = next >= pids.len() || rows_left == 0;
        if is_last {
            chunk.close(summary);
        }
        let cursor = Cursor { pids: Some(pids), next, rows_left, summary };
        Ok((Piece { message: chunk.into_bytes(), is_last }, cursor))
    }
}
