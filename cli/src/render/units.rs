//! Numbers as people read them.

use std::time::Duration;

const BINARY_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes for a page: `0 B`, `3.4 MiB`, `128 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let (value, unit) = scaled(bytes);
    format!("{value} {unit}")
}

/// Bytes for a column, at most five wide: `0`, `812`, `3.4M`, `1023G`.
pub(crate) fn bytes_short(bytes: u64) -> String {
    let (value, unit) = scaled(bytes);
    if bytes < 1024 { value } else { format!("{value}{}", unit.get(..1).unwrap_or_default()) }
}

/// Bytes per second for a page: `1.2 MiB/s`.
pub(crate) fn byte_rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(whole(bytes_per_second)))
}

/// Bytes per second for a column: `1.2M`.
pub(crate) fn byte_rate_short(bytes_per_second: f64) -> String {
    bytes_short(whole(bytes_per_second))
}

/// A share of one for a page: `12.3 %`.
pub(crate) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// Whole numbers in groups of three: `1 234 567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A narrow gap would be nicer, but not every terminal knows it.
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// Processor time as `top` shows it: `0:03.21`, above an hour `2:10:59`, above 100 hours `12d04h`.
pub(crate) fn cpu_time(nanoseconds: u64) -> String {
    let hundredths = nanoseconds / 10_000_000;
    let (seconds, hundredths) = (hundredths / 100, hundredths % 100);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match hours {
        0 => format!("{minutes}:{:02}.{hundredths:02}", seconds % 60),
        1..100 => format!("{hours}:{:02}:{:02}", minutes % 60, seconds % 60),
        _ => format!("{}d{:02}h", hours / 24, hours % 24),
    }
}

/// A span of time in its two largest units: `350 ms`, `12.3 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{:.1} s", (span.as_secs_f64() * 10.0).floor() / 10.0),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Three digits at least where there are units to choose from: 1.5, 15, 150.
fn scaled(bytes: u64) -> (String, &'static str) {
    let mut unit = 0;
    // Rounded to the shown digit first, so that 1023.97 KiB becomes 1.0 MiB and not 1024 KiB.
    let mut whole = bytes;
    let mut tenths = u128::from(bytes) * 10;
    while whole >= 1024 || tenths >= 10_240 {
        unit += 1;
        let divisor = 1_u128 << (10 * unit);
        tenths = (u128::from(bytes) * 10 + divisor / 2) / divisor;
        whole = u64::try_from((u128::from(bytes) + divisor / 2) / divisor).unwrap_or(u64::MAX);
    }
    let name = BINARY_UNITS.get(unit).copied().unwrap_or("?");
    if unit > 0 && tenths < 100 {
        (format!("{}.{}", tenths / 10, tenths % 10), name)
    } else {
        (whole.to_string(), name)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN becomes 0")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_two_or_three_digits() {
        for (number, page, column) in [
            (0, "0 B", "0"),
            (812, "812 B", "812"),
            (1023, "1023 B", "1023"),
            (1024, "1.0 KiB", "1.0K"),
            (10_188, "9.9 KiB", "9.9K"),
            (10_239, "10 KiB", "10K"),
            (1_048_525, "1.0 MiB", "1.0M"),
            (3_565_158, "3.4 MiB", "3.4M"),
            (137_438_953_472, "128 GiB", "128G"),
            (u64::MAX, "16 EiB", "16E"),
        ] {
            assert_eq!(bytes(number), page);
            assert_eq!(bytes_short(number), column);
        }
    }

    #[test]
    fn no_number_of_bytes_is_wider_than_five() {
        for power in 0..64 {
            for number in [(1_u64 << power).wrapping_sub(1), 1 << power, (1 << power) + 1, (1 << power) / 10 * 19] {
                assert!(bytes_short(number).len() <= 5, "{number}: {}", bytes_short(number));
                assert!(!bytes_short(number).starts_with("1024"), "{number}");
            }
        }
    }

    #[test]
    fn processor_time_grows_without_growing_wide() {
        for (seconds, wanted) in [
            (0, "0:00.00"),
            (3, "0:03.00"),
            (3599, "59:59.00"),
            (3600, "1:00:00"),
            (359_999, "99:59:59"),
            (360_000, "4d04h"),
        ] {
            assert_eq!(cpu_time(seconds * 1_000_000_000), wanted);
        }
        assert_eq!(cpu_time(3_219_999_999), "0:03.21");
    }

    #[test]
    fn spans_name_their_two_largest_units() {
        for (milliseconds, wanted) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (59_999, "59.9 s"),
            (65_000, "1 min 5 s"),
            (7_800_000, "2 h 10 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_millis(milliseconds)), wanted);
        }
    }

    #[test]
    fn counts_are_grouped_from_the_right() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn rates_survive_odd_numbers() {
        assert_eq!(byte_rate_short(f64::NAN), "0");
        assert_eq!(byte_rate_short(-1.0), "0");
        assert_eq!(byte_rate(1536.0), "1.5 KiB/s");
    }
}
