//! Timestamp, Duration and FieldMask, written as ProtoJSON writes them, but for the names in a FieldMask, which stay as they are.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _};
use prost_types::{Duration, FieldMask, Timestamp};
use serde_json::{Value, json};

/// The JSON of a well-known message; `None` for every other. A time that RFC 3339 cannot say (before year 1, after 9999,
/// nanoseconds out of range) is written as its two numbers.
pub(super) fn encode(message: &DynamicMessage) -> Option<Value> {
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let time = message.transcode_to::<Timestamp>().ok()?;
            let text = time.to_string();
            let is_exact = text.parse::<Timestamp>().is_ok_and(|read| read == time);
            Some(if is_exact { text.into() } else { json!({"seconds": time.seconds, "nanos": time.nanos}) })
        }
        "google.protobuf.Duration" => {
            let duration = message.transcode_to::<Duration>().ok()?;
            let text = duration.to_string();
            let is_exact = text.parse::<Duration>().is_ok_and(|read| read == duration);
            Some(if is_exact { text.into() } else { json!({"seconds": duration.seconds, "nanos": duration.nanos}) })
        }
        "google.protobuf.FieldMask" => Some(message.transcode_to::<FieldMask>().ok()?.paths.into()),
        _ => None,
    }
}

/// The well-known message of a JSON value; `None` for every other message, and for the two-number form, which is an object.
pub(super) fn decode(descriptor: &MessageDescriptor, value: &Value) -> Option<Result<DynamicMessage, &'static str>> {
    let bytes = match (descriptor.full_name(), value) {
        ("google.protobuf.Timestamp" | "google.protobuf.Duration", Value::Object(_)) => return None,
        ("google.protobuf.Timestamp", value) => value
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
            .map(|time| time.encode_to_vec())
            .ok_or("must be a time as RFC 3339 writes it"),
        ("google.protobuf.Duration", value) => value
            .as_str()
            .and_then(|text| text.parse::<Duration>().ok())
            .map(|duration| duration.encode_to_vec())
            .ok_or("must be a duration such as \"1.5s\""),
        ("google.protobuf.FieldMask", value) => {
            paths(value).map(|paths| FieldMask { paths }.encode_to_vec()).ok_or("must be a list of field names")
        }
        _ => return None,
    };
    Some(bytes.and_then(|bytes| {
        DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).map_err(|_| "does not fit its own type")
    }))
}

fn paths(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|path| path.as_str().map(str::to_owned)).collect()
}
