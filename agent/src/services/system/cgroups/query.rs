//! The request of ListCgroups, parsed once into what is meant.

use std::{ops::RangeInclusive, time::Duration};

use procwire_host::cgroup::{GroupPath, GroupQuery};
use procwire_proto::{CgroupFieldSet, v1::ListCgroupsRequest};

use crate::{services::request, status::Failure};

const USAGE_WINDOW: RangeInclusive<Duration> = Duration::from_nanos(1)..=Duration::from_secs(60);
/// Whoever wants more asks for those below one of them.
const PATHS_MAX: usize = 1024;

/// What a list of control groups is asked to give.
#[derive(Clone, Debug)]
pub(in crate::services::system) struct CgroupsQuery {
    pub(super) query: GroupQuery,
    pub(super) usage_window: Option<Duration>,
}

impl CgroupsQuery {
    pub(in crate::services::system) fn parse(request: ListCgroupsRequest) -> Result<Self, Failure> {
        let ListCgroupsRequest { paths, descendants, read_mask, usage_window, limit } = request;
        if paths.len() > PATHS_MAX {
            return Err(Failure::invalid("paths", format!("has {} paths; at most {PATHS_MAX} are taken", paths.len())));
        }
        let path = |(index, path): (usize, &Vec<u8>)| {
            GroupPath::parse(path).map_err(|problem| Failure::invalid(format!("paths[{index}]"), problem.to_string()))
        };
        let paths = paths.iter().enumerate().map(path).collect::<Result<_, _>>()?;
        let fields = request::read_mask(read_mask.as_ref(), CgroupFieldSet::default_list())?;
        let window = usage_window.map(|window| request::duration("usage_window", &window, USAGE_WINDOW));
        let limit = match limit {
            0 => usize::MAX,
            rows => usize::try_from(rows).unwrap_or(usize::MAX),
        };
        Ok(Self { query: GroupQuery { paths, descendants, fields, limit }, usage_window: window.transpose()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::{Duration as WireDuration, FieldMask, cgroup_fields::bit, v1::ErrorReason};

    use super::*;

    fn refused(request: ListCgroupsRequest) -> (ErrorReason, String) {
        let failure = CgroupsQuery::parse(request).unwrap_err();
        (failure.reason(), failure.field().unwrap().to_owned())
    }

    #[test]
    fn what_names_no_group_is_refused_by_name() {
        let long = [b"/", vec![b'x'; 4096].as_slice()].concat();
        for odd in [&b""[..], b"a", b"/a/../b", b"/..", b"/./a", b"//a", b"/a\0", &long] {
            let paths = vec![b"/good".to_vec(), odd.to_vec()];
            let refused = refused(ListCgroupsRequest { paths, ..Default::default() });
            assert_eq!(refused, (ErrorReason::InvalidRequest, "paths[1]".to_owned()), "{odd:?}");
        }
        let paths = vec![b"/".to_vec(); 1025];
        assert_eq!(refused(ListCgroupsRequest { paths, ..Default::default() }).1, "paths");
    }

    #[test]
    fn the_mask_and_the_window_are_those_of_other_calls() {
        let parse = |paths: &[&str]| {
            let read_mask = Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() });
            CgroupsQuery::parse(ListCgroupsRequest { read_mask, ..Default::default() })
        };
        assert_eq!(parse(&[]).unwrap().query.fields, CgroupFieldSet::default_list());
        assert!(!CgroupFieldSet::default_list().contains(bit::MEMORY_STATISTICS));
        assert_eq!(parse(&["*"]).unwrap().query.fields, CgroupFieldSet::all_served());
        let unknown = parse(&["path", "memory.limit"]).unwrap_err();
        assert_eq!((unknown.reason(), unknown.field()), (ErrorReason::UnknownField, Some("read_mask.paths[1]")));
        for (seconds, nanos) in [(0, 0), (-1, 0), (60, 1)] {
            let usage_window = Some(WireDuration { seconds, nanos });
            assert_eq!(refused(ListCgroupsRequest { usage_window, ..Default::default() }).1, "usage_window");
        }
    }
}
