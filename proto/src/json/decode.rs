//! From JSON to message.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value as Reflected};
use serde_json::{Map, Value};

use super::{
    JsonError,
    bytes::{Notation, SUFFIX, from_base64},
    short_enum_name, well_known,
};

pub(super) fn message(descriptor: &MessageDescriptor, value: &Value, path: &str) -> Result<DynamicMessage, JsonError> {
    if let Some(message) = well_known::decode(descriptor, value) {
        return message.map_err(|detail| JsonError::at(path, detail));
    }
    let members = value.as_object().ok_or_else(|| JsonError::at(path, "must be an object"))?;
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in members {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(field) = descriptor.get_field_by_name(name) else {
            if is_companion(descriptor, name) {
                continue;
            }
            return Err(JsonError::at(&path, "no such field"));
        };
        message.set_field(&field, member(&field, members, value, &path)?);
    }
    Ok(message)
}

/// `name_base64` beside a bytes field `name`; read together with it.
fn is_companion(descriptor: &MessageDescriptor, name: &str) -> bool {
    name.strip_suffix(SUFFIX)
        .and_then(|name| descriptor.get_field_by_name(name))
        .is_some_and(|field| field.kind() == Kind::Bytes)
}

fn member(
    field: &FieldDescriptor,
    members: &Map<String, Value>,
    value: &Value,
    path: &str,
) -> Result<Reflected, JsonError> {
    let companion = members.get(&format!("{}{SUFFIX}", field.name())).filter(|_| field.kind() == Kind::Bytes);
    if let Some(exact) = companion {
        let path = format!("{path}{SUFFIX}");
        return one_or_many(field, exact, &path, |item, path| {
            let bytes = item.as_str().and_then(from_base64).ok_or_else(|| JsonError::at(path, "must be base64"))?;
            Ok(Reflected::Bytes(bytes.into()))
        });
    }
    let notation = Notation::of(field);
    one_or_many(field, value, path, |item, path| scalar(&field.kind(), notation, item, path))
}

fn one_or_many(
    field: &FieldDescriptor,
    value: &Value,
    path: &str,
    read: impl Fn(&Value, &str) -> Result<Reflected, JsonError>,
) -> Result<Reflected, JsonError> {
    if !field.is_list() {
        return read(value, path);
    }
    let items = value.as_array().ok_or_else(|| JsonError::at(path, "must be a list"))?;
    let items = items.iter().enumerate().map(|(index, item)| read(item, &format!("{path}[{index}]")));
    Ok(Reflected::List(items.collect::<Result<_, _>>()?))
}

fn scalar(kind: &Kind, notation: Notation, value: &Value, path: &str) -> Result<Reflected, JsonError> {
    let expected = |what: &str| JsonError::at(path, format!("must be {what}"));
    Ok(match kind {
        Kind::Bool => Reflected::Bool(value.as_bool().ok_or_else(|| expected("true or false"))?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
            Reflected::I32(number.ok_or_else(|| expected("a signed 32-bit number"))?)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            Reflected::I64(value.as_i64().ok_or_else(|| expected("a signed 64-bit number"))?)
        }
        Kind::Uint32 | Kind::Fixed32 => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            Reflected::U32(number.ok_or_else(|| expected("a number of at most 32 bits, not negative"))?)
        }
        Kind::Uint64 | Kind::Fixed64 => {
            Reflected::U64(value.as_u64().ok_or_else(|| expected("a number of at most 64 bits, not negative"))?)
        }
        #[allow(clippy::cast_possible_truncation, reason = "a float field holds no more than a float")]
        Kind::Float => Reflected::F32(float(value).ok_or_else(|| expected("a number"))? as f32),
        Kind::Double => Reflected::F64(float(value).ok_or_else(|| expected("a number"))?),
        Kind::String => Reflected::String(value.as_str().ok_or_else(|| expected("a string"))?.to_owned()),
        Kind::Bytes => {
            let bytes = value.as_str().and_then(|text| notation.read(text));
            Reflected::Bytes(bytes.ok_or_else(|| expected("bytes in the notation of this field"))?.into())
        }
        Kind::Enum(descriptor) => {
            let number = match value {
                Value::String(name) => descriptor
                    .values()
                    .find(|value| short_enum_name(descriptor.name(), value.name()) == *name || value.name() == name)
                    .map(|value| value.number()),
                other => other.as_i64().and_then(|number| i32::try_from(number).ok()),
            };
            Reflected::EnumNumber(number.ok_or_else(|| expected(&format!("a value of {}", descriptor.name())))?)
        }
        Kind::Message(descriptor) => Reflected::Message(message(descriptor, value, path)?),
    })
}

fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}
