//! Canonical JSON of every message: the field names of the `.proto` files (the same that read masks use), and values that `jq`
//! and people can work with. Lossless: what is printed can be read back to the same message.
//!
//! | protobuf | JSON |
//! |---|---|
//! | integers, 64 bits too | number |
//! | `float`, `double` | number; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | enum | short lower-case name: `"disk_sleep"`; the number where this version has no name |
//! | `bytes` that are text | string; if they are not UTF-8, the nearest string and beside it `NAME_base64` with the bytes |
//! | `boot_id`, `Boot.id` | UUID, as in `/proc/sys/kernel/random/boot_id`; `machine_id`: 32 hex digits |
//! | IP and hardware addresses | as people write them |
//! | `Timestamp` / `Duration` / `FieldMask` | RFC 3339 string / `"1.5s"` / list of paths |
//! | unset `optional`, unset message, empty list | left out |
//! | other scalars | always there, zero too |
//!
//! It is not ProtoJSON: that writes names as base64 and 64-bit numbers as strings, and `procwire ps -o json | jq` should just work.

mod bytes;
mod decode;
mod encode;
mod well_known;

use std::sync::OnceLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;

/// The JSON of a message.
pub fn to_json<M: Message + Name>(message: &M) -> Value {
    let dynamic = descriptor::<M>().and_then(|descriptor| {
        DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
            .map_err(|error| JsonError::at("", error.to_string()))
    });
    // Both fail only for a message that is not in FILE_DESCRIPTOR_SET; a test encodes every message that is.
    dynamic.map_or(Value::Null, |dynamic| encode::message(&dynamic))
}

/// The message of a JSON value.
///
/// # Errors
/// The first place, as a path from the root, that does not fit: an unknown name, a wrong type, a number out of range.
pub fn from_json<M: Message + Name + Default>(value: &Value) -> Result<M, JsonError> {
    let dynamic = decode::message(&descriptor::<M>()?, value, "")?;
    M::decode(dynamic.encode_to_vec().as_slice()).map_err(|error| JsonError::at("", error.to_string()))
}

/// A JSON value does not fit the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", if path.is_empty() { "message" } else { path })]
pub struct JsonError {
    /// The place, as a path from the root: `processes[3].memory`.
    pub path: String,
    /// What is wrong there.
    pub detail: String,
}

impl JsonError {
    fn at(path: &str, detail: impl Into<String>) -> Self {
        Self { path: path.to_owned(), detail: detail.into() }
    }
}

fn descriptor<M: Name>() -> Result<MessageDescriptor, JsonError> {
    static POOL: OnceLock<Result<DescriptorPool, String>> = OnceLock::new();
    let pool = POOL
        .get_or_init(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|error| JsonError::at("", error.as_str()))?;
    let name = M::full_name();
    pool.get_message_by_name(&name).ok_or_else(|| JsonError::at("", format!("{name} is no message of procwire.v1")))
}

/// Short name of an enum value: its own without the enum's prefix, in lower case.
fn short_enum_name(enum_name: &str, value_name: &str) -> String {
    let mut prefix = String::new();
    for (index, character) in enum_name.chars().enumerate() {
        if index > 0 && character.is_ascii_uppercase() {
            prefix.push('_');
        }
        prefix.push(character.to_ascii_uppercase());
    }
    prefix.push('_');
    value_name.strip_prefix(&prefix).unwrap_or(value_name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
