//! WaitProcess and WaitProcesses.

use std::time::Duration;

use procwire_proto::v1::{ProcessRef, WaitProcessRequest, WaitProcessesRequest};

use crate::{services::request, status::Failure};

/// A process to be waited for, and how long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WaitSpec {
    pub(crate) target: ProcessRef,
    pub(crate) timeout: Duration,
}

/// Processes to be waited for, and how long for all together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WaitManySpec {
    /// In the order of the request. One that is named twice is told of twice.
    pub(crate) targets: Vec<ProcessRef>,
    pub(crate) timeout: Duration,
}

impl WaitSpec {
    pub(crate) fn parse(request: WaitProcessRequest, longest: Duration) -> Result<Self, Failure> {
        let WaitProcessRequest { r#ref, timeout } = request;
        let target = r#ref.ok_or_else(|| Failure::invalid("ref", "is missing: name the process by its whole ref"))?;
        request::reference("ref", &target)?;
        Ok(Self { target, timeout: parse_timeout(timeout.as_ref(), longest)? })
    }
}

impl WaitManySpec {
    pub(crate) fn parse(request: &WaitProcessesRequest, longest: Duration) -> Result<Self, Failure> {
        let WaitProcessesRequest { refs, timeout } = request;
        let targets = super::references("refs", refs)?;
        Ok(Self { targets, timeout: parse_timeout(timeout.as_ref(), longest)? })
    }
}

fn parse_timeout(given: Option<&prost_types::Duration>, longest: Duration) -> Result<Duration, Failure> {
    let timeout = given.map(|timeout| request::duration("timeout", timeout, Duration::ZERO..=longest));
    Ok(timeout.transpose()?.unwrap_or(longest))
}

#[cfg(test)]
mod tests;
