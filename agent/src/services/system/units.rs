//! ListUnits: systemd lists them once, then some at a time are asked for the rest, as there is room in a message.

mod query;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use procwire_host::{Host, process::scrub_command};
use procwire_proto::v1::{
    ErrorReason, FieldError, FieldErrorReason, ListUnitsHeader, ListUnitsResponse, ListUnitsSummary, Unit,
};
use prost::Message as _;
use tokio::task::JoinSet;

pub(super) use self::query::UnitsQuery;
use crate::{
    policy::{Disclosure, Sight},
    services::{encoded::Encoded, list_message::ListMessage, outgoing},
    shares::Place,
    status::Failure,
    units::{ListedUnit, Properties, PropertiesError, Systemd, UnitsError},
};

/// Units that are asked for one message.
const BATCH: usize = 64;
/// Questions to systemd at a time: it answers one after the other, and has other work.
const AT_A_TIME: usize = 8;
/// Errors that a summary has room for.
const ERRORS_MAX: usize = 64;
/// More of a command is cut, as of a command line.
const COMMAND_MAX_BYTES: usize = 64 << 10;

/// A list on its way to one caller.
pub(super) struct UnitList {
    host: Arc<Host>,
    timeout: Duration,
    query: UnitsQuery,
    /// What the caller may see of commands.
    sight: Sight,
    listed: Option<Listed>,
    summary: ListUnitsSummary,
    masked: usize,
    _opened: Place,
}

/// What is still to be sent.
struct Listed {
    systemd: Systemd,
    units: std::vec::IntoIter<ListedUnit>,
    /// Rows that did not fit into the message before.
    held: VecDeque<Unit>,
}

impl UnitList {
    pub(super) fn open(opened: Place, host: Arc<Host>, query: UnitsQuery, timeout: Duration, sight: Sight) -> Self {
        let summary = ListUnitsSummary::default();
        Self { host, timeout, query, sight, listed: None, summary, masked: 0, _opened: opened }
    }

    async fn begin(&self) -> Result<Listed, Failure> {
        let systemd = Systemd::connect(self.host.roots(), self.timeout).await?;
        let units = systemd.list(&self.query.patterns, &self.query.active_states).await?;
        Ok(Listed { systemd, units: units.into_iter(), held: VecDeque::new() })
    }

    fn row(&mut self, unit: ListedUnit, asked: Result<Properties, PropertiesError>) -> Unit {
        let ListedUnit { name, description, load_state, active_state, sub_state, .. } = unit;
        let properties = asked.unwrap_or_else(|error| {
            self.report(&name, error.reason(), error.to_string());
            Properties::default()
        });
        let Properties { unit_file_state, main_pid, memory_bytes, tasks, restarts, cgroup, user, mut command } =
            properties;
        if cut(&mut command) {
            self.report(&name, FieldErrorReason::Truncated, format!("command was cut at {COMMAND_MAX_BYTES} bytes"));
        }
        if !self.sight.has(Disclosure::Cmdline) && !command.is_empty() {
            command.clear();
            self.masked += 1;
        }
        if !self.sight.has(Disclosure::CmdlineSecrets) && scrub_command(&mut command) {
            self.masked += 1;
        }
        Unit {
            name,
            description,
            load_state,
            active_state,
            sub_state,
            unit_file_state,
            main_pid,
            memory_bytes,
            tasks,
            restarts,
            cgroup,
            user,
            command,
        }
    }

    fn report(&mut self, unit: &str, reason: FieldErrorReason, detail: String) {
        if self.summary.errors.len() < ERRORS_MAX {
            let path = procwire_proto::escape::terminal(unit.as_bytes()).to_string();
            self.summary.errors.push(FieldError { path, reason: reason.into(), detail });
        }
    }

    fn close(&mut self, message: &mut ListMessage) {
        let mut summary = std::mem::take(&mut self.summary);
        if self.masked > 0 {
            let detail = format!("secrets in the commands of {} units are masked", self.masked);
            summary.errors.push(FieldError {
                path: "command".to_owned(),
                reason: FieldErrorReason::Redacted.into(),
                detail,
            });
        }
        message.append(&ListUnitsResponse { summary: Some(summary), ..Default::default() });
    }
}

