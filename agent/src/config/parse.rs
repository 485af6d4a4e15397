//! From values to types: each function says in words what is wrong with a value.

use std::time::Duration;

/// "250ms", "5s", "30m", "1h".
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = split_number(text);
    let per_unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => return Err(format!("{text:?} is not a duration; write it as 250ms, 5s, 30m or 1h")),
    };
    let whole: Option<u64> = digits.parse().ok().and_then(|number: u64| number.checked_mul(per_unit_ms));
    whole
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is not a duration; write it as 250ms, 5s, 30m or 1h"))
}

/// "65536", "64KiB", "1MiB".
pub(super) fn size_bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = split_number(text);
    let per_unit: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{text:?} is not a size; write it as 65536, 64KiB or 1MiB")),
    };
    let whole: Option<u64> = digits.parse().ok().and_then(|number: u64| number.checked_mul(per_unit));
    whole.ok_or_else(|| format!("{text:?} is not a size; write it as 65536, 64KiB or 1MiB"))
}

/// As [`duration`] reads it.
pub(super) fn show_duration(duration: Duration) -> String {
    let whole_ms = duration.as_millis();
    match whole_ms {
        0 => "0s".to_owned(),
        _ if whole_ms.is_multiple_of(3_600_000) => format!("{}h", whole_ms / 3_600_000),
        _ if whole_ms.is_multiple_of(60_000) => format!("{}m", whole_ms / 60_000),
        _ if whole_ms.is_multiple_of(1000) => format!("{}s", whole_ms / 1000),
        _ => format!("{whole_ms}ms"),
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn durations() {
        for (text, wanted_ms) in [("250ms", 250), ("5s", 5000), ("30m", 1_800_000), ("1h", 3_600_000), ("0s", 0)] {
            let parsed = duration(text).unwrap();
            assert_eq!(parsed.as_millis(), wanted_ms, "{text}");
            assert_eq!(show_duration(parsed), text);
        }
        for bad in ["", "5", "s", "5 s", "-5s", "5 parsecs", "1.5s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, wanted) in [("0", 0), ("65536", 65536), ("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(size_bytes(text).unwrap(), wanted, "{text}");
        }
        for bad in ["", "1MB", "1 MiB", "-1", "KiB", "18446744073709551615KiB"] {
            assert!(size_bytes(bad).is_err(), "{bad}");
        }
    }
}
