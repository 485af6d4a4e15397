//! Numbers of processors and their clocks, as people write them.

/// Ascending numbers with neighbours together: `0-3,8`.
pub(crate) fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|left, right| left.checked_add(1) == Some(*right));
    let shown = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    shown.collect::<Vec<_>>().join(",")
}

/// A clock for a cell: `3.40GHz`, `800MHz`.
pub(super) fn clock_rate(hz: u64) -> String {
    if hz >= 1_000_000_000 { format!("{:.2}GHz", hz as f64 / 1e9) } else { format!("{:.0}MHz", hz as f64 / 1e6) }
}

/// The least and the greatest of clocks: `0.80-3.40GHz`; one alone if they are the same to the eye.
pub(super) fn clock_span(rates: impl Iterator<Item = u64> + Clone) -> Option<String> {
    let (least, most) = (clock_rate(rates.clone().min()?), clock_rate(rates.max()?));
    Some(match (least.strip_suffix("GHz"), most.strip_suffix("GHz")) {
        _ if least == most => most,
        (Some(least), Some(_)) => format!("{least}-{most}"),
        _ => match (least.strip_suffix("MHz"), most.strip_suffix("MHz")) {
            (Some(least), Some(_)) => format!("{least}-{most}"),
            _ => format!("{least}-{most}"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_stand_together() {
        for (numbers, wanted) in [
            (&[][..], ""),
            (&[7], "7"),
            (&[0, 1, 2, 3, 8], "0-3,8"),
            (&[0, 2, 4, 5], "0,2,4-5"),
            (&[u32::MAX - 1, u32::MAX], "4294967294-4294967295"),
            (&[3, 3, 2], "3,3,2"),
        ] {
            assert_eq!(ranges(numbers), wanted);
        }
    }

    #[test]
    fn clocks_have_the_unit_that_suits_them() {
        for (hz, wanted) in
            [(0, "0MHz"), (800_000_000, "800MHz"), (3_399_999_000, "3.40GHz"), (u64::MAX, "18446744073.71GHz")]
        {
            assert_eq!(clock_rate(hz), wanted);
        }
        let span = |rates: &[u64]| clock_span(rates.iter().copied());
        assert_eq!(span(&[]), None);
        assert_eq!(span(&[3_400_000_000, 1_200_000_000]).as_deref(), Some("1.20-3.40GHz"));
        assert_eq!(span(&[600_000_000, 400_000_000]).as_deref(), Some("400-600MHz"));
        assert_eq!(span(&[800_000_000, 3_400_000_000]).as_deref(), Some("800MHz-3.40GHz"));
        assert_eq!(span(&[2_000_000_000, 2_000_001_000]).as_deref(), Some("2.00GHz"));
    }
}
