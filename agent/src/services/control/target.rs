//! Targets as answers tell of them.

use procwire_host::{Member, ProcessHandle};
use procwire_proto::v1::{ControlTarget, ProcessRef, TargetError};

use crate::status::Failure;

/// A process that is held. `index` is the target of the request that it belongs to.
pub(super) fn held(handle: &ProcessHandle, index: usize) -> ControlTarget {
    ControlTarget {
        name: Some(handle.name().to_vec()),
        uid: handle.effective_uid(),
        mechanism: handle.mechanism().into(),
        ..named(handle.reference(), index)
    }
}

/// A member of what belongs to a target.
pub(super) fn member(member: &Member, index: usize) -> ControlTarget {
    ControlTarget { cgroup: member.cgroup.clone(), ..held(&member.handle, index) }
}

/// A process that could not be opened, as it was named.
pub(super) fn named(reference: &ProcessRef, index: usize) -> ControlTarget {
    ControlTarget {
        r#ref: Some(reference.clone()),
        target_index: u32::try_from(index).unwrap_or(u32::MAX),
        ..ControlTarget::default()
    }
}

/// Why nothing was done to a process.
pub(super) fn error(failure: &Failure) -> TargetError {
    TargetError { reason: failure.reason().into(), detail: failure.message().to_owned() }
}
