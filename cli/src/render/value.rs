//! Any field of any message, as people read it. Units are in the names of fields, so a name is all it takes.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use procwire_proto::escape;
use serde_json::Value;

use super::{clock::Clock, table::Align, units};

/// Endings of names that the shown value makes clear.
const UNIT_SUFFIXES: [&str; 7] = ["_bytes_per_second", "_per_second", "_bytes", "_ns", "_ratio", "_hz", "_celsius"];

/// What stands where a value is missing.
pub(crate) const MISSING: &str = "-";

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A page: `3.4 MiB`.
    Page,
    /// A cell, without spaces: `3.4M`.
    Cell,
}

/// The value of a field called `name`, on one line and safe to print.
pub(crate) fn show(name: &str, value: &Value, form: Form, clock: &Clock) -> String {
    match value {
        Value::Null => MISSING.to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => show_number(name, number, form),
        Value::String(text) => show_text(name, text, form, clock),
        Value::Array(items) if items.is_empty() => MISSING.to_owned(),
        Value::Array(items) => items.iter().map(|item| show(name, item, form, clock)).collect::<Vec<_>>().join(" "),
        Value::Object(members) => {
            let pairs = members.iter().filter(|(name, _)| !name.ends_with("_base64"));
            pairs
                .map(|(name, value)| format!("{name}={}", show(name, value, form, clock)))
                .collect::<Vec<_>>()
                .join(",")
        }
    }
}

/// The value of a member of an object; `None` if it has none of that name. Bytes that are no text are shown escaped, from the
/// base64 beside the nearest text.
pub(crate) fn show_member(object: &Value, name: &str, form: Form, clock: &Clock) -> Option<String> {
    let value = object.get(name)?;
    let exact = match object.get(format!("{name}_base64")) {
        Some(Value::String(text)) => unescaped_bytes(text),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| unescaped_bytes(item.as_str()?)).collect();
            texts.map(|texts| texts.join(" "))
        }
        _ => None,
    };
    Some(exact.unwrap_or_else(|| show(name, value, form, clock)))
}

fn unescaped_bytes(base64: &str) -> Option<String> {
    let bytes = BASE64.decode(base64).ok()?;
    Some(escape::terminal(&bytes).into_owned())
}

/// The name of a field without its unit, in words: `resident_bytes` is `resident`.
pub(crate) fn label(name: &str) -> String {
    match name {
        "fd_count" => "open descriptors".to_owned(),
        "thread_count" => "threads".to_owned(),
        "cpu_number" => "last on cpu".to_owned(),
        _ => without_unit(name).replace('_', " "),
    }
}

/// The name of a field without its unit.
pub(crate) fn without_unit(name: &str) -> &str {
    // Beside `read_calls`, which counts calls, `read_call` would not say that it counts bytes.
    if name.ends_with("_call_bytes") {
        return name;
    }
    UNIT_SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// The name of a message as the title of a section.
pub(crate) fn title(name: &str) -> String {
    match name {
        "cpu_times" => "Processor time".to_owned(),
        "io" => "Input and output".to_owned(),
        "uids" => "User ids".to_owned(),
        "gids" => "Group ids".to_owned(),
        "oom" => "Standing with the out-of-memory killer".to_owned(),
        "environ" => "Environment".to_owned(),
        _ => {
            let label = label(name);
            let mut characters = label.chars();
            let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
            format!("{first}{}", characters.as_str())
        }
    }
}

/// Numbers to the right.
pub(crate) fn align(name: &str, value: &Value) -> Align {
    match value {
        Value::Number(_) => Align::Right,
        // Durations and moments are strings in JSON and columns of numbers to the eye.
        Value::String(_) if is_moment(name) => Align::Right,
        _ => Align::Left,
    }
}

fn show_number(name: &str, number: &serde_json::Number, form: Form) -> String {
    let as_float = number.as_f64().unwrap_or_default();
    let is_cell = form == Form::Cell;
    match number.as_u64() {
        _ if name.ends_with("bytes_per_second") && is_cell => units::byte_rate_short(as_float),
        _ if name.ends_with("bytes_per_second") => units::byte_rate(as_float),
        _ if name.ends_with("_per_second") => format!("{as_float:.1}/s"),
        _ if name.ends_with("_ratio") && is_cell => format!("{:.1}%", as_float * 100.0),
        _ if name.ends_with("_ratio") => units::percent(as_float),
        Some(number) if name.ends_with("_bytes") && is_cell => units::bytes_short(number),
        Some(number) if name.ends_with("_bytes") => units::bytes(number),
        Some(number) if name.ends_with("_ns") && is_cell => units::cpu_time(number),
        Some(number) if name.ends_with("_ns") => show_nanoseconds(number),
        Some(number) if name.ends_with("_hz") => format!("{:.0} MHz", number as f64 / 1e6),
        Some(number) => number.to_string(),
        None => number.to_string(),
    }
}

/// Processor time has a resolution of 10 ms, so short spans are shown in seconds.
fn show_nanoseconds(nanoseconds: u64) -> String {
    let span = Duration::from_nanos(nanoseconds);
    if span < Duration::from_secs(60) { format!("{:.2} s", span.as_secs_f64()) } else { units::span(span) }
}

fn show_text(name: &str, text: &str, form: Form, clock: &Clock) -> String {
    let moment = is_moment(name).then(|| text.parse::<jiff::Timestamp>().ok()).flatten();
    let Some(moment) = moment else { return escape::terminal(text.as_bytes()).into_owned() };
    let moment = prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() };
    match form {
        Form::Page => clock.full(&moment),
        Form::Cell => clock.sortable(&moment),
    }
}

