//! The process table read piece by piece. Between pieces nothing is held but the list of pids and, for an order, its first rows.

use std::{sync::Arc, time::Duration};

use procwire_host::HostError;

use super::{
    Source, groundwork,
    order::{RANKING_MAX_BYTES, Ranking},
    piece::{Piece, Rows},
    query::ListQuery,
    reading::{Depth, Reading},
    stuck::Progress,
    walk::{Cursor, Job},
};
use crate::{
    host_pool::{Lane, PoolError},
    policy::Sight,
    services::{encoded::Encoded, outgoing},
    status::Failure,
};

/// A piece that takes longer hangs at a process, however loaded the host is.
const PIECE_HANGS_AFTER: Duration = Duration::from_secs(3);

/// Where a single row may be a million lines of page tables.
pub(super) const LONG_WORK_HANGS_AFTER: Duration = Duration::from_secs(10);

/// A list on its way to one caller.
pub(crate) struct Scan {
    source: Arc<Source>,
    stage: Stage,
    /// Falls after hangs that remembering the stuck processes did not mend.
    depth: Depth,
    /// A process has hung the reading at this depth.
    has_hung: bool,
}

/// How far it is.
enum Stage {
    /// Nothing is done.
    Asked(Option<(ListQuery, Sight)>),
    /// All processes are looked at.
    Walking(Walk),
}

/// What is walked over, and how far.
pub(super) struct Walk {
    pub(super) reading: Arc<Reading>,
    pub(super) cursor: Cursor,
    /// procfs listed the pids.
    pub(super) are_listed: bool,
    /// The rows of an order, as long as it is not known which come first.
    pub(super) ranking: Option<Ranking>,
    pub(super) rows: Rows,
}

impl Scan {
    pub(crate) fn new(source: Arc<Source>, query: ListQuery, sight: Sight) -> Self {
        Self { source, stage: Stage::Asked(Some((query, sight))), depth: Depth::Whole, has_hung: false }
    }

    /// Over these pids in this order, whatever procfs lists.
    #[cfg(test)]
    pub(crate) fn over(source: Arc<Source>, reading: Reading, pids: Arc<[u32]>) -> Self {
        let walk = Walk::new(&source, reading, pids, true, usize::MAX);
        Self { source, stage: Stage::Walking(walk), depth: Depth::Whole, has_hung: false }
    }

    async fn next_piece(&mut self) -> Result<Piece, Failure> {
        if let Stage::Asked(query) = &mut self.stage {
            let Some((query, sight)) = query.take() else {
                return Err(Failure::internal("a list that failed was asked for more"));
            };
            self.stage = Stage::Walking(groundwork::lay(&self.source, query, &sight).await?);
        }
        let Self { source, stage: Stage::Walking(walk), depth, has_hung } = self else {
            return Err(Failure::internal("a list was not begun"));
        };
        let mut hangs = Hangs { source, depth, has_hung };
        if let Some(ranking) = walk.ranking.take() {
            hangs.choose(walk, ranking).await?;
        }
        let rows = walk.rows.clone();
        let lane: fn(&Reading, Depth) -> Lane = match rows {
            Rows::Passing => Reading::lane,
            Rows::Chosen(_) => Reading::lane_of_rest,
        };
        let (piece, cursor) = hangs.run(walk, lane, move |job, cursor| job.piece(cursor, &rows)).await?;
        walk.cursor = cursor;
        Ok(piece)
    }
}

/// Pieces run on the host pool. A process that hangs one costs its slow fields, not the list.
struct Hangs<'a> {
    source: &'a Arc<Source>,
    depth: &'a mut Depth,
    has_hung: &'a mut bool,
}

impl Hangs<'_> {
    /// Looks at all processes and keeps those that come first.
    async fn choose(&mut self, walk: &mut Walk, mut ranking: Ranking) -> Result<(), Failure> {
        while !walk.cursor.is_done() {
            let fresh = Arc::new(ranking.fresh());
            let (part, cursor) =
                self.run(walk, Reading::lane, move |job, cursor| job.collect(cursor, fresh.fresh())).await?;
            walk.cursor = cursor;
            ranking.join(part);
            if ranking.bytes() > RANKING_MAX_BYTES {
                return Err(Failure::order_too_large(RANKING_MAX_BYTES));
            }
        }
        let entries = self.source.pool.run(Lane::Quick, move || ranking.into_entries()).await?;
        walk.cursor.items = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
        walk.cursor.next = 0;
        walk.cursor.rows_left = entries.len();
        walk.rows = Rows::Chosen(entries.into());
        Ok(())
    }

    async fn run<T: Send + 'static>(
        &mut self,
        walk: &Walk,
        lane: impl Fn(&Reading, Depth) -> Lane,
        work: impl Fn(&Job, Cursor) -> Result<T, HostError> + Clone + Send + 'static,
    ) -> Result<T, Failure> {
        loop {
            let lane = lane(&walk.reading, *self.depth);
            let progress = Progress::new(Arc::clone(&self.source.stuck));
            let _awaited = progress.abandoned_on_drop();
            let job = Job {
                source: Arc::clone(self.source),
                reading: Arc::clone(&walk.reading),
                depth: *self.depth,
                are_listed: walk.are_listed,
                lane,
                progress: Arc::clone(&progress),
            };
            let hangs_after = if lane == Lane::Heavy { LONG_WORK_HANGS_AFTER } else { PIECE_HANGS_AFTER };
            let (cursor, work) = (walk.cursor.clone(), work.clone());
            match self.source.pool.run_within(lane, hangs_after, move || work(&job, cursor)).await {
                Ok(answer) => return Ok(answer?),
                Err(error) => {
                    let stuck_at = progress.give_up();
                    if !self.can_go_on_after(error, lane, !stuck_at.is_empty()) {
                        return Err(error.into());
                    }
                    tracing::warn!(?stuck_at, ?lane, depth = ?self.depth, "reading the process table hung; going on with less");
                }
            }
        }
    }

    /// First without the process that hung; if another one hangs, or no thread is to be had, without what that lane reads of any.
    fn can_go_on_after(&mut self, error: PoolError, lane: Lane, hung_at_a_process: bool) -> bool {
        let below = match lane {
            Lane::Heavy => Depth::Moderate,
            Lane::Slow => Depth::Light,
            Lane::Quick | Lane::Device | Lane::Control => return false,
        };
        match error {
            PoolError::Lost { .. } => return false,
            PoolError::Deadline { .. } if hung_at_a_process && !*self.has_hung => *self.has_hung = true,
            PoolError::Deadline { .. } | PoolError::QueueFull { .. } | PoolError::NoThread { .. } => {
                *self.depth = below;
                *self.has_hung = false;
            }
        }
        true
    }
}

impl outgoing::Source for Scan {
    async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
        let Piece { message, is_last } = self.next_piece().await?;
        Ok((Encoded::whole(message), is_last))
    }
}
