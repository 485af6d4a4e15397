//! `procwire nice`, `ionice`, `affinity`, `limit`, `oom`: settings of processes, shown or changed.

pub(crate) mod affinity;
mod change;
pub(crate) mod ionice;
pub(crate) mod limit;
pub(crate) mod nice;
pub(crate) mod oom;
mod show;

use super::{choice::ChoiceArgs, target::Target};
use crate::error::CliError;

/// Takes the processes and the value out of words of which the first, unless a selection says which processes, is a process.
fn split(words: &[String], mut choice: ChoiceArgs) -> Result<(ChoiceArgs, Option<String>), CliError> {
    let is_chosen = choice.selectors.names_or_narrows();
    let (target, value) = match words {
        [] => (None, None),
        [value] if is_chosen => (None, Some(value)),
        [target] => (Some(target), None),
        [target, value] if !is_chosen => (Some(target), Some(value)),
        [.., extra] => {
            let problem =
                format!("one process and one value are taken, or a selection and one value; {extra:?} is too much");
            return Err(CliError::Usage(problem));
        }
    };
    if let Some(target) = target {
        choice
            .targets
            .push(target.parse::<Target>().map_err(|problem| CliError::Usage(format!("{target:?}: {problem}")))?);
    }
    Ok((choice, value.cloned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::selectors::SelectorArgs;

    #[test]
    fn the_first_word_is_the_process_unless_a_selection_says_which() {
        let split = |words: &[&str], chosen: bool| {
            let mut selectors = SelectorArgs::default();
            if chosen {
                selectors.pids.push(9);
            }
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            let (choice, value) = split(&words, ChoiceArgs { targets: Vec::new(), selectors })?;
            Ok::<_, CliError>((choice.targets.first().map(|target| target.pid), value))
        };
        assert_eq!(split(&["7"], false).unwrap(), (Some(7), None));
        assert_eq!(split(&["7", "0-3"], false).unwrap(), (Some(7), Some("0-3".to_owned())));
        assert_eq!(split(&["3"], true).unwrap(), (None, Some("3".to_owned())));
        assert_eq!(split(&[], true).unwrap(), (None, None));
        for (words, chosen) in
            [(&["7", "1", "2"][..], false), (&["7", "1"], true), (&["x"], false), (&["all", "7"], false)]
        {
            assert!(split(words, chosen).is_err(), "{words:?}");
        }
    }
}
