//! ListCgroups: groups are read when there is room for them in a message, so that a tree of any size takes no more of the agent than a
//! message does.

mod query;

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use procwire_host::{
    Host,
    cgroup::{GroupQuery, GroupRow, GroupWalk, NoGroups, UsageWindow},
};
use procwire_proto::{
    CgroupFieldSet,
    cgroup_fields::bit,
    v1::{ErrorReason, FieldErrorReason, ListCgroupsHeader, ListCgroupsResponse, ListCgroupsSummary},
};
use prost::Message as _;

pub(super) use self::query::CgroupsQuery;
use crate::{
    host_pool::{HostPool, Lane},
    services::{encoded::Encoded, list_message::ListMessage, outgoing, stop_on_drop::StopOnDrop},
    shares::Place,
    status::Failure,
};

/// A job of the pool ends after this long, with what it has: the deadline of the lane is for jobs that hang.
const SLICE: Duration = Duration::from_millis(500);

/// A list on its way to one caller.
pub(super) struct CgroupList {
    host: Arc<Host>,
    pool: Arc<HostPool>,
    query: GroupQuery,
    /// Time between two readings, if somebody wants to know what is used meanwhile.
    window: Option<Duration>,
    /// `None` while a job has it, and after a job that did not come back.
    walk: Option<Box<Walk>>,
    _opened: Place,
}

/// Where a list stands.
struct Walk {
    stage: Stage,
    /// A row that did not fit into the message before.
    held: Option<GroupRow>,
    before: UsageWindow,
    has_room_in_window: bool,
    read_ns: u64,
}

enum Stage {
    /// Nothing was read yet.
    New,
    /// Reading what every group has used so far.
    Measuring(Box<GroupWalk>),
    /// That was read; the window runs.
    Measured,
    Rows(Box<GroupWalk>),
}

/// What came of one job.
enum Step {
    /// More is to be done before there is a message.
    Further,
    /// The window begins.
    Wait,
    /// A message, and whether it is the last.
    Message(ListMessage, bool),
}

impl CgroupList {
    pub(super) fn open(opened: Place, host: Arc<Host>, pool: Arc<HostPool>, query: CgroupsQuery) -> Self {
        let CgroupsQuery { query, usage_window } = query;
        let window = usage_window.filter(|_| query.fields.contains(bit::CPU_USED_CPUS));
        let walk = Walk {
            stage: Stage::New,
            held: None,
            before: UsageWindow::default(),
            has_room_in_window: true,
            read_ns: 0,
        };
        Self { host, pool, query, window, walk: Some(Box::new(walk)), _opened: opened }
    }

    async fn step(&mut self) -> Result<Step, Failure> {
        let walk = self.walk.take().ok_or_else(|| Failure::internal("a list of control groups was lost"))?;
        let (host, query, window) = (Arc::clone(&self.host), self.query.clone(), self.window);
        let stop = StopOnDrop::default();
        let flag = stop.flag();
        let job = move || {
            let mut walk = walk;
            let step = walk.step(&host, &query, window.is_some(), &flag);
            (walk, step)
        };
        let (walk, step) = self.pool.run(Lane::Heavy, job).await?;
        self.walk = Some(walk);
        step.map_err(|none| no_groups(&none))
    }
}

impl outgoing::Source for CgroupList {
    async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
        loop {
            match self.step().await? {
                Step::Further => {}
                Step::Wait => tokio::time::sleep(self.window.unwrap_or_default()).await,
                Step::Message(message, is_last) => return Ok((Encoded::whole(message.into_bytes()), is_last)),
            }
        }
    }
}

impl Walk {
    fn step(
        &mut self,
        host: &Arc<Host>,
        query: &GroupQuery,
        has_window: bool,
        stop: &AtomicBool,
    ) -> Result<Step, NoGroups> {
        let began = Instant::now();
        let is_over = || began.elapsed() >= SLICE || stop.load(Ordering::Relaxed);
        let step = match mem::replace(&mut self.stage, Stage::New) {
            Stage::New if has_window => {
                let fields = bit::CPU_USED_CPUS;
                let walk = GroupWalk::begin(Arc::clone(host), GroupQuery { fields, ..query.clone() })?;
                self.measure(Box::new(walk), is_over)
            }
            Stage::Measuring(walk) => self.measure(walk, is_over),
            Stage::New | Stage::Measured => {
                let header = ListCgroupsHeader {
                    sampled: Some(host.sample_time()),
                    effective_mask: Some(query.fields.to_mask()),
                };
                let mut message = ListMessage::default();
                message.append(&ListCgroupsResponse { header: Some(header), ..Default::default() });
                let mut walk = GroupWalk::begin(Arc::clone(host), query.clone())?;
                if !self.has_room_in_window {
                    let detail = "there are more groups than are measured: ask for fewer";
                    walk.report("cpu.used_cpus", FieldErrorReason::Truncated, detail);
                }
                self.rows(Box::new(walk), message, query.fields, has_window, is_over)
            }
            Stage::Rows(walk) => self.rows(walk, ListMessage::default(), query.fields, has_window, is_over),
        };
        self.read_ns += u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(step.finish(self.read_ns))
    }

    fn measure(&mut self, mut walk: Box<GroupWalk>, is_over: impl Fn() -> bool) -> Unfinished {
        while let Some(row) = walk.next_row() {
            if !self.before.remember(&row) {
                self.has_room_in_window = false;
                break;
            }
            if is_over() {
                self.stage = Stage::Measuring(walk);
                return Unfinished::Step(Step::Further);
            }
        }
        self.stage = Stage::Measured;
        Unfinished::Step(Step::Wait)
    }

    fn rows(
        &mut self,
        mut walk: Box<GroupWalk>,
        mut message: ListMessage,
        fields: CgroupFieldSet,
        has_window: bool,
        is_over: impl Fn() -> bool,
    ) -> Unfinished {
        let mut has_rows = false;
        while let Some(mut row) = self.held.take().or_else(|| walk.next_row()) {
            if has_window {
                self.before.fill(&mut row, fields);
            }
            let row_bytes = row.row.encoded_len();
            if has_rows && !message.has_room(0, row_bytes) {
                self.held = Some(row);
                self.stage = Stage::Rows(walk);
                return Unfinished::Step(Step::Message(message, false));
            }
            message.push(&row.row, row_bytes);
            has_rows = true;
            if is_over() {
                self.stage = Stage::Rows(walk);
                return Unfinished::Step(Step::Message(message, false));
            }
        }
        let returned = u32::try_from(walk.returned()).unwrap_or(u32::MAX);
        Unfinished::Last(message, ListCgroupsSummary { returned, errors: walk.errors(), read_ns: 0 })
    }
}

/// A step whose time is not known yet.
enum Unfinished {
    Step(Step),
    Last(ListMessage, ListCgroupsSummary),
}

impl Unfinished {
    fn finish(self, read_ns: u64) -> Step {
        match self {
            Self::Step(step) => step,
            Self::Last(mut message, summary) => {
                let summary = Some(ListCgroupsSummary { read_ns, ..summary });
                message.append(&ListCgroupsResponse { summary, ..Default::default() });
                Step::Message(message, true)
            }
        }
    }
}

fn no_groups(none: &NoGroups) -> Failure {
    Failure::new(
        ErrorReason::UnsupportedByHost,
        format!("{none}; in a container, mount the host's /sys and name it by --sys-root"),
    )
    .with_metadata("path", &none.looked_at.display())
}

#[cfg(test)]
mod tests;
