//! Requests of ProcessService, parsed once into what is meant.

use procwire_proto::{
    ProcessFieldSet,
    v1::{GetProcessRequest, ListProcessesRequest, ProcessFilter, ProcessRef, get_process_request},
};

use crate::{services::request, status::Failure};

/// What a list is asked to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) fields: ProcessFieldSet,
    /// At most this many rows.
    pub(crate) limit: usize,
}

impl ListQuery {
    pub(crate) fn parse(request: ListProcessesRequest) -> Result<Self, Failure> {
        let ListProcessesRequest { read_mask, filter, order_by, limit, usage_window } = request;
        let fields = request::read_mask(read_mask.as_ref(), ProcessFieldSet::default_list())?;
        demand_no_usage_window(usage_window.as_ref())?;
        if filter.is_some_and(|ProcessFilter { allow, deny }| !(allow.is_empty() && deny.is_empty())) {
            return Err(Failure::field_not_served("filter", "list all processes and filter on your side"));
        }
        if !order_by.is_empty() {
            return Err(Failure::field_not_served("order_by", "rows come ascending by pid; sort on your side"));
        }
        let limit = match limit {
            0 => usize::MAX,
            rows => usize::try_from(rows).unwrap_or(usize::MAX),
        };
        Ok(Self { fields, limit })
    }
}

/// Which process, and what of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GetQuery {
    pub(crate) target: Target,
    pub(crate) fields: ProcessFieldSet,
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
        demand_no_usage_window(usage_window.as_ref())?;
        let target = match target {
            None => return Err(Failure::invalid("target", "is missing: give pid or ref")),
            Some(get_process_request::Target::Pid(pid)) => Target::Pid(request::pid("pid", pid)?),
            Some(get_process_request::Target::Ref(reference)) => {
                request::reference("ref", &reference)?;
                Target::Reference(reference)
            }
        };
        Ok(Self { target, fields })
    }
}

fn demand_no_usage_window(window: Option<&prost_types::Duration>) -> Result<(), Failure> {
    match window {
        None => Ok(()),
        Some(_) => Err(Failure::field_not_served(
            "usage_window",
            "read cpu_times twice and divide by the difference of sampled.monotonic_ns",
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::{
        FieldMask,
        process_fields::bit,
        v1::{ErrorReason, OrderBy, ProcessPredicate},
    };

    use super::*;

    fn refused(request: ListProcessesRequest) -> (ErrorReason, String) {
        let failure = ListQuery::parse(request).unwrap_err();
        (failure.reason(), failure.field().unwrap().to_owned())
    }

    #[test]
    fn an_empty_request_lists_the_default_fields_of_all_processes() {
        let query = ListQuery::parse(ListProcessesRequest::default()).unwrap();
        assert_eq!(query, ListQuery { fields: ProcessFieldSet::default_list(), limit: usize::MAX });
        let empty_filter =
            ListProcessesRequest { filter: Some(ProcessFilter::default()), limit: 3, ..Default::default() };
        assert_eq!(ListQuery::parse(empty_filter).unwrap().limit, 3);
    }

    #[test]
    fn what_is_not_served_yet_is_named() {
        let filter = ProcessFilter { deny: vec![ProcessPredicate::default()], allow: vec![] };
        let filtered = ListProcessesRequest { filter: Some(filter), ..Default::default() };
        assert_eq!(refused(filtered), (ErrorReason::NotServed, "filter".to_owned()));
        let ordered = ListProcessesRequest { order_by: vec![OrderBy::default()], ..Default::default() };
        assert_eq!(refused(ordered), (ErrorReason::NotServed, "order_by".to_owned()));
        let window =
            ListProcessesRequest { usage_window: Some(prost_types::Duration::default()), ..Default::default() };
        assert_eq!(refused(window), (ErrorReason::NotServed, "usage_window".to_owned()));
    }

    fn get(target: Option<get_process_request::Target>) -> Result<GetQuery, Failure> {
        let read_mask = Some(FieldMask { paths: vec!["name".to_owned()] });
        GetQuery::parse(GetProcessRequest { target, read_mask, usage_window: None })
    }

    #[test]
    fn a_process_is_named_by_pid_or_by_a_whole_reference() {
        let query = get(Some(get_process_request::Target::Pid(1))).unwrap();
        assert_eq!(query, GetQuery { target: Target::Pid(1), fields: bit::NAME });
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
