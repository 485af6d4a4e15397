//! Requests of ProcessService, parsed once into what is meant.

use std::{ops::RangeInclusive, time::Duration};

use procwire_proto::{
    ProcessFieldSet,
    v1::{GetProcessRequest, ListProcessesRequest, ProcessRef, get_process_request},
};

use super::{
    filter::{Circumstances, Filter},
    order::Order,
};
use crate::{
    policy::{Disclosure, Sight},
    services::request,
    status::Failure,
};

/// Shorter ones measure little but the clock tick of 10 ms; longer ones belong into two requests, or a stream.
const USAGE_WINDOW: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);

/// What a list is asked to give.
#[derive(Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) fields: ProcessFieldSet,
    pub(crate) filter: Filter,
    pub(crate) order: Order,
    /// At most this many rows.
    pub(crate) limit: usize,
    pub(crate) usage_window: Option<Duration>,
}

impl ListQuery {
    pub(crate) fn parse(request: ListProcessesRequest, boot_id: &[u8], sight: &Sight) -> Result<Self, Failure> {
        let ListProcessesRequest { read_mask, filter, order_by, limit, usage_window } = request;
        let fields = request::read_mask(read_mask.as_ref(), ProcessFieldSet::default_list())?;
        let usage_window = parse_usage_window(usage_window.as_ref())?;
        let has_usage_window = usage_window.is_some();
        let filter = match filter {
            None => Filter::default(),
            Some(filter) => Filter::parse(filter, &Circumstances { boot_id, sight, has_usage_window })?,
        };
        let order = Order::parse(&order_by, has_usage_window)?;
        demand_sight(sight, "filter", filter.fields())?;
        demand_sight(sight, "order_by", order.fields())?;
        let limit = match limit {
            0 => usize::MAX,
            rows => usize::try_from(rows).unwrap_or(usize::MAX),
        };
        Ok(Self { fields, filter, order, limit, usage_window })
    }
}

/// Which process, and what of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GetQuery {
    pub(crate) target: Target,
    pub(crate) fields: ProcessFieldSet,
    pub(crate) usage_window: Option<Duration>,
}

/// A process to read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// Whatever has this pid.
    Pid(u32),
    /// This process and no other.
    Reference(ProcessRef),
}

impl Target {
    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Pid(pid) => *pid,
            Self::Reference(reference) => reference.pid,
        }
    }
}

impl GetQuery {
    pub(crate) fn parse(request: GetProcessRequest) -> Result<Self, Failure> {
        let GetProcessRequest { target, read_mask, usage_window } = request;
        let fields = request::read_mask(read_mask.as_ref(), ProcessFieldSet::default_get())?;
        let usage_window = parse_usage_window(usage_window.as_ref())?;
        let target = match target {
            None => return Err(Failure::invalid("target", "is missing: give pid or ref")),
            Some(get_process_request::Target::Pid(pid)) => Target::Pid(request::pid("pid", pid)?),
            Some(get_process_request::Target::Ref(reference)) => {
                request::reference("ref", &reference)?;
                Target::Reference(reference)
            }
        };
        Ok(Self { target, fields, usage_window })
    }
}

/// Which rows there are, and in which order, tells as much as the values would.
fn demand_sight(sight: &Sight, path: &str, fields: ProcessFieldSet) -> Result<(), Failure> {
    match fields.iter().find(|field| !sight.sees(field.class)) {
        None => Ok(()),
        Some(field) => Err(sight.refusal(path, Disclosure::of(field.class))),
    }
}

fn parse_usage_window(window: Option<&prost_types::Duration>) -> Result<Option<Duration>, Failure> {
    window.map(|window| request::duration("usage_window", window, USAGE_WINDOW)).transpose()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::{
        FieldMask,
        process_fields::bit,
        v1::{ErrorReason, ProcessFilter},
    };

    use super::*;
    use crate::access::Role;

    fn parse(request: ListProcessesRequest) -> Result<ListQuery, Failure> {
        ListQuery::parse(request, &[1; 16], &Sight::of_roles([Role::Reader].into_iter().collect()))
    }

    #[test]
    fn an_empty_request_lists_the_default_fields_of_all_processes() {
        let query = parse(ListProcessesRequest::default()).unwrap();
        assert_eq!((query.fields, query.limit), (ProcessFieldSet::default_list(), usize::MAX));
        assert!(query.filter.is_empty() && query.order.is_empty() && query.usage_window.is_none());
        let empty_filter =
            ListProcessesRequest { filter: Some(ProcessFilter::default()), limit: 3, ..Default::default() };
        let query = parse(empty_filter).unwrap();
        assert!(query.filter.is_empty());
        assert_eq!(query.limit, 3);
    }

    #[test]
    fn a_window_has_a_length_that_can_be_waited_for() {
        let window = |seconds, nanos| {
            let usage_window = Some(prost_types::Duration { seconds, nanos });
            let list =
                parse(ListProcessesRequest { usage_window, ..Default::default() }).map(|query| query.usage_window);
            let target = Some(get_process_request::Target::Pid(1));
            let get = GetQuery::parse(GetProcessRequest { usage_window, target, read_mask: None });
            assert_eq!(list, get.map(|query| query.usage_window));
            list
        };
        assert_eq!(window(0, 10_000_000).unwrap(), Some(Duration::from_millis(10)));
        assert_eq!(window(60, 0).unwrap(), Some(Duration::from_secs(60)));
        for (seconds, nanos) in [(0, 0), (0, 9_999_999), (60, 1), (-1, 0), (1, -1), (0, 1_000_000_000)] {
            let failure = window(seconds, nanos).unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some("usage_window")));
        }
    }

    fn get(target: Option<get_process_request::Target>) -> Result<GetQuery, Failure> {
        let read_mask = Some(FieldMask { paths: vec!["name".to_owned()] });
        GetQuery::parse(GetProcessRequest { target, read_mask, usage_window: None })
    }

    #[test]
    fn a_process_is_named_by_pid_or_by_a_whole_reference() {
        let query = get(Some(get_process_request::Target::Pid(1))).unwrap();
        assert_eq!(query, GetQuery { target: Target::Pid(1), fields: bit::NAME, usage_window: None });
        for (target, field) in [
            (None, "target"),
            (Some(get_process_request::Target::Pid(0)), "pid"),
            (Some(get_process_request::Target::Pid(4_194_305)), "pid"),
            (Some(get_process_request::Target::Ref(ProcessRef::default())), "ref.pid"),
            (Some(get_process_request::Target::Ref(ProcessRef { pid: 1, ..Default::default() })), "ref.boot_id"),
        ] {
            let failure = get(target).unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some(field)));
        }
    }
}
