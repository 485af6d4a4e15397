//! The audit trail: one JSON line per control decision, one per outcome, one per denial (repeats of a denial are counted), and what the
//! agent did by itself. In a file of its own the lines are a chain ([`chain`]); in the log they are lines of the log.
//!
//! A decision is on disk before its effect. If it cannot be written, [`Audit::record`] says so and nothing is done.

pub mod chain;
mod error;
mod file;
mod line;
mod repeats;
pub mod verify;
mod writer;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use procwire_proto::v1::AuditStatus;
use tokio::time;

use self::{
    chain::Head,
    file::{AuditFile, Rotation},
    line::Line,
    repeats::{Kind, REPEAT_WINDOW, Repeats, Seen},
    writer::{State, Writer},
};
pub use self::{
    error::AuditError,
    line::{AuditDecision, AuditEvent, AuditRecord, AuditTarget, Part},
};
use crate::{access::Principal, config::AuditConfig};

/// Log target of audit lines that have no file of their own. The log filter always lets it through.
pub const AUDIT_LOG_TARGET: &str = "procwire::audit";

/// Where audit records go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    sink: Sink,
    repeats: Arc<Mutex<Repeats>>,
}

#[derive(Clone, Debug)]
enum Sink {
    Log,
    File(Writer),
}

impl Audit {
    /// Into the log, without a chain.
    pub fn to_log() -> Audit {
        Audit { sink: Sink::Log, repeats: Arc::default() }
    }

    /// Into a file of its own that is never rotated by the agent.
    ///
    /// # Errors
    /// As [`Audit::open`].
    pub fn to_file(path: &Path) -> Result<Audit, AuditError> {
        Audit::start(path, Rotation { size: None, keep: 1, not_before: 0 })
    }

    /// As configured. A file is appended to, its chain goes on; it is made with mode 0600 if it is not there.
    ///
    /// # Errors
    /// The file cannot be opened, is none, could be changed by others, or belongs to another agent that runs.
    pub fn open(config: &AuditConfig) -> Result<Audit, AuditError> {
        let AuditConfig { file, rotate_size_bytes, keep } = config;
        let Some(path) = file else { return Ok(Audit::to_log()) };
        Audit::start(path, Rotation { size: *rotate_size_bytes, keep: *keep, not_before: 0 })
    }

    /// Whether it could be opened. Makes and writes nothing.
    ///
    /// # Errors
    /// As [`Audit::open`].
    pub fn check(config: &AuditConfig) -> Result<(), AuditError> {
        config.file.as_deref().map_or(Ok(()), AuditFile::check)
    }

    fn start(path: &Path, rotation: Rotation) -> Result<Audit, AuditError> {
        Ok(Audit { sink: Sink::File(Writer::start(path, rotation)?), repeats: Arc::default() })
    }

    /// Writes a record and, to a file, waits until it is on disk. Await a decision before its effect; on an error do nothing.
    /// A repeated denial is counted and written within a minute; decisions and outcomes are always written at once.
    ///
    /// # Errors
    /// It is not on disk. An outcome or a denial is written later, if the agent lives to see it; a decision never is.
    pub async fn record(&self, record: AuditRecord<'_>) -> Result<(), AuditError> {
        self.record_all(&[record]).await
    }

    /// The lines of one decision or outcome, together.
    ///
    /// # Errors
    /// As [`Audit::record`]: all of them are on disk, or none.
    pub async fn record_all(&self, records: &[AuditRecord<'_>]) -> Result<(), AuditError> {
        let mut lines = Vec::with_capacity(records.len());
        for record in records {
            let line = Line::new(record);
            if record.event != AuditEvent::Denial || self.is_news(&line) {
                lines.push(line);
            }
        }
        let may_be_late = records.iter().all(|record| record.event != AuditEvent::Decision);
        self.write(&lines, may_be_late).await
    }

    /// What the agent did by itself. Does not wait; if it cannot be written now, it is later.
    pub fn note(&self, event: AuditEvent, arguments: &str, result: &str) {
        self.write_soon(&Line::of_agent(event, arguments, result));
    }

    /// What happened to a caller outside of a control action. Does not wait.
    pub fn note_about(&self, event: AuditEvent, principal: &Principal, arguments: &str, result: &str) {
        self.write_soon(&Line::about(event, principal, "", arguments, result));
    }

    /// A caller was given something sensitive: "environ, unmasked". Does not wait; repeats are counted, as those of denials are.
    /// Must be called within a tokio runtime.
    pub fn note_access(&self, principal: &Principal, method: &str, what: &str) {
        let line = Line::about(AuditEvent::Access, principal, method, what, "");
        if self.is_news(&line) {
            self.write_soon(&line);
        }
    }

    /// The agent has started and can be called.
    pub fn note_start(&self, address: SocketAddr) {
        let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
        self.note(AuditEvent::Start, &format!("version={version} pid={pid} address={address}"), "");
    }

    /// The agent stops: writes what was only counted so far, and waits for all that was only noted.
    pub async fn finish(&self, how: &str) {
        let mut lines = self.repeats().take_all();
        lines.push(Line::of_agent(AuditEvent::Stop, "", how));
        if let Err(error) = self.write(&lines, true).await {
            tracing::error!(%error, "the end of the audit trail is lost");
        }
    }

    /// For GetStatus.
    pub fn status(&self) -> AuditStatus {
        let Sink::File(writer) = &self.sink else { return AuditStatus::default() };
        let State { path, head, failures, problem } = writer.state();
        AuditStatus {
            path,
            sequence: head.sequence,
            head_hash: if head == Head::NONE { String::new() } else { head.hash.to_string() },
            failures,
            problem: problem.map(|error| error.to_string()).unwrap_or_default(),
        }
    }

    /// Whether it is to be written now, and not only counted.
    fn is_news(&self, line: &Line) -> bool {
        let seen = self.repeats().see(line);
        match seen {
            Seen::First => true,
            Seen::Again => false,
            Seen::Second(kind) => {
                self.report_repeats_later(kind);
                false
            }
        }
    }

    fn report_repeats_later(&self, kind: Kind) {
        let audit = self.clone();
        tokio::spawn(async move {
            time::sleep(REPEAT_WINDOW).await;
            let counted = audit.repeats().take(&kind);
            if let Some(line) = counted {
                audit.write_soon(&line);
            }
        });
    }

    async fn write(&self, lines: &[Line], may_be_late: bool) -> Result<(), AuditError> {
        let objects = lines.iter().map(Line::to_json).collect::<Result<Vec<_>, _>>()?;
        match &self.sink {
            Sink::Log => {
                objects.iter().for_each(|object| into_log(object));
                Ok(())
            }
            Sink::File(writer) => writer.write(objects, may_be_late).await,
        }
    }

    fn write_soon(&self, line: &Line) {
        let written = line.to_json().and_then(|object| match &self.sink {
            Sink::Log => {
                into_log(&object);
                Ok(())
            }
            Sink::File(writer) => writer.write_soon(object),
        });
        if let Err(error) = written {
            tracing::error!(%error, event = ?line.event, "a record of the audit trail is lost");
        }
    }

    fn repeats(&self) -> std::sync::MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn into_log(object: &str) {
    tracing::info!(target: AUDIT_LOG_TARGET, "{object}");
}

#[cfg(test)]
mod tests;
