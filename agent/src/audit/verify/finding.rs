//! What is wrong with a trail, and where.

use serde::Serialize;

/// A line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file, counted from 0.
    pub file: usize,
    /// Which line of it, counted from 1.
    pub line: u64,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For programs.
    pub kind: FindingKind,
    /// Where.
    pub place: Place,
    /// For people.
    pub what: String,
}

/// What kind of wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A line was changed.
    Changed,
    /// Lines are missing.
    Dropped,
    /// A line was put in.
    Inserted,
    /// A line stands where it did not stand.
    Moved,
    /// The last line of a file has no end.
    Torn,
    /// A chain begins in the middle.
    Begun,
    /// The trail does not have the record of the head.
    End,
}
