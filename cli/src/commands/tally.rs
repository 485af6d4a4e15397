//! How an action on one or several processes came out, as an exit code.

use crate::exit::Exit;

/// What became of the processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Done as asked: ended, signalled, changed.
    pub(crate) done: usize,
    /// Not there any more when it was their turn.
    pub(crate) gone: usize,
    /// Living on where they were to end.
    pub(crate) running: usize,
    /// Refused, each for its reason.
    pub(crate) refused: Vec<Exit>,
}

impl Tally {
    /// Adds one that failed with this exit code.
    pub(crate) fn failed(&mut self, exit: Exit) {
        match exit {
            Exit::TargetGone => self.gone += 1,
            Exit::StillRunning => self.running += 1,
            other => self.refused.push(other),
        }
    }

    /// The exit code. Where the end of the processes was wanted, those that were gone before are as good as ended.
    pub(crate) fn exit(&self, wanted_gone: bool) -> Exit {
        let Self { done, gone, running, refused } = self;
        let others = done + gone + running;
        match (refused.first(), others) {
            (Some(first), 0) if refused.iter().all(|exit| exit == first) => *first,
            (Some(_), _) => Exit::Mixed,
            (None, _) if *running > 0 => Exit::StillRunning,
            (None, _) if *gone > 0 && *done == 0 => Exit::TargetGone,
            (None, _) if *gone > 0 && !wanted_gone => Exit::Mixed,
            (None, _) => Exit::Success,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_for_all_is_the_exit_code_and_the_rest_is_mixed() {
        let tally = |done, gone, running, refused: &[Exit]| Tally { done, gone, running, refused: refused.to_vec() };
        use Exit::{Mixed, NotServed, Refused, StillRunning, Success, TargetGone};
        for (tally, exit) in [
            (tally(2, 0, 0, &[]), Success),
            (tally(0, 2, 0, &[]), TargetGone),
            (tally(1, 0, 1, &[]), StillRunning),
            (tally(0, 0, 0, &[Refused, Refused]), Refused),
            (tally(0, 0, 0, &[Refused, NotServed]), Mixed),
            (tally(1, 0, 0, &[Refused]), Mixed),
            (tally(0, 1, 1, &[Refused]), Mixed),
        ] {
            assert_eq!((tally.exit(true), tally.exit(false)), (exit, exit), "{tally:?}");
        }
        assert_eq!((tally(1, 1, 0, &[]).exit(true), tally(1, 1, 0, &[]).exit(false)), (Success, Mixed));
    }
}
