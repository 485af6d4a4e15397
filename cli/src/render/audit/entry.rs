//! One record, as far as it can be read.

use serde::Deserialize;

/// What a line says. What it lacks is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    /// Its number.
    pub(crate) seq: u64,
    /// When, RFC 3339.
    pub(crate) time: String,
    /// What kind of record.
    pub(crate) event: String,
    /// Who.
    pub(crate) principal: String,
    /// With which roles.
    pub(crate) roles: String,
    /// By which certificate.
    pub(crate) serial: String,
    /// From where.
    pub(crate) peer: String,
    /// The method's whole path.
    pub(crate) method: String,
    /// The caller's name for the action.
    pub(crate) request_id: String,
    /// Why.
    pub(crate) reason: String,
    /// On what.
    pub(crate) targets: Vec<Target>,
    /// How many, if not all are named.
    pub(crate) targets_total: u64,
    /// Which of several lines.
    pub(crate) part: Part,
    /// How.
    pub(crate) arguments: String,
    /// What was decided.
    pub(crate) decision: String,
    /// By which rule.
    pub(crate) rule: String,
    /// What came of it.
    pub(crate) result: String,
    /// How many more there were.
    pub(crate) repeated: u64,
}

/// A process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Target {
    /// Its pid.
    pub(crate) pid: u32,
    /// Its name.
    pub(crate) name: String,
    /// By which rule, if not that of the record.
    pub(crate) rule: String,
    /// What came of it, if not that of the record.
    pub(crate) result: String,
}

/// One line of several.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    /// Counted from 1.
    pub(crate) number: u64,
    /// In all.
    pub(crate) of: u64,
}

impl Entry {
    /// `None`: the line is no record.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(line).ok()?;
        (!entry.event.is_empty()).then_some(entry)
    }

    /// "TerminateProcesses".
    pub(crate) fn short_method(&self) -> &str {
        self.method.rsplit('/').next().unwrap_or_default()
    }
}
