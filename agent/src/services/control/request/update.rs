//! UpdateProcess.

use procwire_proto::v1::{ProcessRef, UpdateProcessRequest};

use crate::{services::request, status::Failure};

/// A process to be changed, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    /// Given by the caller, or made.
    pub(crate) request_id: String,
    pub(crate) reason: String,
    pub(crate) dry_run: bool,
    pub(crate) target: ProcessRef,
}

impl Update {
    pub(crate) fn parse(request: &UpdateProcessRequest) -> Result<Self, Failure> {
        let UpdateProcessRequest { request_id, reason, dry_run, r#ref, settings: _, update_mask: _, all_threads: _ } =
            request;
        let target = r#ref.clone();
        let target = target.ok_or_else(|| Failure::invalid("ref", "is missing: name the process by its whole ref"))?;
        request::reference("ref", &target)?;
        let request_id = super::request_id(request_id)?;
        let reason = super::reason(reason)?;
        Ok(Self { request_id, reason, dry_run: *dry_run, target })
    }
}
