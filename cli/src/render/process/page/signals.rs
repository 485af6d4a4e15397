//! Signals that are on their way, held back, ignored or caught.

use procwire_proto::v1::{Process, Signal};

use super::{Pairs, present};

pub(super) const FIELDS: &[&str] = &["signals"];

pub(super) fn pairs(process: &Process) -> Pairs {
    let Some(masks) = process.signals.as_ref() else { return Pairs::new() };
    let shown = |set: Option<u64>| set.filter(|set| *set != 0).map(names);
    present([
        ("pending", shown(masks.pending)),
        ("blocked", shown(masks.blocked)),
        ("ignored", shown(masks.ignored)),
        ("caught", shown(masks.caught)),
    ])
}

/// Bit n-1 is signal n; those without a name, realtime signals, are told as ranges.
fn names(set: u64) -> String {
    let numbers: Vec<i32> = (1..=64).filter(|number| set >> (number - 1) & 1 == 1).collect();
    let name = |number: i32| Signal::try_from(number).ok().map(Signal::as_code);
    let mut parts: Vec<String> = numbers.iter().filter_map(|number| name(*number)).map(str::to_owned).collect();
    let unnamed: Vec<i32> = numbers.into_iter().filter(|number| name(*number).is_none()).collect();
    parts.extend(unnamed.chunk_by(|left, right| left + 1 == *right).filter_map(|range| match range {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    }));
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_signals_are_told_by_name_and_ranges() {
        assert_eq!(names(1 << 14 | 1), "HUP TERM");
        assert_eq!(names(1 << 33 | 1 << 34 | 1 << 40), "34-35 41");
        assert!(names(u64::MAX).starts_with("HUP INT ") && names(u64::MAX).ends_with("-64"), "{}", names(u64::MAX));
    }
}
