//! Signals as people type and read them.

use procwire_client::Signal;

/// The first and the last real-time signal that programs may use (signal(7); 32 and 33 are the C library's own).
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// A signal by name or number: `TERM`, `SIGTERM`, `15`, `RTMIN+2`.
pub(crate) fn parse_signal(text: &str) -> Result<i32, String> {
    let number = match text.parse::<i32>() {
        Ok(number) => Some(number).filter(|number| named(*number).is_some() || REAL_TIME.contains(number)),
        Err(_) => Signal::from_code(&usual_name(text)).map(i32::from).or_else(|| real_time(text)),
    };
    number.ok_or_else(|| "not a signal; write TERM, SIGTERM or 15 (`procwire kill -l` lists them)".to_owned())
}

/// The name without `SIG`: `TERM`, `RTMIN+6`.
pub(crate) fn signal_name(number: i32) -> String {
    match named(number) {
        Some(signal) => signal.as_code().to_owned(),
        None if number == *REAL_TIME.start() => "RTMIN".to_owned(),
        None => format!("RTMIN+{}", number.saturating_sub(*REAL_TIME.start())),
    }
}

/// Every signal there is, ascending.
pub(crate) fn all_signals() -> impl Iterator<Item = i32> {
    (1..=31).filter(|number| named(*number).is_some()).chain(REAL_TIME)
}

fn named(number: i32) -> Option<Signal> {
    Signal::try_from(number).ok().filter(|signal| *signal != Signal::Unspecified)
}

/// Other names of the same signals (signal(7)).
fn usual_name(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    match upper.strip_prefix("SIG").unwrap_or(&upper) {
        "IOT" => "ABRT".to_owned(),
        "CLD" => "CHLD".to_owned(),
        "POLL" => "IO".to_owned(),
        other => other.to_owned(),
    }
}

fn real_time(text: &str) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let distance =
        |text: &str| if text.is_empty() { Some(0) } else { text.get(1..)?.parse::<u8>().ok().map(i32::from) };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with('+') => REAL_TIME.start() + distance(rest)?,
        (_, Some(rest)) if rest.is_empty() || rest.starts_with('-') => REAL_TIME.end() - distance(rest)?,
        _ => return None,
    };
    Some(number).filter(|number| REAL_TIME.contains(number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for text in ["TERM", "SIGTERM", "term", "15"] {
            assert_eq!(parse_signal(text), Ok(15), "{text}");
        }
        for (text, number) in
            [("RTMIN", 34), ("SIGRTMIN+3", 37), ("rtmax", 64), ("RTMAX-1", 63), ("40", 40), ("IOT", 6), ("POLL", 29)]
        {
            assert_eq!(parse_signal(text), Ok(number), "{text}");
        }
        for wrong in [
            "",
            "0",
            "32",
            "33",
            "65",
            "-1",
            "TERMINATE",
            "UNSPECIFIED",
            "RTMIN+31",
            "RTMIN-1",
            "RTMAX+1",
            "RTMIN+",
            "RT",
        ] {
            assert!(parse_signal(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_signal_is_known_by_the_name_it_is_shown_with() {
        let all: Vec<i32> = all_signals().collect();
        assert_eq!((all.len(), all[0], all[61]), (62, 1, 64));
        for number in all {
            assert_eq!(parse_signal(&signal_name(number)), Ok(number));
        }
    }
}
