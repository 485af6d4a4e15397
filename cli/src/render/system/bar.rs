//! A share as a bar.

/// Cells of a bar.
const LENGTH: usize = 20;

/// A share of one as a bar of that length.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and the number is clamped")]
pub(super) fn bar(ratio: f64) -> String {
    let full = (ratio * LENGTH as f64).round().clamp(0.0, LENGTH as f64) as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(LENGTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_within_their_length() {
        for ratio in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN, f64::INFINITY] {
            assert_eq!(bar(ratio).chars().count(), LENGTH, "{ratio}");
        }
    }
}
