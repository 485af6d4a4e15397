//! Why parts of a row are absent. One cause is said once for each section of a row, however many fields it spoils: a list has rows of
//! many groups without the one controller or the other.

use std::ffi::CStr;

use procwire_proto::{
    CgroupFieldSet,
    v1::{FieldError, FieldErrorReason},
};
use rustix::io::Errno;

/// Why a file of a group says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The kernel has it for every group but the root.
    RootGroup,
    /// The controller is not switched on for this group.
    NotInForce(&'static str),
    /// The group is not in the tree that is this controller's.
    NotInTree(&'static str),
    /// The controller's tree is not mounted, or shows other groups.
    Unseen(&'static str),
    /// The unified tree, which tells of it, is not mounted or does not show this group.
    NoUnified,
    /// v1 does not tell.
    NotInV1,
    /// The kernel has no such file.
    NoFile(&'static CStr),
    /// It has no such line.
    NoLine(&'static CStr, &'static str),
    /// Its text makes no sense.
    Malformed(&'static CStr),
    /// The kernel refused.
    Failed(&'static CStr, Errno),
    /// A limit of a group above could not be read.
    AboveUnknown,
}

impl Cause {
    fn reason(self) -> FieldErrorReason {
        match self {
            Self::RootGroup
            | Self::NotInForce(_)
            | Self::NotInTree(_)
            | Self::Unseen(_)
            | Self::NoUnified
            | Self::NotInV1
            | Self::NoFile(_)
            | Self::NoLine(..)
            // Pressure is not measured (psi=0), swap is not accounted.
            | Self::Failed(_, Errno::OPNOTSUPP) => FieldErrorReason::Unsupported,
            Self::Malformed(_) => FieldErrorReason::InvalidData,
            Self::Failed(_, Errno::ACCESS | Errno::PERM) => FieldErrorReason::PermissionDenied,
            Self::Failed(..) | Self::AboveUnknown => FieldErrorReason::ReadFailed,
        }
    }

    fn detail(self) -> String {
        let name = |file: &CStr| file.to_string_lossy().into_owned();
        match self {
            Self::RootGroup => "the kernel has no such file for the root group".to_owned(),
            Self::NotInForce(controller) => {
                format!(
                    "the {controller} controller is not in force in this group: see cgroup.subtree_control above it"
                )
            }
            Self::NotInTree(controller) => {
                format!("this group is not in the tree of the {controller} controller that is mounted here")
            }
            Self::Unseen(controller) => {
                format!("no tree of the {controller} controller that shows this group is mounted here")
            }
            Self::NoUnified => {
                "only the unified tree tells of it, and none that shows this group is mounted here".to_owned()
            }
            Self::NotInV1 => "v1 of control groups does not tell".to_owned(),
            Self::NoFile(file) => format!("this kernel has no {}", name(file)),
            Self::NoLine(file, line) => format!("{} has no line {line:?}", name(file)),
            Self::Malformed(file) => format!("{} makes no sense", name(file)),
            Self::Failed(file, errno) => format!("read {}: {errno}", name(file)),
            Self::AboveUnknown => "a limit of a group above could not be read".to_owned(),
        }
    }
}

/// What is to be said of a row.
#[derive(Debug, Default)]
pub(super) struct Causes(Vec<(CgroupFieldSet, Cause)>);

impl Causes {
    pub(super) fn add(&mut self, fields: CgroupFieldSet, cause: Cause) {
        match self.0.iter_mut().find(|(_, known)| *known == cause) {
            Some((known, _)) => *known = known.union(fields),
            None => self.0.push((fields, cause)),
        }
    }

    /// True if a file was not there, or went while it was read: the group may have gone.
    pub(super) fn hint_at_removal(&self) -> bool {
        let hints = |cause: &Cause| {
            matches!(
                cause,
                Cause::RootGroup | Cause::NotInForce(_) | Cause::NoFile(_) | Cause::NotInTree(_) | Cause::Failed(..)
            )
        };
        self.0.iter().any(|(_, cause)| hints(cause))
    }

    /// The errors of a row: under the field's name if a cause spoils only one, else under the name of the section.
    pub(super) fn into_errors(self, asked: CgroupFieldSet) -> Vec<FieldError> {
        let mut errors: Vec<FieldError> = Vec::new();
        for (fields, cause) in self.0 {
            let mut section = None;
            for field in fields.intersection(asked).iter() {
                let head = field.path.split('.').next().unwrap_or(field.path);
                match (section, errors.last_mut()) {
                    (Some(of), Some(error)) if of == head => head.clone_into(&mut error.path),
                    _ => {
                        let path = field.path.to_owned();
                        errors.push(FieldError { path, reason: cause.reason().into(), detail: cause.detail() });
                        section = Some(head);
                    }
                }
            }
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use procwire_proto::cgroup_fields::bit;

    use super::*;

    #[test]
    fn a_cause_is_said_once_for_each_section() {
        let mut causes = Causes::default();
        causes.add(bit::MEMORY_USAGE_BYTES, Cause::NotInForce("memory"));
        causes.add(bit::MEMORY_PEAK_BYTES, Cause::NotInForce("memory"));
        causes.add(bit::CPU_WEIGHT, Cause::Malformed(c"cpu.weight"));
        causes.add(bit::PIDS.union(bit::CPU_PERIODS).union(bit::CPU_THROTTLED_NS), Cause::RootGroup);
        let paths = |asked| -> Vec<_> {
            Causes(causes.0.clone()).into_errors(asked).into_iter().map(|error| error.path).collect()
        };
        assert_eq!(paths(CgroupFieldSet::all_served()), ["memory", "cpu.weight", "cpu", "pids"]);
        assert_eq!(paths(bit::MEMORY_PEAK_BYTES.union(bit::CPU_PERIODS)), ["memory.peak_bytes", "cpu.periods"]);
        assert!(paths(bit::PATH).is_empty());
    }
}
