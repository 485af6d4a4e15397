//! One piece of a scan for an order: every process is looked at, as far as filter and keys need it, and the first rows are kept.

use std::{sync::Arc, time::Instant};

use procwire_host::{Half, HostError, ProcessReader};
use prost::Message as _;

use super::{
    order::{Entry, Ranking},
    reading::Outcome,
    walk::{Cursor, Job, PIECE_TIME, Tally},
};

/// What one thread made of its share of a window.
struct Share {
    ranking: Ranking,
    given: usize,
    settled: usize,
    tally: Tally,
}

impl Job {
    /// Ranks rows into an empty ranking until the time is over or they take too much memory.
    pub(super) fn collect(&self, mut cursor: Cursor, mut ranking: Ranking) -> Result<(Ranking, Cursor), HostError> {
        let began = Instant::now();
        let _ended = self.progress.ended_on_drop();
        while !cursor.is_done() && !ranking.is_full() && began.elapsed() <= PIECE_TIME {
            let items = Arc::clone(&cursor.items);
            let window = items.get(cursor.next..).unwrap_or_default();
            let window = window.get(..self.window()).unwrap_or(window);
            let empty = &ranking;
            let (front, back) = self.source.with_pair(|readers| {
                readers.read(window, |reader, half, pids| {
                    let share = self.rank(reader, half, pids, empty.fresh(), began + PIECE_TIME);
                    self.progress.done(half);
                    share
                })
            });
            let mut settled = 0;
            for share in std::iter::once(front).chain(back) {
                let share = share?;
                settled += share.settled;
                share.tally.add_to(&mut cursor.summary);
                ranking.join(share.ranking);
                if share.settled < share.given {
                    break;
                }
            }
            cursor.next += settled;
            if settled < window.len() {
                break;
            }
        }
        cursor.count_time(began);
        Ok((ranking, cursor))
    }

    fn rank(
        &self,
        reader: &mut ProcessReader,
        half: Half,
        pids: &[u32],
        ranking: Ranking,
        ends: Instant,
    ) -> Result<Share, HostError> {
        let mut share = Share { ranking, given: pids.len(), settled: 0, tally: Tally::default() };
        for &pid in pids {
            // At least one, so that every piece goes on.
            if share.settled > 0 && (share.ranking.is_full() || Instant::now() > ends) {
                break;
            }
            match self.pass(reader, half, pid)? {
                Outcome::Abandoned => break,
                Outcome::Vanished => share.tally.vanished += 1,
                Outcome::LeftOut { unjudged } => share.tally.leave_out(unjudged),
                Outcome::Passed(row) => {
                    let rank = self.reading.order().rank(&row);
                    share.ranking.push(Entry { pid, rank, row: row.encode_to_vec().into() });
                }
            }
            share.settled += 1;
        }
        Ok(share)
    }
}