fn is_moment(name: &str) -> bool {
    name == "time" || name.ends_with("_time") || name == "wall" || name == "certificate_expires"
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;

    fn shown(name: &str, value: &Value) -> String {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        show(name, value, Form::Page, &clock)
    }

    #[test]
    fn units_follow_names() {
        assert_eq!(shown("resident_bytes", &json!(3_565_158)), "3.4 MiB");
        assert_eq!(shown("user_ns", &json!(1_230_000_000)), "1.23 s");
        assert_eq!(shown("user_ns", &json!(3_723_000_000_000_u64)), "1 h 2 min");
        assert_eq!(shown("busy_ratio", &json!(0.1234)), "12.3 %");
        assert_eq!(shown("received_bytes_per_second", &json!(1536.5)), "1.5 KiB/s");
        assert_eq!(shown("reads_per_second", &json!(2.25)), "2.2/s");
        assert_eq!(shown("nice", &json!(-5)), "-5");
        assert_eq!(shown("start_time", &json!("2026-11-18T13:05:09Z")), "2026-11-18 13:05:09 +00:00");
        assert_eq!(shown("kernel_thread", &json!(false)), "no");
    }

    #[test]
    fn cells_have_no_spaces() {
        let clock = Clock::fixed("2026-11-21T22:30:00Z".parse().unwrap(), TimeZone::UTC);
        for (name, value, wanted) in [
            ("resident_bytes", json!(3_565_158), "3.4M"),
            ("user_ns", json!(3_219_999_999_u64), "0:03.21"),
            ("memory_ratio", json!(0.1234), "12.3%"),
            ("start_time", json!("2026-11-18T13:05:09Z"), "2026-11-18T13:05:09+00:00"),
        ] {
            assert_eq!(show(name, &value, Form::Cell, &clock), wanted);
        }
    }

    #[test]
    fn hostile_text_is_escaped_at_every_depth() {
        assert_eq!(shown("cmdline", &json!(["a", "\u{1b}[2J"])), r"a \x1b[2J");
        assert_eq!(shown("start_time", &json!("\n")), r"\n");
        assert_eq!(shown("x", &json!({ "name": "\r" })), r"name=\r");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_from_their_base64() {
        let clock = Clock::system();
        let object = json!({
            "name": "caf\u{fffd}", "name_base64": "Y2Fm6Q==",
            "cmdline": ["a", "\u{fffd}"], "cmdline_base64": ["YQ==", "/w=="],
        });
        assert_eq!(show_member(&object, "name", Form::Page, &clock).unwrap(), r"caf\xe9");
        assert_eq!(show_member(&object, "cmdline", Form::Page, &clock).unwrap(), r"a \xff");
        assert_eq!(show_member(&object, "exe", Form::Page, &clock), None);
    }

    #[test]
    fn labels_are_names_without_units() {
        assert_eq!((without_unit("read_calls"), without_unit("read_call_bytes")), ("read_calls", "read_call_bytes"));
        assert_eq!(label("peak_resident_bytes"), "peak resident");
        assert_eq!(label("read_bytes_per_second"), "read");
        assert_eq!(label("nice"), "nice");
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        assert_eq!((shown("x", &Value::Null), shown("x", &json!([]))), ("-".to_owned(), "-".to_owned()));
    }
}
