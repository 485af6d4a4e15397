//! What is wrong with a policy: all of it, each with rule and line where it can be told.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, counted from 1.
    pub line: Option<usize>,
    /// `rule "name"` or `case "name"`, if it is in one.
    pub place: Option<String>,
    /// What is wrong, in words.
    pub text: String,
}

/// Why a policy is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can be read, and is no policy.
    #[error("{}", Listed { origin, problems })]
    Wrong {
        /// The file, or what else it comes from.
        origin: String,
        /// What is wrong, at least one.
        problems: Vec<Problem>,
    },
}

impl PolicyError {
    /// What is wrong, one by one; empty if the file cannot be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Wrong { problems, .. } => problems,
        }
    }

    pub(super) fn one(path: &Path, text: impl Into<String>) -> Self {
        let problem = Problem { line: None, place: None, text: text.into() };
        Self::Wrong { origin: path.display().to_string(), problems: vec![problem] }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        formatter.write_str(&self.text)
    }
}

struct Listed<'a> {
    origin: &'a str,
    problems: &'a [Problem],
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.origin)?;
        for (index, problem) in self.problems.iter().enumerate() {
            write!(formatter, "{} {problem}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}