impl outgoing::Source for UnitList {
    async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
        let mut message = ListMessage::default();
        let mut listed = match self.listed.take() {
            Some(listed) => listed,
            None => {
                let header = ListUnitsHeader { sampled: Some(self.host.sample_time()) };
                message.append(&ListUnitsResponse { header: Some(header), ..Default::default() });
                self.begin().await?
            }
        };
        if listed.held.is_empty() {
            let batch: Vec<ListedUnit> = listed.units.by_ref().take(BATCH).collect();
            let asked = ask(&listed.systemd, &batch).await?;
            for (unit, asked) in batch.into_iter().zip(asked) {
                let row = self.row(unit, asked);
                listed.held.push_back(row);
            }
        }
        let mut has_rows = false;
        while let Some(row) = listed.held.front() {
            let row_bytes = row.encoded_len();
            if has_rows && !message.has_room(0, row_bytes) {
                break;
            }
            message.push(row, row_bytes);
            has_rows = true;
            self.summary.returned = self.summary.returned.saturating_add(1);
            listed.held.pop_front();
        }
        let is_last = listed.held.is_empty() && listed.units.len() == 0;
        if is_last {
            self.close(&mut message);
        } else {
            self.listed = Some(listed);
        }
        Ok((Encoded::whole(message.into_bytes()), is_last))
    }
}

/// Asks for the properties of these units, some at a time. A systemd that lets one question wait for too long is not asked another.
async fn ask(systemd: &Systemd, units: &[ListedUnit]) -> Result<Vec<Result<Properties, PropertiesError>>, Failure> {
    systemd.renew_budget();
    let mut answers: Vec<Option<Result<Properties, PropertiesError>>> = units.iter().map(|_| None).collect();
    let mut waiting = units.iter().cloned().enumerate();
    let mut asked = JoinSet::new();
    let mut put = |asked: &mut JoinSet<_>| {
        if let Some((index, unit)) = waiting.next() {
            let systemd = systemd.clone();
            asked.spawn(async move { (index, systemd.properties(&unit).await) });
        }
    };
    for _ in 0..AT_A_TIME {
        put(&mut asked);
    }
    while let Some(answer) = asked.join_next().await {
        let (index, answer) = answer.map_err(|_| Failure::internal("a question to systemd was lost"))?;
        if let Err(PropertiesError::TimedOut { after }) = answer {
            return Err(UnitsError::TimedOut { after }.into());
        }
        if let Some(place) = answers.get_mut(index) {
            *place = Some(answer);
        }
        put(&mut asked);
    }
    let lost = || Err(PropertiesError::Garbled("no answer".to_owned()));
    Ok(answers.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect())
}

/// True if there was more of it than is sent.
fn cut(command: &mut Vec<Vec<u8>>) -> bool {
    let mut left = COMMAND_MAX_BYTES;
    let mut was_cut = false;
    command.retain_mut(|word| {
        was_cut |= word.len() > left;
        word.truncate(left);
        left = left.saturating_sub(word.len().max(1));
        !was_cut || !word.is_empty()
    });
    was_cut
}

impl From<UnitsError> for Failure {
    fn from(error: UnitsError) -> Self {
        let message = error.to_string();
        match error {
            UnitsError::NoSystemd { missing } | UnitsError::NoBus { missing } => Self::new(
                ErrorReason::UnsupportedByHost,
                format!("{message}; in a container, mount the host's /run and name it by --run-root"),
            )
            .with_metadata("missing", &missing.display()),
            UnitsError::NotOnBus { .. } => Self::new(ErrorReason::UnsupportedByHost, message),
            UnitsError::Refused { .. } => Self::new(ErrorReason::AgentLacksPrivilege, message),
            UnitsError::TimedOut { after } => {
                Self::new(ErrorReason::HostReadTimeout, format!("{message}: the bus or systemd hangs; retry"))
                    .with_metadata("cap_ms", &after.as_millis())
            }
            UnitsError::Garbled { .. } => Self::new(ErrorReason::HostReadFailed, message),
        }
    }
}

#[cfg(test)]
mod tests;
