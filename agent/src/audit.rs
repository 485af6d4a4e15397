//! The audit trail: one JSON line per control decision, one per outcome, one per denial (repeats of a denial are counted).
//!
//! A decision is on disk before its effect. If it cannot be written, [`Audit::record`] says so and nothing is done.

mod file;
mod line;
mod repeats;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::OwnedMutexGuard, task::spawn_blocking, time};

pub use self::{
    file::AuditError,
    line::{AuditDecision, AuditEvent, AuditRecord, AuditTarget, Part},
};
use self::{
    file::AuditFile,
    line::Line,
    repeats::{Kind, REPEAT_WINDOW, Repeats, Seen},
};

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
    File(Arc<tokio::sync::Mutex<AuditFile>>),
}

impl Audit {
    /// Into the log.
    pub fn to_log() -> Audit {
        Audit { sink: Sink::Log, repeats: Arc::default() }
    }

    /// Into a file of its own, appended to, made with mode 0600 if it is not there.
    pub fn to_file(path: &Path) -> Result<Audit, AuditError> {
        let file = AuditFile::open(path)?;
        Ok(Audit { sink: Sink::File(Arc::new(tokio::sync::Mutex::new(file))), repeats: Arc::default() })
    }

    /// As configured.
    pub fn open(path: Option<&PathBuf>) -> Result<Audit, AuditError> {
        path.map_or_else(|| Ok(Audit::to_log()), |path| Audit::to_file(path))
    }

    /// Writes a record and, to a file, waits until it is on disk. Await a decision before its effect; on an error do nothing.
    /// A repeated denial is counted and written within a minute; decisions and outcomes are always written at once.
    pub async fn record(&self, record: AuditRecord<'_>) -> Result<(), AuditError> {
        let line = Line::new(&record);
        if record.event == AuditEvent::Denial {
            match self.repeats().see(&line) {
                Seen::First => {}
                Seen::Again => return Ok(()),
                Seen::Second(kind) => {
                    self.report_repeats_later(kind);
                    return Ok(());
                }
            }
        }
        self.write(line).await
    }

    /// The lines of one decision or outcome, together.
    pub async fn record_all(&self, records: &[AuditRecord<'_>]) -> Result<(), AuditError> {
        for record in records {
            self.record(*record).await?;
        }
        Ok(())
    }

    /// Writes what was only counted so far. Called at the end.
    pub async fn finish(&self) {
        let counted = self.repeats().take_all();
        for line in counted {
            self.write_or_log(line).await;
        }
    }

    fn report_repeats_later(&self, kind: Kind) {
        let audit = self.clone();
        tokio::spawn(async move {
            time::sleep(REPEAT_WINDOW).await;
            let counted = audit.repeats().take(&kind);
            if let Some(line) = counted {
                audit.write_or_log(line).await;
            }
        });
    }

    async fn write_or_log(&self, line: Line) {
        if let Err(error) = self.write(line).await {
            tracing::error!(%error, "a count of repeated denials is lost");
        }
    }

    async fn write(&self, line: Line) -> Result<(), AuditError> {
        let text = line.to_json()?;
        match &self.sink {
            Sink::Log => {
                tracing::info!(target: AUDIT_LOG_TARGET, "{text}");
                Ok(())
            }
            Sink::File(file) => append(Arc::clone(file).lock_owned().await, text).await,
        }
    }

    fn repeats(&self) -> std::sync::MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Off the runtime's thread, because a disk may be slow. One at a time: the lock is taken before a thread is.
#[allow(clippy::disallowed_methods, reason = "bounded by the lock to one thread, and never behind reads of the host")]
async fn append(mut file: OwnedMutexGuard<AuditFile>, text: String) -> Result<(), AuditError> {
    spawn_blocking(move || file.append(text)).await.map_err(|_| AuditError::Interrupted)?
}

#[cfg(test)]
mod tests;
