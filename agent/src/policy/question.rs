//! What a policy is asked.

use procwire_host::TargetFacts;

use super::{Disclosure, vocabulary};
use crate::access::Principal;

/// A fact of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    /// This call has none: a rule that hangs on it says nothing.
    #[default]
    Absent,
    /// Not looked at yet: a rule that hangs on it is asked again when it is.
    Later,
    /// It is this.
    Known(T),
}

/// May this caller do this? What is absent by default is.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// "TerminateProcesses".
    pub method: &'a str,
    /// What the built-in table of roles says.
    pub role_allows: bool,
    /// The process that is acted on.
    pub target: Fact<Target<'a>>,
    /// What would be seen.
    pub data_class: Fact<Disclosure>,
    /// What would be sent.
    pub signal: Fact<i32>,
    /// Paths of the settings that would be changed.
    pub settings: Fact<&'a [String]>,
    /// Nothing will be done.
    pub dry_run: Fact<bool>,
}

/// A process that is acted on, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its pid.
    pub pid: u32,
    /// The rest of it.
    pub facts: &'a TargetFacts,
}

impl<'a> Question<'a> {
    /// About a method of which no more is known yet than who calls it.
    pub fn at_the_door(principal: &'a Principal, method: &'a str, role_allows: bool) -> Self {
        let acts = vocabulary::acts(method);
        let later_if_it_acts = |yes: bool| if yes { Fact::Later } else { Fact::Absent };
        Self {
            principal,
            method,
            role_allows,
            target: if acts { Fact::Later } else { Fact::Absent },
            data_class: first_class(method).map_or(Fact::Absent, Fact::Known),
            signal: if acts && method != "UpdateProcess" { Fact::Later } else { Fact::Absent },
            settings: if method == "UpdateProcess" { Fact::Later } else { Fact::Absent },
            dry_run: later_if_it_acts(acts),
        }
    }

    /// Whether what is asked later may change the answer.
    pub(super) fn has_later(&self) -> bool {
        self.target.is_later()
            || self.data_class.is_later()
            || self.signal.is_later()
            || self.settings.is_later()
            || self.dry_run.is_later()
    }
}

impl<T> Fact<T> {
    fn is_later(&self) -> bool {
        matches!(self, Self::Later)
    }
}

/// What every answer of a method tells at the least: calls that read nothing of the host have no class.
pub(crate) fn first_class(method: &str) -> Option<Disclosure> {
    match method {
        "ListProcesses" | "GetProcess" | "WatchProcesses" | "WatchProcessEvents" | "GetSystem" | "WatchSystem"
        | "GetDiskUsage" | "ListUnits" | "ListCgroups" => Some(Disclosure::Basic),
        "ListSockets" => Some(Disclosure::Sockets),
        _ => None,
    }
}
