//! Groups that are not in a list though they should be.

use procwire_proto::{
    escape,
    v1::{FieldError, FieldErrorReason},
};

use crate::cgroup::path::GroupPath;

/// Enough to see what is wrong.
const KEPT: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Errors {
    kept: Vec<FieldError>,
    left_out: u64,
}

impl Errors {
    /// A group went between being listed and being read.
    pub(super) fn gone(&mut self, group: &GroupPath) {
        self.add(group, FieldErrorReason::ReadFailed, "was removed while it was read");
    }

    pub(super) fn add(&mut self, group: &GroupPath, reason: FieldErrorReason, detail: &str) {
        self.add_at(escape::terminal(group.as_bytes()).to_string(), reason, detail);
    }

    pub(super) fn add_at(&mut self, path: String, reason: FieldErrorReason, detail: &str) {
        if self.kept.len() < KEPT {
            self.kept.push(FieldError { path, reason: reason.into(), detail: detail.to_owned() });
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn list(&self) -> Vec<FieldError> {
        let mut errors = self.kept.clone();
        if self.left_out > 0 {
            let detail = format!("{} more errors are left out", self.left_out);
            errors.push(FieldError { path: String::new(), reason: FieldErrorReason::Truncated.into(), detail });
        }
        errors
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn many_errors_are_counted_and_names_cannot_act_on_a_terminal() {
        let mut errors = Errors::default();
        let hostile = GroupPath::root().child(b"a\x1b[2J");
        for group in hostile.iter().cycle().take(70) {
            errors.gone(group);
        }
        let list = errors.list();
        assert_eq!((list.len(), list[0].path.as_str()), (65, r"/a\x1b[2J"));
        assert_eq!(
            (list[64].reason(), list[64].detail.as_str()),
            (FieldErrorReason::Truncated, "6 more errors are left out")
        );
    }
}
