//! Bits per second, in units of 1000 as networks have them.

const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// For a page: `1 Gbit/s`, `2.5 Gbit/s`.
pub(super) fn bits(bits_per_second: u64) -> String {
    let (number, unit) = scaled(bits_per_second);
    format!("{} {unit}bit/s", number.strip_suffix(".0").unwrap_or(&number))
}

/// For a column, at most five wide: `0`, `812`, `3.4M`, `999G`.
pub(super) fn bits_short(bytes_per_second: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN becomes 0")]
    let bits = (bytes_per_second * 8.0).round() as u64;
    let (number, unit) = scaled(bits);
    format!("{number}{unit}")
}

/// One digit after the point where there is but one before.
fn scaled(bits: u64) -> (String, &'static str) {
    let mut unit = 0;
    let mut divisor = 1_u128;
    // Rounded to the shown digit first, so that 999.96k becomes 1.0M and not 1000k.
    while (u128::from(bits) + divisor / 2) / divisor >= 1000 {
        unit += 1;
        divisor *= 1000;
    }
    let name = UNITS.get(unit).copied().unwrap_or("?");
    let tenths = (u128::from(bits) * 10 + divisor / 2) / divisor;
    match tenths {
        ..100 if unit > 0 => (format!("{}.{}", tenths / 10, tenths % 10), name),
        _ => (((u128::from(bits) + divisor / 2) / divisor).to_string(), name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_the_speed_that_is_printed_on_them() {
        for (number, wanted) in [
            (0, "0 bit/s"),
            (10_000_000, "10 Mbit/s"),
            (1_000_000_000, "1 Gbit/s"),
            (2_500_000_000, "2.5 Gbit/s"),
            (400_000_000_000, "400 Gbit/s"),
            (u64::MAX, "18 Ebit/s"),
        ] {
            assert_eq!(bits(number), wanted);
        }
    }

    #[test]
    fn no_rate_is_wider_than_five() {
        for (bytes, wanted) in [(0.0, "0"), (101.5, "812"), (124.99, "1.0k"), (124_999.9, "1.0M"), (1.25e9, "10G")] {
            assert_eq!(bits_short(bytes), wanted);
        }
        assert_eq!((bits_short(f64::NAN), bits_short(-5.0)), ("0".to_owned(), "0".to_owned()));
        for power in 0..64 {
            assert!(bits_short(2_f64.powi(power) - 0.01).len() <= 5, "{power}");
        }
    }
}
