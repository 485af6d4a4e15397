//! Strings that come from processes are hostile: a name may hold newlines, terminal escapes or text that runs backwards.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text that is safe on a terminal and on one line: control characters, invalid UTF-8, bidirectional controls and other
/// invisible characters are shown as `\n`, `\x1b`, `\u{202e}`, `\xff`; a backslash as `\\`, so that nothing can pose as an escape.
pub fn terminal(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes)
        && text.chars().all(is_harmless)
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_escaped(&mut escaped, character);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    Cow::Owned(escaped)
}

fn push_escaped(escaped: &mut String, character: char) {
    match character {
        '\\' => escaped.push_str("\\\\"),
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        _ if is_harmless(character) => escaped.push(character),
        _ if character.is_ascii() => {
            let _ = write!(escaped, "\\x{:02x}", u32::from(character));
        }
        _ => escaped.extend(character.escape_unicode()),
    }
}

fn is_harmless(character: char) -> bool {
    match character {
        '\\' => false,
        ' '..='~' => true,
        _ => !character.is_control() && !is_invisible(character),
    }
}

/// Characters that change or hide what is around them: Unicode general categories Cf, Zl, Zp and the private ones.
fn is_invisible(character: char) -> bool {
    matches!(
        u32::from(character),
        0xAD | 0x34F | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890..=0x891 | 0x8E2 | 0x115F..=0x1160 | 0x17B4..=0x17B5
            | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xE000..=0xF8FF
            | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x110BD | 0x110CD | 0x13430..=0x1343F
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0x10_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_borrowed_as_it_is() {
        for text in ["bash", "kworker/0:1H-kblockd", "日本語 naïve", ""] {
            assert!(matches!(terminal(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn hostile_bytes_are_shown_not_obeyed() {
        assert_eq!(terminal(b")\n\x1b[2J"), r")\n\x1b[2J");
        assert_eq!(terminal(b"caf\xe9"), r"caf\xe9");
        assert_eq!(terminal("a\u{202e}b".as_bytes()), r"a\u{202e}b");
        assert_eq!(terminal("\u{9b}31m".as_bytes()), r"\u{9b}31m");
        assert_eq!(terminal(b"\\x1b"), r"\\x1b", "a literal backslash cannot pose as an escape");
        assert_eq!(terminal(b"\x7f\0"), r"\x7f\x00");
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_acts_gets_through(bytes: Vec<u8>) {
            let shown = terminal(&bytes);
            proptest::prop_assert!(shown.chars().all(|character| !character.is_control() && !is_invisible(character)));
        }

        #[test]
        fn different_bytes_look_different(left: Vec<u8>, right: Vec<u8>) {
            proptest::prop_assert_eq!(left == right, terminal(&left) == terminal(&right));
        }
    }
}
