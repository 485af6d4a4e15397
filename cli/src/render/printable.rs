//! The last guard before a terminal: text that was put together elsewhere, most of it escaped already.

use std::borrow::Cow;

use procwire_proto::escape;

/// The text without anything that a terminal would obey. Unlike [`escape::terminal`] it leaves backslashes as they are, so
/// that text escaped before stays as it is.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_printable(character) {
            shown.push(character);
        } else {
            shown.push_str(&escape::terminal(character.encode_utf8(&mut [0; 4]).as_bytes()));
        }
    }
    Cow::Owned(shown)
}

/// True if a terminal shows it and does nothing else.
pub(crate) fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~')
        || matches!(escape::terminal(character.encode_utf8(&mut [0; 4]).as_bytes()), Cow::Borrowed(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_stays_and_what_was_not_is() {
        assert_eq!(printable(r"name a\x1b[2J"), r"name a\x1b[2J");
        assert_eq!(printable("name a\u{1b}[2J\nb\u{202e}日本"), "name a\\x1b[2J\\nb\\u{202e}日本");
    }
}
