//! What every request is parsed with. Each failure names the field of the request that is to blame.

use std::{ops::RangeInclusive, time::Duration};

use procwire_proto::{FieldMask, FieldSet, FieldTable, v1::ProcessRef};
use tonic::Extensions;

use crate::{access::Principal, status::Failure};

/// Length of a boot id.
const BOOT_ID_BYTES: usize = 16;
/// Many times the number of fields there are.
const MASK_PATHS_MAX: usize = 1024;
/// Longer than the longest path there is; looking for a field of a similar name takes time that grows with it.
const MASK_PATH_MAX_BYTES: usize = 256;

/// The caller, whom the access layer has verified. A handler cannot go on without one.
pub(crate) fn caller(extensions: &Extensions) -> Result<Principal, Failure> {
    extensions.get::<Principal>().cloned().ok_or_else(Failure::no_identity)
}

/// A read mask in the field `read_mask`.
pub(crate) fn read_mask<M: FieldTable>(mask: Option<&FieldMask>, default: FieldSet<M>) -> Result<FieldSet<M>, Failure> {
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.len() > MASK_PATHS_MAX {
        return Err(Failure::invalid(
            "read_mask",
            format!("has {} paths; at most {MASK_PATHS_MAX} are taken", paths.len()),
        ));
    }
    if let Some(index) = paths.iter().position(|path| path.len() > MASK_PATH_MAX_BYTES) {
        return Err(Failure::invalid(
            format!("read_mask.paths[{index}]"),
            format!("is longer than {MASK_PATH_MAX_BYTES} bytes; no field has such a name"),
        ));
    }
    FieldSet::from_mask(mask, default).map_err(|unknown| Failure::unknown_path("read_mask", &unknown))
}

/// A duration within a range.
pub(crate) fn duration(
    path: &str,
    value: &prost_types::Duration,
    allowed: RangeInclusive<Duration>,
) -> Result<Duration, Failure> {
    let duration = exact_duration(*value).ok_or_else(|| {
        let prost_types::Duration { seconds, nanos } = value;
        Failure::invalid(path, format!("is no duration that can pass: {seconds} s and {nanos} ns"))
    })?;
    if allowed.contains(&duration) {
        return Ok(duration);
    }
    let (least, most) = allowed.into_inner();
    Err(Failure::invalid(path, format!("is {duration:?}; it must be between {least:?} and {most:?}")))
}

/// `None` if negative, or if seconds and nanoseconds are not as google/protobuf/duration.proto wants them.
fn exact_duration(value: prost_types::Duration) -> Option<Duration> {
    let nanos = u32::try_from(value.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let seconds = u64::try_from(value.seconds).ok()?;
    Some(Duration::new(seconds, nanos))
}

/// A duration as the wire has it.
pub(crate) fn wire_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A pid that Linux could have given out.
pub(crate) fn pid(path: &str, pid: u32) -> Result<u32, Failure> {
    match pid {
        1..=ProcessRef::MAX_PID => Ok(pid),
        _ => Err(Failure::invalid(path, format!("is {pid}; a pid is 1 to {}", ProcessRef::MAX_PID))),
    }
}

/// A whole reference. That its boot is this one is for the reader of it to check.
pub(crate) fn reference(path: &str, reference: &ProcessRef) -> Result<(), Failure> {
    pid(&format!("{path}.pid"), reference.pid)?;
    match reference.boot_id.len() {
        BOOT_ID_BYTES => Ok(()),
        0 => Err(Failure::invalid(
            format!("{path}.boot_id"),
            "is missing: a pid alone names whatever has it now; take the whole ref from ListProcesses or GetProcess",
        )),
        other => {
            Err(Failure::invalid(format!("{path}.boot_id"), format!("has {other} bytes; it must have {BOOT_ID_BYTES}")))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{ErrorReason, Process};

    use super::*;

    const RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

    fn parse(seconds: i64, nanos: i32) -> Result<Duration, Failure> {
        duration("interval", &prost_types::Duration { seconds, nanos }, RANGE)
    }

    #[test]
    fn durations_outside_the_range_or_malformed_name_their_field() {
        assert_eq!(parse(0, 100_000_000).unwrap(), Duration::from_millis(100));
        assert_eq!(parse(3600, 0).unwrap(), Duration::from_secs(3600));
        for (seconds, nanos) in [
            (0, 0),
            (0, 99_999_999),
            (3600, 1),
            (-1, 0),
            (0, -1),
            (1, -1),
            (-1, 500_000_000),
            (0, 1_000_000_000),
            (i64::MAX, i32::MAX),
            (i64::MIN, i32::MIN),
        ] {
            let failure = parse(seconds, nanos).unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some("interval")));
        }
        assert_eq!(parse(0, 0).unwrap_err().message(), "interval is 0ns; it must be between 100ms and 3600s");
    }

    #[test]
    fn durations_survive_the_wire() {
        for duration in [Duration::ZERO, Duration::new(7, 999_999_999)] {
            let wire = wire_duration(duration);
            assert_eq!(exact_duration(wire), Some(duration));
        }
    }

    #[test]
    fn pids_have_a_range() {
        assert_eq!(pid("pid", 1).unwrap(), 1);
        assert_eq!(pid("pid", 4_194_304).unwrap(), 4_194_304);
        for odd in [0, 4_194_305, u32::MAX] {
            let failure = pid("ref.pid", odd).unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some("ref.pid")));
        }
    }

    #[test]
    fn a_reference_without_its_parts_is_refused_by_name() {
        let whole = ProcessRef { pid: 7, start_ticks: 0, boot_id: vec![1; 16].into(), pidfd_inode: None };
        reference("ref", &whole).unwrap();
        let no_boot = ProcessRef { boot_id: vec![].into(), ..whole.clone() };
        assert_eq!(reference("targets[3]", &no_boot).unwrap_err().field(), Some("targets[3].boot_id"));
        let short_boot = ProcessRef { boot_id: vec![1; 15].into(), ..whole.clone() };
        assert_eq!(reference("ref", &short_boot).unwrap_err().field(), Some("ref.boot_id"));
        let no_pid = ProcessRef { pid: 0, ..whole };
        assert_eq!(reference("ref", &no_pid).unwrap_err().field(), Some("ref.pid"));
    }

    #[test]
    fn a_mask_that_costs_more_to_answer_than_it_could_mean_is_refused() {
        let parse = |paths| read_mask(Some(&FieldMask { paths }), FieldSet::<Process>::EMPTY);
        parse(vec!["pid".to_owned(); 1024]).unwrap();
        assert_eq!(parse(vec!["pid".to_owned(); 1025]).unwrap_err().field(), Some("read_mask"));
        let long = parse(vec!["pid".to_owned(), "x".repeat(1 << 20)]).unwrap_err();
        assert_eq!(long.field(), Some("read_mask.paths[1]"));
        assert!(long.message().len() < 200);
    }

    #[test]
    fn an_unknown_path_names_its_place_in_the_mask() {
        let mask = FieldMask { paths: vec!["pid".to_owned(), "name".to_owned(), "rss".to_owned()] };
        let failure = read_mask(Some(&mask), FieldSet::<Process>::EMPTY).unwrap_err();
        assert_eq!((failure.reason(), failure.field()), (ErrorReason::UnknownField, Some("read_mask.paths[2]")));
    }
}
