//! The process table read piece by piece. Between pieces nothing is held but the list of pids.

use std::{sync::Arc, time::Duration};

use procwire_proto::v1::ListProcessesSummary;

use super::{
    Source,
    piece::{Cursor, Job, Piece},
    reading::{Depth, Reading},
    stuck::Progress,
};
use crate::{
    host_pool::{Lane, PoolError},
    services::{encoded::Encoded, outgoing},
    status::Failure,
};

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
                    if !self.can_go_on_after(error, !stuck_at.is_empty()) {
                        return Err(error.into());
                    }
                    tracing::warn!(?stuck_at, depth = ?self.depth, "reading the process table hung; going on without slow fields");
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
