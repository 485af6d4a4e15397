//! What must be known before the first row of a list is read: which pids there are, the families and ports that its filter names, and
//! the use of processors at the beginning of its window.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use procwire_host::{HostError, UsageBaseline, sockets::PortOwners};
use procwire_proto::{
    process_fields::bit,
    v1::{ListProcessesHeader, ListProcessesSummary},
};

use super::{
    Source,
    filter::{Facts, Filter},
    kin::Census,
    order::Ranking,
    piece::Rows,
    query::ListQuery,
    reading::{Reading, Selection},
    scan::Walk,
    walk::Cursor,
};
use crate::{host_pool::Lane, policy::Sight, services::stop_on_drop::StopOnDrop, status::Failure};

/// Lays it. With a window this takes as long as the window, without holding a thread.
pub(super) async fn lay(source: &Arc<Source>, query: ListQuery, sight: &Sight) -> Result<Walk, Failure> {
    let ListQuery { fields, limit, filter, order, usage_window } = query;
    let began = Instant::now();
    let mut slept = Duration::ZERO;
    let filter = Arc::new(filter);
    let named: Option<Arc<[u32]>> = filter.named().map(Into::into);
    let is_measured = fields.union(filter.fields()).union(order.fields()).contains(bit::CPU_USAGE_RATIO);
    let baseline = match usage_window {
        Some(window) if is_measured => {
            let baseline = baseline(source, named.clone()).await?;
            let asleep = Instant::now();
            tokio::time::sleep(window).await;
            slept = asleep.elapsed();
            Some(Arc::new(baseline))
        }
        _ => None,
    };
    let ports = ports(source, &filter).await?;
    let (facts, pids, listed, are_listed) = match named {
        Some(pids) if filter.families().is_empty() => {
            let facts = Facts { families: Vec::new(), ports };
            let listed = pids.len();
            (facts, pids, listed, false)
        }
        _ => {
            let Census { pids, families } = census(source, &filter).await?;
            let facts = Facts { families, ports };
            let listed = pids.len();
            let pids = candidates(&filter, &facts, pids);
            (facts, pids, listed, true)
        }
    };
    let filter = Arc::into_inner(filter).ok_or_else(|| Failure::internal("a filter is still in use"))?;
    let reading = Reading::new(fields, sight, Selection { filter, facts, order, baseline });
    let mut walk = Walk::new(source, reading, pids, are_listed, limit);
    let wide = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let left_out = listed - walk.cursor.items.len();
    walk.cursor.summary =
        ListProcessesSummary { listed: wide(listed), filtered: wide(left_out), ..ListProcessesSummary::default() };
    // The window is no work.
    walk.cursor.count_time(began + slept);
    Ok(walk)
}

impl Walk {
    pub(super) fn new(source: &Source, reading: Reading, pids: Arc<[u32]>, are_listed: bool, limit: usize) -> Self {
        let sampled = source.host.sample_time();
        let effective_mask = Some(reading.asked().to_mask());
        let header = ListProcessesHeader { sampled: Some(sampled.clone()), effective_mask };
        let is_ordered = !reading.order().is_empty();
        let cursor = Cursor {
            items: pids,
            next: 0,
            rows_left: if is_ordered { usize::MAX } else { limit },
            summary: ListProcessesSummary::default(),
            header: Some(header),
            began: is_ordered.then_some(sampled),
            left_over: None,
        };
        let ranking = is_ordered.then(|| Ranking::new(reading.order().clone(), limit));
        Self { reading: Arc::new(reading), cursor, are_listed, ranking, rows: Rows::Passing }
    }
}

async fn census(source: &Arc<Source>, filter: &Arc<Filter>) -> Result<Census, Failure> {
    let (host, filter) = (Arc::clone(source), Arc::clone(filter));
    let job = move || host.with_pair(|readers| Census::take(readers, filter.families()));
    Ok(source.pool.run(Lane::Quick, job).await??)
}

/// Those of the listed pids that can pass at all.
fn candidates(filter: &Filter, facts: &Facts, listed: Arc<[u32]>) -> Arc<[u32]> {
    match filter.candidates(facts) {
        None => listed,
        Some(candidates) => {
            let there: HashSet<u32> = listed.iter().copied().collect();
            candidates.into_iter().filter(|pid| there.contains(pid)).collect()
        }
    }
}

/// Who holds sockets is found by a walk over the descriptors of all processes.
async fn ports(source: &Arc<Source>, filter: &Arc<Filter>) -> Result<Option<PortOwners>, Failure> {
    if filter.ports().is_empty() {
        return Ok(None);
    }
    let (host, filter) = (Arc::clone(&source.host), Arc::clone(filter));
    let stop = StopOnDrop::default();
    let flag = stop.flag();
    let found = source.pool.run(Lane::Heavy, move || PortOwners::find(&host, filter.ports(), &flag)).await??;
    Ok(Some(found))
}

/// The use of processors now: of these processes, or of all that there are.
pub(super) async fn baseline(source: &Arc<Source>, pids: Option<Arc<[u32]>>) -> Result<UsageBaseline, Failure> {
    let readers = Arc::clone(source);
    let job = move || {
        readers.with_pair(|pair| {
            let pids = match pids {
                Some(pids) => pids,
                None => pair.list_pids()?.into(),
            };
            let (front, back) = pair.read(&pids, |reader, _, pids| UsageBaseline::take(reader, pids));
            match back {
                Some(back) => Ok::<_, HostError>(front?.merged(back?)),
                None => front,
            }
        })
    };
    Ok(source.pool.run(Lane::Quick, job).await??)
}
