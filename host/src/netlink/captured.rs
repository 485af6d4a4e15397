//! Messages of a real kernel for tests.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

/// The payloads of a fixture: a line of hexadecimal digits each.
pub(super) fn payloads(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let byte = |line: &str, place: usize| u8::from_str_radix(line.get(place..place + 2).unwrap(), 16).unwrap();
    lines.map(|line| (0..line.len()).step_by(2).map(|place| byte(line, place)).collect()).collect()
}

/// An attribute, padded.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut attribute = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend_from_slice(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}
