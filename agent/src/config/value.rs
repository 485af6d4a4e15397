//! A value before it is checked: what TOML, an environment variable or a flag can say.

use std::fmt;

/// The shape that a key's value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Whole,
    Texts,
    Integers,
}

/// A value of one of these shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Texts(Vec<String>),
    Integers(Vec<i64>),
}

impl Value {
    /// From an environment variable or a flag; lists are separated by commas. The error says what is wrong with it.
    pub(super) fn from_text(kind: Kind, text: &str) -> Result<Value, String> {
        match kind {
            Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Whole => whole(text).map(Value::Whole),
            Kind::Texts => Ok(Value::Texts(parts(text).map(str::to_owned).collect())),
            Kind::Integers => parts(text).map(whole).collect::<Result<_, _>>().map(Value::Integers),
        }
    }

    /// From a configuration file.
    pub(super) fn from_toml(kind: Kind, value: &toml::Value) -> Result<Value, String> {
        let wrong = || format!("{} where {} is wanted", value.type_str(), kind.name());
        match kind {
            Kind::Text => value.as_str().map(|text| Value::Text(text.to_owned())).ok_or_else(wrong),
            Kind::Whole => value.as_integer().map(Value::Whole).ok_or_else(wrong),
            Kind::Texts => list(value, |item| item.as_str().map(str::to_owned)).map(Value::Texts).ok_or_else(wrong),
            Kind::Integers => list(value, toml::Value::as_integer).map(Value::Integers).ok_or_else(wrong),
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Text => "a string",
            Kind::Whole => "a whole number",
            Kind::Texts => "a list of strings",
            Kind::Integers => "a list of whole numbers",
        }
    }
}

fn whole(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is not a whole number"))
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn list<T>(value: &toml::Value, item: impl Fn(&toml::Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(item).collect()
}

/// As TOML writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => quoted(f, text),
            Value::Whole(number) => number.fmt(f),
            Value::Integers(numbers) => bracketed(f, numbers, |f, number| number.fmt(f)),
            Value::Texts(texts) => bracketed(f, texts, |f, text| quoted(f, text)),
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
            plain => write!(f, "{plain}")?,
        }
    }
    f.write_str("\"")
}

fn bracketed<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    item: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (index, each) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        item(f, each)?;
    }
    f.write_str("]")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_again() {
        for value in [
            Value::Text("a \"quoted\" \\ path\n\u{7f}".to_owned()),
            Value::Whole(-7),
            Value::Integers(vec![1, 22]),
            Value::Texts(vec!["sshd".to_owned(), "a,b".to_owned()]),
            Value::Texts(vec![]),
        ] {
            let kind = match value {
                Value::Text(_) => Kind::Text,
                Value::Whole(_) => Kind::Whole,
                Value::Texts(_) => Kind::Texts,
                Value::Integers(_) => Kind::Integers,
            };
            let table: toml::Table = format!("key = {value}").parse().unwrap();
            assert_eq!(Value::from_toml(kind, &table["key"]).unwrap(), value);
        }
    }

    #[test]
    fn lists_on_the_command_line() {
        assert_eq!(Value::from_text(Kind::Integers, " 1, 22,").unwrap(), Value::Integers(vec![1, 22]));
        assert_eq!(Value::from_text(Kind::Integers, "1,x").unwrap_err(), "\"x\" is not a whole number");
        assert_eq!(Value::from_text(Kind::Texts, "").unwrap(), Value::Texts(vec![]));
    }

    #[test]
    fn the_wrong_type_is_named() {
        let error = Value::from_toml(Kind::Whole, &toml::Value::String("7".to_owned())).unwrap_err();
        assert_eq!(error, "string where a whole number is wanted");
    }
}
