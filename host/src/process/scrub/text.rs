//! Secrets that are told by the name before them: options, assignments, members, headers; also in a command that is one argument of
//! another.

use std::ops::Range;

use super::{names, signs::Signs};

/// What the word after an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaits {
    Nothing,
    /// `--password`
    Secret,
    /// `--user`, as curl takes it: the part behind the colon.
    UserAndPassword,
}

impl Awaits {
    /// What is secret in the word that follows.
    pub(super) fn value(self, word: &[u8]) -> Option<Range<usize>> {
        match self {
            Self::Nothing => None,
            // Another option: this one had no value.
            _ if word.starts_with(b"-") || word.is_empty() => None,
            Self::Secret => Some(0..word.len()),
            Self::UserAndPassword => {
                let colon = memchr::memchr(b':', word)?;
                let password = word.get(colon + 1..)?;
                // `1000:1000` are ids.
                let is_id = password.iter().all(u8::is_ascii_digit);
                (!is_id).then_some(colon + 1..word.len())
            }
        }
    }
}

/// What an option without `=` wants next. A bare word is no option.
pub(super) fn option(word: &[u8]) -> Awaits {
    if !word.starts_with(b"-") || memchr::memchr2(b'=', b' ', word).is_some() {
        return Awaits::Nothing;
    }
    match word {
        b"-u" | b"--user" | b"--proxy-user" => Awaits::UserAndPassword,
        _ if names::is_secret(word) => Awaits::Secret,
        _ => Awaits::Nothing,
    }
}

/// Adds where they are.
pub(super) fn find(text: &[u8], signs: Signs, secrets: &mut Vec<Range<usize>>) {
    if signs.has_assignment {
        assignments(text, secrets);
    }
    if signs.has_blank {
        options(text, secrets);
    }
}

fn assignments(text: &[u8], secrets: &mut Vec<Range<usize>>) {
    // What an assignment has taken is not looked at again, so that each byte is passed once.
    let mut done = 0;
    for at in memchr::memchr2_iter(b'=', b':', text) {
        if at >= done
            && let Some(secret) = assignment(text, at)
        {
            done = secret.end;
            secrets.push(secret);
        }
    }
}

/// The options of a command that is one argument: `sh -c "mysql --password x"`.
fn options(text: &[u8], secrets: &mut Vec<Range<usize>>) {
    let mut awaits = Awaits::Nothing;
    let mut start = 0;
    for word in text.split(u8::is_ascii_whitespace) {
        let end = start + word.len();
        if !word.is_empty() {
            let expected = std::mem::replace(&mut awaits, Awaits::Nothing);
            if let Some(secret) = expected.value(word) {
                // The quotes of the command around it stay.
                let quotes = word.iter().rev().take_while(|byte| is_quote(**byte)).count();
                secrets.push(start + secret.start..start + secret.end.saturating_sub(quotes).max(secret.start));
            } else if trimmed(word).eq_ignore_ascii_case(b"bearer") {
                awaits = Awaits::Secret;
            } else {
                awaits = option(trimmed(word));
            }
        }
        start = end + 1;
    }
}

fn trimmed(word: &[u8]) -> &[u8] {
    let start = word.iter().position(|byte| !is_quote(*byte)).unwrap_or(word.len());
    let end = word.iter().rposition(|byte| !is_quote(*byte)).map_or(start, |last| last + 1);
    word.get(start..end).unwrap_or_default()
}

/// The value behind the `=` or `:` at this place, if the name before it says that it is secret.
fn assignment(text: &[u8], at: usize) -> Option<Range<usize>> {
    let is_colon = text.get(at) == Some(&b':');
    let before = text.get(..at)?;
    let is_quoted = before.last().is_some_and(|byte| is_quote(*byte));
    let before = if is_quoted { before.get(..at - 1)? } else { before };
    let before = before.strip_suffix(b"\\").unwrap_or(before);
    let look_back = before.len().saturating_sub(names::LONGEST);
    let tail = before.get(look_back..)?;
    let name_start = look_back + tail.iter().rposition(|byte| !is_name(*byte)).map_or(0, |last| last + 1);
    let name = before.get(name_start..)?;
    let rest = text.get(at + 1..)?;
    let is_secret = if is_colon {
        let is_header = names::is_secret_header(name);
        // `image-of-secret:latest` is none, `"secret": 1` and `password: x` are.
        let is_member = is_quoted || rest.starts_with(b" ");
        is_header || (is_member && names::is_secret(name)) || matches!(name, b"pass" | b"password" | b"token")
    } else {
        names::is_secret(name)
    };
    if !is_secret || (is_colon && rest.starts_with(b"//")) {
        return None;
    }
    let blanks = if is_colon { rest.iter().take_while(|byte| **byte == b' ').count() } else { 0 };
    let value = rest.get(blanks..)?;
    let value_start = at + 1 + blanks;
    let is_first = name_start == 0 && !is_quoted;
    let before_name = name_start.checked_sub(1).and_then(|place| text.get(place)).copied();
    let (opening, length) = value_of(value, is_first, before_name);
    let (start, end) = (value_start + opening, value_start + opening + length);
    (end > start).then_some(start..end)
}

/// How many bytes of quotes stand before a value, and how long it is.
fn value_of(value: &[u8], is_first: bool, before_name: Option<u8>) -> (usize, usize) {
    let (opening, quote) = match value {
        [b'\\', quote, ..] if is_quote(*quote) => (2, Some(*quote)),
        [quote, ..] if is_quote(*quote) => (1, Some(*quote)),
        _ => (0, None),
    };
    let rest = value.get(opening..).unwrap_or_default();
    if let Some(quote) = quote {
        return (opening, memchr::memchr(quote, rest).unwrap_or(rest.len()));
    }
    // An argument that begins with the name is all value behind it, blanks included.
    if is_first {
        return (0, rest.len());
    }
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || is_quote(*byte)
            || match before_name {
                Some(b'?' | b'&') => matches!(byte, b'&' | b'#'),
                Some(b';') => *byte == b';',
                _ => false,
            }
    };
    let mut length = 0;
    // `Bearer x`: the scheme is followed by what is secret (RFC 9110, "Authentication"). A blank may be escaped.
    loop {
        let word = rest.get(length..).unwrap_or_default();
        let word_length = word.iter().position(ends).unwrap_or(word.len());
        length += word_length;
        let scheme = word.get(..word_length).unwrap_or_default();
        let goes_on = is_scheme(scheme) || scheme.ends_with(b"\\");
        let is_blank = rest.get(length).is_some_and(|byte| *byte == b' ');
        if !goes_on || !is_blank {
            return (0, length);
        }
        length += 1;
    }
}

fn is_scheme(word: &[u8]) -> bool {
    [&b"bearer"[..], b"basic", b"digest", b"token", b"apikey"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}
