//! What callers may do, beyond what their roles say: named rules that allow or deny, with conditions in CEL. A rule that denies wins;
//! what no rule allows is denied; a rule that cannot be evaluated denies if it is there to deny, and does not allow.
//!
//! `document` reads and checks a policy, `decision` asks its rules, `handle` keeps the one in force.

mod call;
mod case;
mod check;
mod condition;
mod decision;
mod denied;
mod disclosure;
mod document;
mod error;
mod file;
mod handle;
mod question;
mod render;
mod rule;
mod scope;
mod vocabulary;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use self::document::{Document, FILE_MAX_BYTES};
pub use self::{
    call::{Call, CallError, CallTarget, Explanation},
    case::{Case, CaseResult},
    decision::{Considered, Decision, Denial, Said},
    disclosure::{Disclosure, Sight},
    error::{PolicyError, Problem},
    handle::PolicyHandle,
    question::{Fact, Question, Target},
    rule::{Effect, Quota, Rule},
};
pub(crate) use self::{file::PolicyFile, vocabulary::short_name};
use crate::digest::{hexadecimal, sha256};

/// The policy of an agent that was given none.
pub const DEFAULT_POLICY: &str = include_str!("policy/default.toml");

/// Rules that were checked, in their order.
#[derive(Debug)]
pub struct Policy {
    path: Option<PathBuf>,
    sha256: String,
    rules: Vec<Rule>,
    cases: Vec<Case>,
}

impl Policy {
    /// The default: roles decide.
    ///
    /// # Errors
    /// Never: a test reads it.
    pub fn built_in() -> Result<Self, PolicyError> {
        Self::parse(DEFAULT_POLICY, None)
    }

    /// From a file.
    ///
    /// # Errors
    /// It cannot be read, or is no policy.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        Self::parse(&read_text(path)?, Some(path))
    }

    /// From text that was in a file, or is the default.
    ///
    /// # Errors
    /// It is no policy: what is wrong with it, all at once.
    pub fn parse(text: &str, path: Option<&Path>) -> Result<Self, PolicyError> {
        let Document { rules, cases } = Document::parse(text).map_err(|problems| wrong(path, problems))?;
        let sha256 = hexadecimal(&sha256(text.as_bytes()));
        Ok(Self { path: path.map(Path::to_owned), sha256, rules, cases })
    }

    /// The file that it was read from; `None`: the default.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// SHA-256 of its text, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The cases that it brings along.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// True if a rule looks at the process that is acted on.
    pub(crate) fn needs_target(&self) -> bool {
        self.rules.iter().any(Rule::needs_target)
    }
}

/// Cases from a file of their own, which may hold nothing else.
///
/// # Errors
/// It cannot be read, or is not made of cases.
pub fn read_cases(path: &Path) -> Result<Vec<Case>, PolicyError> {
    let Document { rules, cases } =
        Document::parse_cases(&read_text(path)?).map_err(|problems| wrong(Some(path), problems))?;
    if !rules.is_empty() {
        return Err(PolicyError::one(path, "has rules; a file of cases has [[case]] alone"));
    }
    Ok(cases)
}

fn wrong(path: Option<&Path>, problems: Vec<Problem>) -> PolicyError {
    let origin = path.map_or_else(|| "default policy".to_owned(), |path| path.display().to_string());
    PolicyError::Wrong { origin, problems }
}

fn read_text(path: &Path) -> Result<String, PolicyError> {
    let unreadable = |source| PolicyError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let most = u64::try_from(FILE_MAX_BYTES).unwrap_or(u64::MAX);
    // A file that grows without end, or a device, is not read without end.
    File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    text_of(path, bytes)
}

fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, PolicyError> {
    if bytes.len() > FILE_MAX_BYTES {
        return Err(PolicyError::one(path, format!("is larger than {FILE_MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| PolicyError::one(path, "is not UTF-8"))
}

#[cfg(test)]
mod tests;
