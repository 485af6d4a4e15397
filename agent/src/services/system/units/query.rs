//! The request of ListUnits, parsed once into what is meant.

use procwire_proto::v1::ListUnitsRequest;

use crate::{status::Failure, units::Pattern};

/// The active states that systemd knows (org.freedesktop.systemd1(5), "ActiveState").
const ACTIVE_STATES: [&str; 8] =
    ["active", "reloading", "inactive", "failed", "activating", "deactivating", "maintenance", "refreshing"];
/// What they cost is said in [`Pattern`].
const PATTERNS_MAX: usize = 32;

/// What a list of units is asked to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::services::system) struct UnitsQuery {
    /// None: all names.
    pub(super) patterns: Vec<Pattern>,
    /// None: all states.
    pub(super) active_states: Vec<String>,
}

impl UnitsQuery {
    pub(in crate::services::system) fn parse(request: ListUnitsRequest) -> Result<Self, Failure> {
        let ListUnitsRequest { patterns, mut active_states } = request;
        if patterns.len() > PATTERNS_MAX {
            let problem = format!("has {} patterns; at most {PATTERNS_MAX} are taken", patterns.len());
            return Err(Failure::invalid("patterns", problem));
        }
        let pattern = |(index, text): (usize, &String)| {
            Pattern::parse(text).map_err(|problem| Failure::invalid(format!("patterns[{index}]"), problem.to_string()))
        };
        let patterns = patterns.iter().enumerate().map(pattern).collect::<Result<_, _>>()?;
        if let Some(index) = active_states.iter().position(|state| !ACTIVE_STATES.contains(&state.as_str())) {
            let problem = format!("is no active state of systemd; those are {}", ACTIVE_STATES.join(", "));
            return Err(Failure::invalid(format!("active_states[{index}]"), problem));
        }
        active_states.sort_unstable();
        active_states.dedup();
        Ok(Self { patterns, active_states })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ErrorReason;

    use super::*;

    fn refused(patterns: &[&str], active_states: &[&str]) -> (ErrorReason, String) {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let request = ListUnitsRequest { patterns: texts(patterns), active_states: texts(active_states) };
        let failure = UnitsQuery::parse(request).unwrap_err();
        (failure.reason(), failure.field().unwrap().to_owned())
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let invalid = |field: &str| (ErrorReason::InvalidRequest, field.to_owned());
        assert_eq!(refused(&["ssh*", ""], &[]), invalid("patterns[1]"));
        assert_eq!(refused(&["a\0b"], &[]), invalid("patterns[0]"));
        assert_eq!(refused(&["*"; 33], &[]), invalid("patterns"));
        assert_eq!(refused(&[], &["active", "running"]), invalid("active_states[1]"));
        assert_eq!(refused(&[], &["Active"]), invalid("active_states[0]"));
    }

    #[test]
    fn a_state_that_is_said_often_is_looked_for_once() {
        let active_states = ["failed", "active"].repeat(1000).into_iter().map(str::to_owned).collect();
        let query = UnitsQuery::parse(ListUnitsRequest { patterns: vec![], active_states }).unwrap();
        assert_eq!(query.active_states, ["active", "failed"]);
    }
}
