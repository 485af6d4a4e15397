//! Clients that are refused by a list that people keep: quicker at hand than a revocation list, and good for names, too.

use std::collections::HashSet;

use procwire_proto::escape::terminal;

use super::{TlsError, pem::Source};
use crate::{
    access::Principal,
    digest::{hexadecimal, sha256},
};

/// As long as a principal's name may be.
const NAME_MAX_BYTES: usize = 512;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const FINGERPRINT_DIGITS: usize = 64;
/// RFC 5280, section 4.1.2.2: 20 bytes.
const SERIAL_DIGITS: usize = 40;

/// What is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DenyList {
    /// Hexadecimal, small letters, without leading zeros.
    serials: HashSet<String>,
    /// Hexadecimal SHA-256 of the DER certificate.
    fingerprints: HashSet<String>,
    names: HashSet<String>,
    entries: u64,
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Serial(String),
    Fingerprint(String),
    Name(String),
    /// A word that could be either is both: who is on the list shall be out.
    SerialOrName(String, String),
}

impl DenyList {
    pub(super) fn read(file: Source<'_>) -> Result<DenyList, TlsError> {
        let mut list = DenyList::default();
        let bytes = &file.guarded_content()?.bytes;
        // Some editors begin a file with it. As part of the first name it would keep that from ever being found.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = without_comment(line);
            if line.is_empty() {
                continue;
            }
            let entry = parse(line).map_err(|problem| file.garbled(format!("line {}: {problem}", index + 1)))?;
            list.add(entry);
        }
        Ok(list)
    }

    pub(super) fn len(&self) -> u64 {
        self.entries
    }

    /// True if all that the other list refuses is refused by this one, too.
    pub(super) fn covers(&self, other: &DenyList) -> bool {
        self.serials.is_superset(&other.serials)
            && self.fingerprints.is_superset(&other.fingerprints)
            && self.names.is_superset(&other.names)
    }

    /// The entry that a certificate of this serial number, or its fingerprint, is on.
    pub(super) fn finds(&self, raw_serial: &[u8], certificate: &[u8]) -> Option<String> {
        let serial = canonical(&hexadecimal(raw_serial));
        if self.serials.contains(&serial) {
            return Some(format!("serial {serial}"));
        }
        if self.fingerprints.is_empty() {
            return None;
        }
        let fingerprint = hexadecimal(&sha256(certificate));
        self.fingerprints.contains(&fingerprint).then(|| format!("sha256:{fingerprint}"))
    }

    /// The entry that the caller's name is on.
    pub(super) fn finds_name(&self, principal: &Principal) -> Option<String> {
        self.names.contains(&principal.name).then(|| format!("name {}", principal.name))
    }

    fn add(&mut self, entry: Entry) {
        self.entries += 1;
        match entry {
            Entry::Serial(serial) => drop(self.serials.insert(serial)),
            Entry::Fingerprint(fingerprint) => drop(self.fingerprints.insert(fingerprint)),
            Entry::Name(name) => drop(self.names.insert(name)),
            Entry::SerialOrName(serial, name) => {
                self.serials.insert(serial);
                self.names.insert(name);
            }
        }
    }
}

/// A comment begins a line or follows a space: a `#` within a word is its own.
fn without_comment(line: &[u8]) -> &[u8] {
    let begins = |index: &usize| *index == 0 || line.get(index - 1).is_some_and(u8::is_ascii_whitespace);
    let end = (0..line.len()).filter(|index| line.get(*index) == Some(&b'#')).find(begins);
    line.get(..end.unwrap_or(line.len())).unwrap_or_default().trim_ascii()
}

fn parse(line: &[u8]) -> Result<Entry, String> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    if let Some(name) = text.strip_prefix("name:") {
        return name_of(name).map(Entry::Name);
    }
    if let Some(serial) = text.strip_prefix("serial:") {
        return serial_of(serial.trim()).map(Entry::Serial);
    }
    if let Some(fingerprint) = text.strip_prefix("sha256:") {
        return fingerprint_of(fingerprint.trim()).map(Entry::Fingerprint);
    }
    if fingerprint_of(text).is_ok() {
        return fingerprint_of(text).map(Entry::Fingerprint);
    }
    if text.starts_with("spiffe://") {
        return name_of(text).map(Entry::Name);
    }
    match (serial_of(text), text.contains(':')) {
        (Ok(serial), false) => Ok(Entry::SerialOrName(serial, text.to_owned())),
        (Ok(serial), true) => Ok(Entry::Serial(serial)),
        (Err(_), false) => name_of(text).map(Entry::Name),
        (Err(_), true) => {
            let kind = text.split(':').next().unwrap_or_default();
            Err(format!("{kind:?} is none of serial:, sha256: and name:; a name with a colon is written as name:..."))
        }
    }
}

