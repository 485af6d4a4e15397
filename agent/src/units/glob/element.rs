//! Parts of a shell pattern.

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Any number of bytes.
    Star,
    Any,
    One(u8),
    Set(Bits),
}

impl Element {
    /// The first part of a pattern, and what comes behind it.
    pub(super) fn first(pattern: &[u8]) -> Option<(Self, &[u8])> {
        Some(match pattern {
            [b'*', rest @ ..] => (Self::Star, rest),
            [b'?', rest @ ..] => (Self::Any, rest),
            [b'[', rest @ ..] => match set(rest) {
                Some((members, rest)) => (Self::Set(members), rest),
                // A bracket that does not close is one.
                None => (Self::One(b'['), rest),
            },
            pattern => {
                let (byte, rest) = literal(pattern)?;
                (Self::One(byte), rest)
            }
        })
    }
}

/// Up to the closing bracket.
fn set(text: &[u8]) -> Option<(Bits, &[u8])> {
    let (is_negated, mut rest) = match text {
        [b'!' | b'^', rest @ ..] => (true, rest),
        text => (false, text),
    };
    let mut members = Bits::NONE;
    let mut is_first = true;
    loop {
        match rest {
            // One that comes first is one of the set.
            [b']', behind @ ..] if !is_first => {
                return Some((if is_negated { members.others() } else { members }, behind));
            }
            [b'[', b':', behind @ ..] => match behind.iter().position(|byte| !byte.is_ascii_lowercase()) {
                Some(end) if behind.get(end..)?.starts_with(b":]") => {
                    members = members.or(class(behind.get(..end)?));
                    rest = behind.get(end + 2..)?;
                }
                _ => (members, rest) = (members.or(Bits::of(b'[')), rest.get(1..)?),
            },
            _ => {
                let (first, behind) = literal(rest)?;
                (members, rest) = match behind {
                    [b'-', last, ..] if *last != b']' => {
                        let (last, behind) = literal(behind.get(1..)?)?;
                        (members.or(Bits::range(first, last)), behind)
                    }
                    behind => (members.or(Bits::of(first)), behind),
                };
            }
        }
        is_first = false;
    }
}

/// A byte that stands for itself, as it does behind a backslash.
fn literal(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'\\', escaped, rest @ ..] => Some((*escaped, rest)),
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

/// As in the C locale, in which systemd runs; one that is none has nothing in it.
fn class(name: &[u8]) -> Bits {
    let is_in: fn(&u8) -> bool = match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => |_| false,
    };
    (0..=u8::MAX).filter(is_in).fold(Bits::NONE, |members, byte| members.or(Bits::of(byte)))
}

/// Numbers below 256: bytes of a set, or places in a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits([u128; 2]);

impl Bits {
    pub(super) const NONE: Self = Self([0; 2]);

    pub(super) fn of(number: u8) -> Self {
        let bit = 1 << (number % 128);
        Self(if number < 128 { [bit, 0] } else { [0, bit] })
    }

    pub(super) fn contains(self, number: u8) -> bool {
        self.and(Self::of(number)) != Self::NONE
    }

    pub(super) fn and(self, other: Self) -> Self {
        let (Self([low, high]), Self([other_low, other_high])) = (self, other);
        Self([low & other_low, high & other_high])
    }

    pub(super) fn or(self, other: Self) -> Self {
        let (Self([low, high]), Self([other_low, other_high])) = (self, other);
        Self([low | other_low, high | other_high])
    }

    /// Each number plus one.
    pub(super) fn next(self) -> Self {
        let Self([low, high]) = self;
        Self([low << 1, (high << 1) | (low >> 127)])
    }

    fn range(first: u8, last: u8) -> Self {
        (first..=last).fold(Self::NONE, |bits, number| bits.or(Self::of(number)))
    }

    fn others(self) -> Self {
        let Self([low, high]) = self;
        Self([!low, !high])
    }
}
