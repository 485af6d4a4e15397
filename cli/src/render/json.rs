//! Canonical JSON on paper: safe for terminals, one object per line where there are many.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::{
    Value,
    ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer},
};

use super::printable::is_printable;

/// Prints a value over several lines.
pub(crate) fn write_pretty(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let mut formatter = Safe(PrettyFormatter::with_indent(b"  "));
    value.serialize(&mut Serializer::with_formatter(&mut *out, &mut formatter)).map_err(io::Error::from)?;
    writeln!(out)
}

/// Prints a value on one line.
pub(crate) fn write_line(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    write_compact(out, value)?;
    writeln!(out)
}

/// Prints values as one array with a value per line, as they come.
#[derive(Debug, Default)]
pub(crate) struct ArrayWriter {
    started: bool,
}

impl ArrayWriter {
    /// Prints the next value.
    pub(crate) fn push(&mut self, out: &mut dyn Write, value: &Value) -> io::Result<()> {
        out.write_all(if self.started { b",\n" } else { b"[\n" })?;
        self.started = true;
        write_compact(out, value)
    }

    /// Closes the array.
    pub(crate) fn finish(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.started { b"\n]\n" } else { b"[]\n" })
    }
}

fn write_compact(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let mut formatter = Safe(CompactFormatter);
    value.serialize(&mut Serializer::with_formatter(&mut *out, &mut formatter)).map_err(io::Error::from)
}

/// Writes what JSON may hold but a terminal would obey (DEL, C1 controls, text that runs backwards) in hex, as `\u009b`.
/// The document stays the same.
struct Safe<F>(F);

impl<F: Formatter> Formatter for &mut Safe<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return self.0.write_string_fragment(writer, fragment);
        }
        let mut units = [0; 2];
        for character in fragment.chars() {
            if is_printable(character) {
                writer.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(value: &Value) -> String {
        let mut out = Vec::new();
        write_line(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hostile_text_is_the_same_document_without_acting() {
        let hostile = json!({ "name": ")\n\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{e0001}\\ \"日本語\"" });
        let printed = line(&hostile);
        assert_eq!(printed, "{\"name\":\")\\n\\u001b[2J\\u007f\\u009b31m\\u202e\\udb40\\udc01\\\\ \\\"日本語\\\"\"}\n");
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), hostile);
    }

    #[test]
    fn arrays_have_a_value_per_line() {
        let print = |values: &[Value]| {
            let (mut out, mut array) = (Vec::new(), ArrayWriter::default());
            values.iter().for_each(|value| array.push(&mut out, value).unwrap());
            array.finish(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(print(&[]), "[]\n");
        assert_eq!(print(&[json!({"pid": 1}), json!({"pid": 2})]), "[\n{\"pid\":1},\n{\"pid\":2}\n]\n");
    }

    #[test]
    fn pretty_values_are_indented() {
        let mut out = Vec::new();
        write_pretty(&mut out, &json!({"a": [1, {}], "b": {"c": null}})).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": null\n  }\n}\n");
    }
}