fn name_of(text: &str) -> Result<String, String> {
    let name = text.trim();
    match name {
        "" => Err("the name is empty".to_owned()),
        long if long.len() > NAME_MAX_BYTES => Err(format!("a name is at most {NAME_MAX_BYTES} bytes long")),
        odd if !is_visible(odd) => {
            Err(format!("the name \"{}\" has characters that cannot be seen", terminal(odd.as_bytes())))
        }
        good => Ok(good.to_owned()),
    }
}

/// Nothing that cannot be seen: an entry with it looks like a name and is another, so that nobody is refused. What a terminal is not shown
/// as it is: a backslash is doubled, but can be seen.
fn is_visible(name: &str) -> bool {
    name.split('\\').all(|part| terminal(part.as_bytes()) == part)
}

fn serial_of(text: &str) -> Result<String, String> {
    let digits = digits(text).ok_or_else(|| format!("{text:?} is not a serial number in hexadecimal"))?;
    let serial = canonical(&digits);
    if serial.len() > SERIAL_DIGITS {
        return Err(format!("a serial number has at most {SERIAL_DIGITS} hexadecimal digits"));
    }
    Ok(serial)
}

fn fingerprint_of(text: &str) -> Result<String, String> {
    let digits = digits(text).filter(|digits| digits.len() == FINGERPRINT_DIGITS);
    digits.ok_or_else(|| format!("{text:?} is not a SHA-256 fingerprint: {FINGERPRINT_DIGITS} hexadecimal digits"))
}

/// As OpenSSL writes them, too: with colons, in capitals.
fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|character| *character != ':').collect();
    let is_good = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !text.starts_with(':')
        && !text.ends_with(':');
    is_good.then(|| digits.to_ascii_lowercase())
}

/// DER puts a zero before a number that would otherwise be negative; people leave zeros away.
fn canonical(digits: &str) -> String {
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_could_be_two_things_is_both() {
        let both = Entry::SerialOrName("cafe".to_owned(), "00cafe".to_owned());
        assert_eq!(parse(b"00cafe"), Ok(both));
        assert_eq!(parse(b"00:CA:FE"), Ok(Entry::Serial("cafe".to_owned())));
        assert_eq!(parse(b"cafe au lait"), Ok(Entry::Name("cafe au lait".to_owned())));
        assert_eq!(parse(br"CORP\alice"), Ok(Entry::Name(r"CORP\alice".to_owned())));
        assert_eq!(parse(b"name:host:7"), Ok(Entry::Name("host:7".to_owned())));
    }

    #[test]
    fn what_is_no_entry_is_refused_with_its_reason() {
        let long = "x".repeat(NAME_MAX_BYTES + 1);
        for (line, problem) in [
            (b"name:".as_slice(), "the name is empty"),
            (b"name:a\x1b[2Jb", "\"a\\x1b[2Jb\" has characters that cannot be seen"),
            ("al\u{200b}ice".as_bytes(), "\"al\\u{200b}ice\" has characters"),
            ("\u{feff}alice".as_bytes(), "has characters that cannot be seen"),
            ("spiffe://example.org/\u{202e}web".as_bytes(), "has characters that cannot be seen"),
            (b"\xff\xfe", "not UTF-8"),
            (b"serial:", "not a serial number"),
            (b"serial:12 34", "not a serial number"),
            (b"serial::12", "not a serial number"),
            (b"sha256:cafe", "64 hexadecimal digits"),
            (b"host:7", "none of serial:, sha256: and name:"),
            (long.as_bytes(), "at most 512 bytes"),
            ([b"serial:".as_slice(), &[b'1'; 41]].concat().as_slice(), "at most 40 hexadecimal digits"),
        ] {
            let refused = parse(line).unwrap_err();
            assert!(refused.contains(problem), "{refused}");
            assert!(!refused.contains('\x1b'), "{refused:?}");
        }
    }

    #[test]
    fn a_comment_begins_a_line_or_follows_a_space() {
        for (line, rest) in [
            (b"# all of it".as_slice(), b"".as_slice()),
            (b"  alice  # left", b"alice"),
            (b"a#b", b"a#b"),
            (b"a#b #c", b"a#b"),
            (b"\t\r", b""),
        ] {
            assert_eq!(without_comment(line), rest);
        }
    }
}
