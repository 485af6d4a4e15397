//! Moments, in the time zone of the person who reads.

use std::time::Duration;

use jiff::{Timestamp, Zoned};

/// Now, and where the reader is.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    now: Zoned,
}

impl Clock {
    /// The system's time and zone.
    pub(crate) fn system() -> Self {
        Self { now: Zoned::now() }
    }

    /// A fixed moment and zone.
    #[cfg(test)]
    pub(crate) fn fixed(now: Timestamp, zone: jiff::tz::TimeZone) -> Self {
        Self { now: now.to_zoned(zone) }
    }

    /// For a column of five: `14:05` today, `Nov18` this year, else the year.
    pub(crate) fn brief(&self, moment: &prost_types::Timestamp) -> String {
        let Some(moment) = self.zoned(moment) else { return "?".to_owned() };
        let format = if moment.date() == self.now.date() {
            "%H:%M"
        } else if moment.year() == self.now.year() {
            "%b%d"
        } else {
            "%Y"
        };
        moment.strftime(format).to_string()
    }

    /// `14:05:09`.
    pub(crate) fn time_of_day(&self, moment: &prost_types::Timestamp) -> String {
        self.zoned(moment).map_or_else(|| "?".to_owned(), |moment| moment.strftime("%H:%M:%S").to_string())
    }

    /// `2026-11-18 14:05:09`.
    pub(crate) fn to_the_second(&self, moment: &prost_types::Timestamp) -> String {
        self.zoned(moment).map_or_else(|| "?".to_owned(), |moment| moment.strftime("%F %T").to_string())
    }

    /// `2026-11-18 14:05:09 +01:00`.
    pub(crate) fn full(&self, moment: &prost_types::Timestamp) -> String {
        self.zoned(moment).map_or_else(|| "?".to_owned(), |moment| moment.strftime("%F %T %:z").to_string())
    }

    /// For a cell: `2026-11-18T14:05:09+01:00`, which programs understand wherever they run.
    pub(crate) fn sortable(&self, moment: &prost_types::Timestamp) -> String {
        self.zoned(moment).map_or_else(|| "?".to_owned(), |moment| moment.strftime("%FT%T%:z").to_string())
    }

    /// How long ago it was; `None` for the future.
    pub(crate) fn since(&self, moment: &prost_types::Timestamp) -> Option<Duration> {
        let moment = self.zoned(moment)?;
        self.now.timestamp().duration_since(moment.timestamp()).try_into().ok()
    }

    /// How long until then; `None` for the past.
    pub(crate) fn until(&self, moment: &prost_types::Timestamp) -> Option<Duration> {
        let moment = self.zoned(moment)?;
        moment.timestamp().duration_since(self.now.timestamp()).try_into().ok()
    }

    fn zoned(&self, moment: &prost_types::Timestamp) -> Option<Zoned> {
        let timestamp = Timestamp::new(moment.seconds, moment.nanos).ok()?;
        Some(timestamp.to_zoned(self.now.time_zone().clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn moment(text: &str) -> prost_types::Timestamp {
        let moment: Timestamp = text.parse().unwrap();
        prost_types::Timestamp { seconds: moment.as_second(), nanos: 0 }
    }

    #[test]
    fn moments_are_shown_in_the_readers_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), zone);
        assert_eq!(clock.brief(&moment("2026-11-20T23:05:00Z")), "00:05", "today by the reader's midnight");
        assert_eq!(clock.brief(&moment("2026-11-20T22:59:00Z")), "Nov20");
        assert_eq!(clock.brief(&moment("2025-12-31T00:00:00Z")), "2025");
        assert_eq!(clock.full(&moment("2026-11-18T13:05:09Z")), "2026-11-18 14:05:09 +01:00");
        assert_eq!(clock.sortable(&moment("2026-11-18T13:05:09Z")), "2026-11-18T14:05:09+01:00");
        assert_eq!(clock.time_of_day(&moment("2026-11-18T13:05:09Z")), "14:05:09");
        assert_eq!(clock.since(&moment("2026-11-21T22:29:00Z")), Some(Duration::from_secs(60)));
        assert_eq!(clock.since(&moment("2026-11-21T22:31:00Z")), None);
        assert_eq!(clock.until(&moment("2026-11-21T22:31:00Z")), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_moment_that_is_none_is_no_panic() {
        let clock = Clock::system();
        let impossible = prost_types::Timestamp { seconds: i64::MAX, nanos: -5 };
        assert_eq!((clock.brief(&impossible), clock.full(&impossible)), ("?".to_owned(), "?".to_owned()));
    }
}
