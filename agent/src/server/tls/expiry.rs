//! What nears its end: the one place that says when that is an alarm.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use x509_parser::certificate::X509Certificate;

/// What ends within this time is worth a warning, ...
const NOTICE: Duration = Duration::from_secs(14 * 24 * 3600);
/// ... unless it is of those that live short and are replaced often: then what has less than this part of its life left. SPIRE replaces a
/// certificate at half of its life, cert-manager when a third is left.
const LAST_PART: u32 = 4;

/// From when to when something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) begins: SystemTime,
    /// The last moment.
    pub(super) ends: SystemTime,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    NotYet,
    EndsSoon,
    Over,
}

impl Validity {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Validity {
        let validity = certificate.validity();
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        Validity { begins: at(validity.not_before.timestamp()), ends: at(validity.not_after.timestamp()) }
    }

    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        now > self.ends
    }

    pub(super) fn standing(&self, now: SystemTime) -> Standing {
        let Validity { begins, ends } = *self;
        if self.is_over(now) {
            return Standing::Over;
        }
        if now < begins {
            return Standing::NotYet;
        }
        let life = ends.duration_since(begins).unwrap_or_default();
        let left = ends.duration_since(now).unwrap_or_default();
        if left < NOTICE.min(life / LAST_PART) { Standing::EndsSoon } else { Standing::Good }
    }

    pub(super) fn end_text(&self) -> String {
        Timestamp::from(self.ends).to_string()
    }

    /// In words, if it is worth any: "tls.certificate agent.crt ends soon: ...".
    pub(super) fn warning(&self, what: &str, path: &str, now: SystemTime) -> Option<String> {
        let Validity { begins, .. } = self;
        let end = self.end_text();
        match self.standing(now) {
            Standing::Good => None,
            Standing::NotYet => Some(format!("{what} {path} does not count before {}", Timestamp::from(*begins))),
            Standing::EndsSoon => Some(format!("{what} {path} ends soon: {end}")),
            Standing::Over => Some(format!("{what} {path} has ended: {end}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;

    fn standing(life: u64, age: u64) -> Standing {
        let begins = UNIX_EPOCH + Duration::from_secs(100 * DAY);
        let validity = Validity { begins, ends: begins + Duration::from_secs(life) };
        validity.standing(begins + Duration::from_secs(age))
    }

    #[test]
    fn two_weeks_are_notice_enough_for_a_year_and_a_quarter_for_an_hour() {
        assert_eq!(standing(365 * DAY, 350 * DAY), Standing::Good);
        assert_eq!(standing(365 * DAY, 352 * DAY), Standing::EndsSoon);
        assert_eq!(standing(HOUR, HOUR / 2), Standing::Good);
        assert_eq!(standing(HOUR, HOUR / 2 + 20 * 60), Standing::EndsSoon);
        assert_eq!(standing(HOUR, HOUR), Standing::EndsSoon, "the last second counts");
        assert_eq!(standing(HOUR, HOUR + 1), Standing::Over);
    }

    #[test]
    fn what_has_not_begun_says_so() {
        let begins = UNIX_EPOCH + Duration::from_secs(DAY);
        let validity = Validity { begins, ends: begins + Duration::from_secs(DAY) };
        let warning = validity.warning("tls.certificate", "a.crt", UNIX_EPOCH);
        assert_eq!(warning.as_deref(), Some("tls.certificate a.crt does not count before 1970-01-02T00:00:00Z"));
        assert_eq!(validity.warning("tls.certificate", "a.crt", begins), None);
    }
}
