//! From message to JSON.

use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, ReflectMessage as _, Value as Reflected};
use serde_json::{Map, Number, Value};

use super::{
    bytes::{Notation, SUFFIX, to_base64},
    short_enum_name, well_known,
};

pub(super) fn message(message: &DynamicMessage) -> Value {
    if let Some(value) = well_known::encode(message) {
        return value;
    }
    let mut members = Map::new();
    for field in message.descriptor().fields() {
        // Scalars without presence are always shown: a uid of 0 is an answer.
        let is_plain_scalar = !field.supports_presence() && !field.is_list();
        if message.has_field(&field) || is_plain_scalar {
            member(&mut members, &field, &message.get_field(&field));
        }
    }
    Value::Object(members)
}

fn member(members: &mut Map<String, Value>, field: &FieldDescriptor, reflected: &Reflected) {
    let name = field.name();
    match (field.kind(), reflected) {
        (Kind::Bytes, Reflected::List(items)) => {
            let notation = Notation::of(field);
            let written: Vec<_> = items.iter().map(|item| notation.write(as_bytes(item))).collect();
            if written.iter().any(|(_, exact)| !exact) {
                let exact = items.iter().map(|item| Value::from(to_base64(as_bytes(item)))).collect();
                members.insert(format!("{name}{SUFFIX}"), Value::Array(exact));
            }
            members.insert(name.to_owned(), written.into_iter().map(|(text, _)| text).collect());
        }
        (Kind::Bytes, value) => {
            let bytes = as_bytes(value);
            let (text, exact) = Notation::of(field).write(bytes);
            if !exact {
                members.insert(format!("{name}{SUFFIX}"), to_base64(bytes).into());
            }
            members.insert(name.to_owned(), text.into());
        }
        (kind, Reflected::List(items)) => {
            members.insert(name.to_owned(), items.iter().map(|item| scalar(&kind, item)).collect());
        }
        (kind, value) => {
            members.insert(name.to_owned(), scalar(&kind, value));
        }
    }
}

fn scalar(kind: &Kind, value: &Reflected) -> Value {
    match value {
        Reflected::Bool(value) => (*value).into(),
        Reflected::I32(value) => (*value).into(),
        Reflected::I64(value) => (*value).into(),
        Reflected::U32(value) => (*value).into(),
        Reflected::U64(value) => (*value).into(),
        Reflected::F32(value) => float(f64::from(*value)),
        Reflected::F64(value) => float(*value),
        Reflected::String(value) => value.as_str().into(),
        Reflected::EnumNumber(number) => match kind {
            Kind::Enum(descriptor) => enum_name(descriptor, *number),
            _ => (*number).into(),
        },
        Reflected::Message(value) => message(value),
        // Bytes are handled by `member`; the schema has no maps, and a test keeps it so.
        Reflected::Bytes(_) | Reflected::List(_) | Reflected::Map(_) => Value::Null,
    }
}

fn enum_name(descriptor: &EnumDescriptor, number: i32) -> Value {
    match descriptor.get_value(number) {
        Some(value) => short_enum_name(descriptor.name(), value.name()).into(),
        None => number.into(),
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(
        || {
            let name = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            name.into()
        },
        Value::Number,
    )
}

fn as_bytes(value: &Reflected) -> &[u8] {
    value.as_bytes().map(AsRef::as_ref).unwrap_or_default()
}
