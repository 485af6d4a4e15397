//! Requests of SystemService, parsed once into what is meant.

use std::{ops::RangeInclusive, time::Duration};

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{GetSystemRequest, WatchSystemRequest},
};

use crate::{host_pool::Lane, services::request, status::Failure};

const USAGE_WINDOW: RangeInclusive<Duration> = Duration::from_nanos(1)..=Duration::from_secs(60);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// What drivers are asked for, some over a slow bus: a read that hangs does so for as long as the device does.
const OF_DEVICES: SystemFieldSet = bit::SENSORS_TEMPERATURES
    .union(bit::SENSORS_FANS)
    .union(bit::SENSORS_VOLTAGES)
    .union(bit::SENSORS_POWERS)
    .union(bit::SENSORS_CURRENTS)
    .union(bit::SENSORS_ENERGIES)
    .union(bit::SENSORS_HUMIDITIES)
    .union(bit::SENSORS_THERMAL_ZONES)
    .union(bit::POWER)
    .union(bit::GPUS);

/// Where these fields are read. Filesystems have threads of their own in the host and are waited for no longer than a second, which is too
/// long for the quick lane all the same.
pub(super) fn lane(fields: SystemFieldSet) -> Lane {
    if fields.intersects(OF_DEVICES) {
        Lane::Device
    } else if fields.intersects(bit::MOUNTS_USAGE) {
        Lane::Slow
    } else {
        Lane::Quick
    }
}

/// What a snapshot is asked to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotQuery {
    pub(crate) fields: SystemFieldSet,
    /// Time between two readings, for rates.
    pub(crate) usage_window: Option<Duration>,
}

impl SnapshotQuery {
    pub(crate) fn parse(request: GetSystemRequest) -> Result<Self, Failure> {
        let GetSystemRequest { read_mask, usage_window } = request;
        let fields = request::read_mask(read_mask.as_ref(), SystemFieldSet::default_list())?;
        let window = usage_window.map(|window| request::duration("usage_window", &window, USAGE_WINDOW));
        Ok(Self { fields, usage_window: window.transpose()? })
    }
}

/// What a stream is asked to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchSpec {
    pub(crate) fields: SystemFieldSet,
    pub(crate) interval: Duration,
}

impl WatchSpec {
    pub(crate) fn parse(request: WatchSystemRequest, intervals: RangeInclusive<Duration>) -> Result<Self, Failure> {
        let WatchSystemRequest { read_mask, interval, resume_token, resume_after_seq } = request;
        let fields = request::read_mask(read_mask.as_ref(), SystemFieldSet::default_list())?;
        let interval = match interval {
            None => DEFAULT_INTERVAL.clamp(*intervals.start(), *intervals.end()),
            Some(interval) => request::duration("interval", &interval, intervals)?,
        };
        if resume_after_seq != 0 && resume_token.is_empty() {
            return Err(Failure::invalid("resume_after_seq", "means nothing without a resume_token"));
        }
        if !resume_token.is_empty() {
            return Err(Failure::field_not_served("resume_token", "leave it empty to start anew"));
        }
        Ok(Self { fields, interval })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::{
        Duration as WireDuration, FieldMask, FieldTable as _,
        v1::{ErrorReason, FieldCost, System},
    };

    use super::*;

    const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

    fn watch(interval: Option<WireDuration>, resume_token: &[u8]) -> Result<WatchSpec, Failure> {
        let request =
            WatchSystemRequest { read_mask: None, interval, resume_token: resume_token.to_vec(), resume_after_seq: 0 };
        WatchSpec::parse(request, INTERVALS)
    }

    #[test]
    fn nothing_that_may_hang_is_read_in_the_quick_lane() {
        for field in System::FIELDS {
            let mask = FieldMask { paths: vec![field.path.to_owned()] };
            let lane = lane(SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap());
            assert!(lane != Lane::Quick || field.cost != FieldCost::Heavy, "{}", field.path);
        }
        assert_eq!(lane(SystemFieldSet::default_list()), Lane::Quick);
        assert_eq!(lane(bit::MOUNTS_USAGE.union(bit::LOAD)), Lane::Slow);
        assert_eq!(lane(SystemFieldSet::all_served()), Lane::Device);
    }

    #[test]
    fn a_stream_without_an_interval_has_one_sample_a_second() {
        let spec = watch(None, b"").unwrap();
        assert_eq!((spec.interval, spec.fields), (Duration::from_secs(1), SystemFieldSet::default_list()));
    }

    #[test]
    fn an_impossible_interval_is_named() {
        for (seconds, nanos) in [(0, 0), (-1, 0), (0, 99_999_999), (3601, 0), (1, 2_000_000_000)] {
            let failure = watch(Some(WireDuration { seconds, nanos }), b"").unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some("interval")));
        }
    }

    #[test]
    fn resuming_is_not_served_yet() {
        let failure = watch(None, b"token").unwrap_err();
        assert_eq!((failure.reason(), failure.field()), (ErrorReason::NotServed, Some("resume_token")));
    }

    #[test]
    fn a_usage_window_is_more_than_nothing_and_at_most_a_minute() {
        let parse = |seconds, nanos| {
            let usage_window = Some(WireDuration { seconds, nanos });
            SnapshotQuery::parse(GetSystemRequest { read_mask: None, usage_window })
        };
        assert_eq!(parse(60, 0).unwrap().usage_window, Some(Duration::from_secs(60)));
        for (seconds, nanos) in [(0, 0), (-1, 0), (60, 1)] {
            let failure = parse(seconds, nanos).unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some("usage_window")));
        }
    }
}
