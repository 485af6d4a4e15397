//! A snapshot in the making: what was asked, what was filled, and why the rest is absent.

use std::path::Path;

use procwire_proto::{
    SystemFieldSet,
    v1::{FieldError, FieldErrorReason, SampleTime, System},
};

use super::{kept_file::reason_of, source::Source};
use crate::HostError;

pub(super) struct Answer {
    pub(super) system: System,
    /// Only fields that this version serves.
    asked: SystemFieldSet,
}

impl Answer {
    pub(super) fn new(asked: SystemFieldSet, sampled: SampleTime) -> Self {
        Self { asked, system: System { sampled: Some(sampled), ..System::default() } }
    }

    /// True if at least one of these fields was asked for.
    pub(super) fn wants(&self, fields: SystemFieldSet) -> bool {
        self.asked.intersects(fields)
    }

    /// Leaves `value` as it is if `field` was asked for and is there, empties it if nobody asked, says why if it is missing.
    pub(super) fn settle<T>(&mut self, field: SystemFieldSet, value: &mut Option<T>, missing: Missing<'_>) {
        if !self.wants(field) {
            *value = None;
        } else if value.is_none() {
            self.absent(field, FieldErrorReason::Unsupported, &missing.to_string());
        }
    }

    /// None of these fields could be read.
    pub(super) fn unreadable(&mut self, fields: SystemFieldSet, error: &HostError) {
        self.absent(fields, reason_of(error), &error.to_string());
    }

    /// None of these fields is in the answer, as far as they were asked for.
    pub(super) fn absent(&mut self, fields: SystemFieldSet, reason: FieldErrorReason, detail: &str) {
        for field in self.asked.intersection(fields).iter() {
            self.report(field.path, reason, detail.to_owned());
        }
    }

    /// None of these fields is in the answer for a reason that was found out earlier.
    pub(super) fn failed(&mut self, fields: SystemFieldSet, failure: &Failure) {
        self.absent(fields, failure.reason, &failure.detail);
    }

    pub(super) fn report(&mut self, path: &str, reason: FieldErrorReason, detail: String) {
        self.system.errors.push(FieldError { path: path.to_owned(), reason: reason.into(), detail });
    }
}

/// Why something is absent, kept with what is read once for many snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: FieldErrorReason,
    pub(super) detail: String,
}

impl Failure {
    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        Self { reason: FieldErrorReason::Unsupported, detail: detail.into() }
    }

    pub(super) fn invalid(path: &Path, text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text.get(..80).unwrap_or(text));
        Self {
            reason: FieldErrorReason::InvalidData,
            detail: format!("{} cannot be understood: {:?}", path.display(), text.trim_end()),
        }
    }

    /// For the `errors` of a row; `path` is a field of that row.
    pub(super) fn of_row(self, path: &str) -> FieldError {
        FieldError { path: path.to_owned(), reason: self.reason.into(), detail: self.detail }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self { reason: reason_of(&error), detail: error.to_string() }
    }
}

/// A line that a file does not have, or has in an unreadable form. Old kernels and torn files look the same from here.
#[derive(Clone, Copy)]
pub(super) struct Missing<'a> {
    pub(super) source: &'a Source,
    pub(super) line: &'static str,
}

impl std::fmt::Display for Missing<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} has no readable line {:?}", self.source.path().display(), self.line)
    }
}
