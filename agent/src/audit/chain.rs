//! The chain: each line has its number, the hash of the line before it, and its own hash.
//!
//! A line is `{"seq":N,"prev":"HASH",...,"hash":"HASH"}` and a newline. `hash` is the SHA-256, in 64 lower-case hexadecimal digits, of every
//! byte of the line before `,"hash":"`. `prev` is the `hash` of the line before, or 64 zeros in the first line of a chain, whose `seq` is 1.
//! So every byte is either hashed or given by the form, and nothing can be changed, left out, put in or moved without breaking a link.

use std::{fmt, str::FromStr};

use crate::digest;

const BEFORE_HASH: &str = ",\"hash\":\"";
const AFTER_HASH: &str = "\"}";
const BEFORE_SEQUENCE: &str = "{\"seq\":";
const BEFORE_PREVIOUS: &str = ",\"prev\":\"";
const HASH_DIGITS: usize = 64;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

/// Where a chain ends: what the next line links to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last line; 0: there is none yet.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A line that is whole in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number and its own hash.
    pub head: Head,
    /// The hash that it has for the line before it.
    pub previous: Hash,
}

/// Why a line is not whole in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It has not the form of a record.
    #[error("is no record of an audit trail")]
    NoRecord,
    /// It has, and was changed.
    #[error("was changed: its hash is not that of its text")]
    Changed,
}

impl Head {
    /// Before the first line of a chain.
    pub const NONE: Self = Self { sequence: 0, hash: Hash([0; 32]) };

    /// The next line of the chain, with its newline, made of a JSON object that is not empty; and the head from then on.
    pub fn seal(self, object: &str) -> (String, Self) {
        let sequence = self.sequence.saturating_add(1);
        let members = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(object);
        let mut line = format!("{BEFORE_SEQUENCE}{sequence}{BEFORE_PREVIOUS}{}\",{members}", self.hash);
        let hash = Hash::of(line.as_bytes());
        line.push_str(BEFORE_HASH);
        line.push_str(&hash.to_string());
        line.push_str(AFTER_HASH);
        line.push('\n');
        (line, Self { sequence, hash })
    }
}

impl Sealed {
    /// Reads a line without its newline, and checks its hash. What is between is not looked at: it cannot differ from what was hashed.
    pub fn read(line: &[u8]) -> Result<Self, Broken> {
        let (text, hash) = split_hash(line).ok_or(Broken::NoRecord)?;
        let (sequence, previous) = split_beginning(text).ok_or(Broken::NoRecord)?;
        if Hash::of(text) != hash {
            return Err(Broken::Changed);
        }
        Ok(Self { head: Head { sequence, hash }, previous })
    }

    /// True if this is the next line after `head`.
    pub fn follows(&self, head: Head) -> bool {
        head.sequence.checked_add(1) == Some(self.head.sequence) && self.previous == head.hash
    }
}

/// What is hashed, and the hash that is written behind it.
fn split_hash(line: &[u8]) -> Option<(&[u8], Hash)> {
    let rest = line.strip_suffix(AFTER_HASH.as_bytes())?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(HASH_DIGITS)?)?;
    Some((rest.strip_suffix(BEFORE_HASH.as_bytes())?, Hash::read(digits)?))
}

fn split_beginning(text: &[u8]) -> Option<(u64, Hash)> {
    let rest = text.strip_prefix(BEFORE_SEQUENCE.as_bytes())?;
    let (digits, rest) = rest.split_at_checked(rest.iter().position(|byte| !byte.is_ascii_digit())?)?;
    if digits.starts_with(b"0") {
        return None;
    }
    let sequence = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (previous, rest) = rest.strip_prefix(BEFORE_PREVIOUS.as_bytes())?.split_at_checked(HASH_DIGITS)?;
    rest.starts_with(b"\",").then_some(())?;
    Some((sequence, Hash::read(previous)?))
}

impl Hash {
    fn of(bytes: &[u8]) -> Self {
        Self(digest::sha256(bytes))
    }

    /// One spelling only, or a byte could be changed unnoticed.
    fn read(digits: &[u8]) -> Option<Self> {
        let mut hash = [0; 32];
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        if pairs.len() != hash.len() {
            return None;
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(hash))
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&digest::hexadecimal(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.sequence, self.hash)
    }
}

/// A text that is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not NUMBER:HASH, as agent status shows it: the hash has 64 hexadecimal digits")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let (sequence, hash) = text.trim().split_once(':').ok_or(NotAHead)?;
        let sequence = sequence.parse().map_err(|_| NotAHead)?;
        let hash = Hash::read(hash.to_ascii_lowercase().as_bytes()).ok_or(NotAHead)?;
        Ok(Self { sequence, hash })
    }
}

#[cfg(test)]
mod tests;
