//! What every piece of a scan shares: where it stands, what it counts, and how much it may take on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use procwire_proto::v1::{ListProcessesHeader, ListProcessesSummary, SampleTime};

use super::{
    Source,
    reading::{Depth, Reading},
    stuck::Progress,
};
use crate::host_pool::Lane;

/// A piece ends after this time even if it is not full, so that slow fields neither hold a thread for long nor pass its deadline.
pub(super) const PIECE_TIME: Duration = Duration::from_millis(250);

/// Processes that are shared out between the two threads at a time, at most.
const WINDOW: usize = 1024;

/// Where each row is long work: so few that one thread reads them all, because the other would be one more than the lane allows.
pub(super) const WINDOW_OF_LONG_WORK: usize = 32;

/// What a piece needs to know of those before; small enough to be copied for each.
#[derive(Clone)]
pub(super) struct Cursor {
    /// Pids, or places among chosen rows.
    pub(super) items: Arc<[u32]>,
    pub(super) next: usize,
    pub(super) rows_left: usize,
    pub(super) summary: ListProcessesSummary,
    /// Not sent yet.
    pub(super) header: Option<ListProcessesHeader>,
    /// When the reading of these rows began, where that was before they are sent.
    pub(super) began: Option<SampleTime>,
    /// A row that was read and did not fit.
    pub(super) left_over: Option<Bytes>,
}

impl Cursor {
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.items.len() || self.rows_left == 0
    }

    pub(super) fn count_time(&mut self, began: Instant) {
        self.summary.read_ns += u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }
}

/// Processes that come to no row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) vanished: u32,
    pub(super) filtered: u32,
    pub(super) unjudged: u32,
}

impl Tally {
    pub(super) fn leave_out(&mut self, unjudged: bool) {
        self.filtered += 1;
        self.unjudged += u32::from(unjudged);
    }

    pub(super) fn add_to(self, summary: &mut ListProcessesSummary) {
        summary.vanished += self.vanished;
        summary.filtered += self.filtered;
        summary.unjudged += self.unjudged;
    }
}

/// The reading of one piece.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) source: Arc<Source>,
    pub(super) reading: Arc<Reading>,
    pub(super) depth: Depth,
    /// procfs listed the pids; otherwise somebody named them, and they may be threads.
    pub(super) are_listed: bool,
    pub(super) lane: Lane,
    pub(super) progress: Arc<Progress>,
}

impl Job {
    pub(super) fn depth_of(&self, pid: u32) -> Depth {
        self.depth.min(self.source.stuck.depth(pid))
    }

    pub(super) fn window(&self) -> usize {
        if self.lane == Lane::Heavy { WINDOW_OF_LONG_WORK } else { WINDOW }
    }
}
