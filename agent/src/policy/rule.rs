//! One rule, and how often it may be used.

use std::{fmt, sync::atomic::AtomicBool, time::Duration};

use serde::Deserialize;

use super::condition::Condition;

/// What a rule does to the calls that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// They may, unless a rule denies them.
    Allow,
    /// They may not, whatever other rules say.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// How many processes one principal may act on by one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many,
    pub actions: u32,
    /// in any stretch of time of this length.
    pub per: Duration,
}

impl Quota {
    /// "10/1m": ten in a minute.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no quota; write it as 10/1m: so many actions in so many s, m or h, at most 100000 in 24h"
            )
        };
        let (actions, per) = text.split_once('/').ok_or_else(wrong)?;
        let digits = per.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit_seconds: u64 = match per.get(digits.len()..).unwrap_or_default() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(actions) || !is_number(digits) {
            return Err(wrong());
        }
        let actions = actions.parse().ok().filter(|count| (1..=100_000).contains(count)).ok_or_else(wrong)?;
        let seconds = digits.parse().ok().and_then(|count: u64| count.checked_mul(unit_seconds));
        let seconds = seconds.filter(|seconds| (1..=24 * 3600).contains(seconds)).ok_or_else(wrong)?;
        Ok(Self { actions, per: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        match seconds {
            _ if seconds.is_multiple_of(3600) => write!(formatter, "{}/{}h", self.actions, seconds / 3600),
            _ if seconds.is_multiple_of(60) => write!(formatter, "{}/{}m", self.actions, seconds / 60),
            _ => write!(formatter, "{}/{seconds}s", self.actions),
        }
    }
}

/// A rule of a policy that was checked.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which denials and the audit trail tell.
    pub name: String,
    /// What it is for, in the words of whoever wrote it.
    pub description: String,
    /// What it does to the calls that it matches.
    pub effect: Effect,
    /// How often it may be used.
    pub quota: Option<Quota>,
    /// The line that it begins at.
    pub line: usize,
    pub(super) condition: Condition,
    /// It failed, and the log has it.
    pub(super) has_complained: AtomicBool,
}

impl Rule {
    /// Its condition, as it was written.
    pub fn when(&self) -> &str {
        self.condition.source()
    }

    /// True if it looks at the process that is acted on: at its fields beside pid.
    pub(super) fn needs_target(&self) -> bool {
        self.condition.mentions().has("target")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_read_and_written_alike() {
        for text in ["10/1m", "1/1s", "100000/24h", "7/90s", "3/2h"] {
            assert_eq!(Quota::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Quota::parse("5/60s").unwrap(), Quota { actions: 5, per: Duration::from_secs(60) });
    }

    #[test]
    fn what_is_no_quota_is_refused() {
        for text in [
            "",
            "10",
            "10/",
            "/1m",
            "0/1m",
            "10/0s",
            "10/1d",
            "-1/1m",
            "+1/1m",
            "1.5/1m",
            "10/1m/2",
            "100001/1m",
            "1/25h",
            "1/1 m",
            "9/99999999999999999999h",
        ] {
            assert!(Quota::parse(text).unwrap_err().contains("is no quota"), "{text:?}");
        }
    }
}
