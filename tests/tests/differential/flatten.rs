//! A message as paths and values, in the form in which the judges speak.

use std::{collections::BTreeMap, sync::LazyLock};

use procwire_proto::{
    FILE_DESCRIPTOR_SET,
    v1::{FieldError, FieldErrorReason},
};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value as Reflected};
use serde_json::{Value, json};

use crate::rules::without_rows;

/// Path -> value. Rows of lists are named by their first field: `disks[x:766461].reads`.
pub(crate) type Values = BTreeMap<String, Value>;

/// Lists whose order means something, which is compared as well: `memory_map_groups.order`.
const IN_ORDER: &[&str] = &["memory_map_groups"];

/// Why fields are absent: path -> reason.
pub(crate) type Reasons = BTreeMap<String, FieldErrorReason>;

/// Everything that is set in a message of procwire.v1, `errors` aside.
pub(crate) fn flatten<M: Message>(name: &str, message: &M) -> Values {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap());
    let descriptor = POOL.get_message_by_name(&format!("procwire.v1.{name}")).unwrap();
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap();
    let mut values = Values::new();
    walk(&dynamic, "", &mut values);
    values
}

pub(crate) fn reasons(errors: &[FieldError]) -> Reasons {
    errors.iter().map(|error| (error.path.clone(), error.reason())).collect()
}

/// The reason given for a path, or for something that it is a part of; for a row of a list that is its own, or the list's.
pub(crate) fn reason_for(reasons: &Reasons, path: &str) -> Option<FieldErrorReason> {
    reason_for_part(reasons, path).or_else(|| reason_for_part(reasons, &without_rows(path)))
}

fn reason_for_part(reasons: &Reasons, path: &str) -> Option<FieldErrorReason> {
    let mut part = path;
    loop {
        if let Some(reason) = reasons.get(part) {
            return Some(*reason);
        }
        part = part.rsplit_once('.')?.0;
    }
}

fn walk(message: &DynamicMessage, prefix: &str, values: &mut Values) {
    for field in message.descriptor().fields() {
        let unset = field.supports_presence() && !message.has_field(&field);
        if unset || field.name() == "errors" {
            continue;
        }
        let path = format!("{prefix}{}", field.name());
        match message.get_field(&field).as_ref() {
            Reflected::List(rows) if matches!(field.kind(), Kind::Message(_)) => {
                let names = row_names(rows);
                for (row, name) in rows.iter().zip(&names) {
                    walk(row.as_message().unwrap(), &format!("{path}[{name}]."), values);
                }
                if IN_ORDER.contains(&path.as_str()) && !names.is_empty() {
                    values.insert(format!("{path}.order"), json!(names));
                }
            }
            Reflected::List(items) => {
                values.insert(path, items.iter().map(|item| scalar(&field, item)).collect());
            }
            Reflected::Message(inner) if is_time(inner) => {
                values.insert(path, json!(nanoseconds(inner)));
            }
            // "unlimited" says all by being there.
            Reflected::Message(inner) if inner.descriptor().fields().len() == 0 => {
                values.insert(path, json!({}));
            }
            Reflected::Message(inner) => walk(inner, &format!("{path}."), values),
            value => {
                values.insert(path, scalar(&field, value));
            }
        }
    }
}

/// Names that come twice are numbered: "x:61", "x:61#2".
fn row_names(rows: &[Reflected]) -> Vec<String> {
    let mut counts = BTreeMap::new();
    let mut numbered = |name: String| {
        let count = counts.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
        if *count == 1 { name } else { format!("{name}#{count}") }
    };
    rows.iter().map(|row| numbered(row_name(row.as_message().unwrap()))).collect()
}

fn row_name(row: &DynamicMessage) -> String {
    let value = |name: &str| row.get_field_by_name(name).unwrap().into_owned();
    let first = row.descriptor().get_field(1).unwrap();
    match row.descriptor().name() {
        // A removed file and one that took its name.
        "MemoryMapGroup" if value("deleted") == Reflected::Bool(true) => {
            format!("{}!", text(scalar(&first, &row.get_field(&first))))
        }
        // Several have the same source, and some none.
        "Mount" => value("id").as_u64().unwrap().to_string(),
        // Its first field is a list.
        "CpuFrequencyPolicy" => value("number").as_u32().unwrap().to_string(),
        "ProtocolStatistic" => {
            format!("{}.{}", text(scalar(&first, &row.get_field(&first))), value("name").as_str().unwrap())
        }
        "SocketHolder" => format!("{}/{}", row_name(value("ref").as_message().unwrap()), value("fd").as_u32().unwrap()),
        // Sensors: the device and the channel tell them apart.
        _ if first.name() == "sensor" => {
            let sensor = value("sensor");
            let part = |name: &str| sensor.as_message().unwrap().get_field_by_name(name).unwrap().into_owned();
            format!("{}/{}", octets(part("device").as_bytes().unwrap()), part("channel").as_str().unwrap())
        }
        _ => text(scalar(&first, &row.get_field(&first))),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(name) => name,
        number => number.to_string(),
    }
}

fn is_time(message: &DynamicMessage) -> bool {
    matches!(message.descriptor().full_name(), "google.protobuf.Timestamp" | "google.protobuf.Duration")
}

fn nanoseconds(message: &DynamicMessage) -> i64 {
    let part = |name: &str| message.get_field_by_name(name).unwrap().into_owned();
    part("seconds").as_i64().unwrap() * 1_000_000_000 + i64::from(part("nanos").as_i32().unwrap())
}

fn scalar(field: &FieldDescriptor, value: &Reflected) -> Value {
    match value {
        Reflected::Bool(flag) => json!(flag),
        Reflected::I32(number) => json!(number),
        Reflected::I64(number) => json!(number),
        Reflected::U32(number) => json!(number),
        Reflected::U64(number) => json!(number),
        Reflected::F64(number) => json!(number),
        Reflected::String(text) => json!(text),
        Reflected::Bytes(bytes) => json!(octets(bytes)),
        Reflected::EnumNumber(number) => {
            let kind = field.kind();
            json!(kind.as_enum().unwrap().get_value(*number).unwrap().name())
        }
        other => panic!("{}: {other:?}", field.full_name()),
    }
}

/// Bytes as the judges write them.
pub(crate) fn octets(bytes: &[u8]) -> String {
    bytes.iter().fold("x:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
