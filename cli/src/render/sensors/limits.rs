//! Whether a value is beyond a limit.

use anstyle::{AnsiColor, Style};

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    OverCritical,
    OverHigh,
    UnderLow,
}

impl Alarm {
    /// The first of these that holds. A limit of 0 is one that nobody set; so is one that the value of a broken sensor could not be
    /// compared with.
    pub(super) fn of(now: Option<f64>, low: Option<f64>, high: Option<f64>, critical: Option<f64>) -> Option<Self> {
        let now = now?;
        let reaches = |limit: Option<f64>| limit.is_some_and(|limit| limit != 0.0 && now >= limit);
        match () {
            () if reaches(critical) => Some(Self::OverCritical),
            () if reaches(high) => Some(Self::OverHigh),
            () if low.is_some_and(|low| now < low) => Some(Self::UnderLow),
            () => None,
        }
    }

    /// For those who see no colours.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::OverCritical => "ALARM: critical",
            Self::OverHigh => "ALARM: too high",
            Self::UnderLow => "ALARM: too low",
        }
    }

    pub(super) fn style(self) -> Style {
        match self {
            Self::OverCritical => AnsiColor::Red.on_default().bold(),
            Self::OverHigh | Self::UnderLow => AnsiColor::Yellow.on_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_limit_that_is_reached_counts() {
        let alarm = |now| Alarm::of(Some(now), Some(-10.0), Some(80.0), Some(100.0));
        assert_eq!([-10.1, -10.0, 79.9].map(alarm), [Some(Alarm::UnderLow), None, None]);
        assert_eq!([80.0, 100.0].map(alarm), [Some(Alarm::OverHigh), Some(Alarm::OverCritical)]);
        assert_eq!(Alarm::of(None, Some(1.0), None, None), None, "what was not read is no alarm");
        assert_eq!(Alarm::of(Some(5.0), None, Some(0.0), Some(0.0)), None, "nobody set a limit");
        assert_eq!(Alarm::of(Some(f64::NAN), Some(1.0), Some(2.0), Some(3.0)), None);
    }
}
