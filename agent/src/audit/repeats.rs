//! Counts denials, and uses of what is sensitive, that repeat: a flood of them cannot fill the disk.

use std::{collections::HashMap, time::Duration};

use super::{AuditEvent, line::Line};

/// How long repeats of a denial are only counted.
pub(super) const REPEAT_WINDOW: Duration = Duration::from_secs(60);
/// Kinds that are told apart at a time; beyond this they share one count.
pub(super) const KINDS_MAX: usize = 1024;
/// And those of one caller: whoever asks for something else each time fills no disk either.
pub(super) const KINDS_OF_A_PRINCIPAL: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Repeats {
    kinds: HashMap<Kind, Count>,
}

/// How often a denial was seen in the current window.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Write it.
    First,
    /// Do not write it, but see to it that the count of this kind is taken when the window ends.
    Second(Kind),
    /// Do not write it.
    Again,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    event: AuditEvent,
    principal: String,
    method: String,
    rule: String,
}

#[derive(Debug)]
struct Count {
    latest: Line,
    repeated: u64,
    window_began: tokio::time::Instant,
}

impl Repeats {
    pub(super) fn see(&mut self, line: &Line) -> Seen {
        let kind = self.kind_of(line);
        let fresh = || Count { latest: line.clone(), repeated: 0, window_began: tokio::time::Instant::now() };
        match self.kinds.get_mut(&kind) {
            None => {
                self.kinds.insert(kind, fresh());
                Seen::First
            }
            Some(count) if count.repeated == 0 && count.window_began.elapsed() >= REPEAT_WINDOW => {
                *count = fresh();
                Seen::First
            }
            Some(count) => {
                count.repeated += 1;
                count.latest = line.clone();
                if count.repeated == 1 { Seen::Second(kind) } else { Seen::Again }
            }
        }
    }

    /// The count of this kind of denial, if it repeated; the next one is a first one again.
    pub(super) fn take(&mut self, kind: &Kind) -> Option<Line> {
        self.kinds.remove(kind).and_then(Count::summary)
    }

    pub(super) fn take_all(&mut self) -> Vec<Line> {
        self.kinds.drain().filter_map(|(_, count)| count.summary()).collect()
    }

    fn kind_of(&mut self, line: &Line) -> Kind {
        let Line { event, principal, method, rule, arguments, .. } = line;
        // Arguments of a denial are the caller's; of an access they say what was given.
        let rule = if *event == AuditEvent::Access { arguments } else { rule };
        let kind = Kind { event: *event, principal: principal.clone(), method: method.clone(), rule: rule.clone() };
        if self.kinds.contains_key(&kind) {
            return kind;
        }
        // Those that repeated are taken out by their own timers.
        self.kinds.retain(|_, count| count.repeated > 0 || count.window_began.elapsed() < REPEAT_WINDOW);
        let own = self.kinds.keys().filter(|other| other.principal == kind.principal).count();
        if own >= KINDS_OF_A_PRINCIPAL {
            return Kind { method: String::new(), rule: String::new(), ..kind };
        }
        if self.kinds.len() >= KINDS_MAX {
            return Kind {
                event: *event,
                principal: "(others)".to_owned(),
                method: String::new(),
                rule: String::new(),
            };
        }
        kind
    }
}

impl Count {
    fn summary(self) -> Option<Line> {
        (self.repeated > 0).then(|| self.latest.repeated(self.repeated))
    }
}
