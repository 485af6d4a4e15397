//! The text of smaps (fs/proc/task_mmu.c: show_map_vma, __show_smap; proc_pid_smaps(5)): of each mapping a line as in maps, then
//! lines of amounts.

use crate::procfs::number;

/// The first line of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) permissions: &'a str,
    pub(super) offset: u64,
    pub(super) device_major: u32,
    pub(super) device_minor: u32,
    pub(super) inode: u64,
    /// As the kernel wrote it; empty for anonymous memory.
    pub(super) name: &'a [u8],
}

/// A line, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A mapping begins.
    Header(Header<'a>),
    /// A mapping begins, and its line is torn: what follows belongs to none.
    TornHeader,
    /// A name and what stands behind it, which [`bytes`] reads.
    Amount(&'a [u8], &'a [u8]),
    /// Something else.
    Other,
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Self {
        match line.first() {
            // An address; the names of amounts begin with a capital letter.
            Some(b'0'..=b'9' | b'a'..=b'f') => Header::parse(line).map_or(Self::TornHeader, Self::Header),
            _ => split(line, b':').map_or(Self::Other, |(name, value)| Self::Amount(name, value)),
        }
    }
}

impl<'a> Header<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let (range, rest) = column(line)?;
        let (permissions, rest) = column(rest)?;
        let (offset, rest) = column(rest)?;
        let (device, rest) = column(rest)?;
        let (inode, rest) = column(rest)?;
        let (start, end) = split(range, b'-')?;
        let (major, minor) = split(device, b':')?;
        Some(Self {
            start: hexadecimal(start)?,
            end: hexadecimal(end)?,
            permissions: std::str::from_utf8(permissions).ok()?,
            offset: hexadecimal(offset)?,
            device_major: u32::try_from(hexadecimal(major)?).ok()?,
            device_minor: u32::try_from(hexadecimal(minor)?).ok()?,
            inode: number(inode)?,
            // Blanks fill the line up to the name. What ends the name is part of it.
            name: rest.trim_ascii_start(),
        })
    }
}

/// The bytes of "     4 kB".
pub(super) fn bytes(value: &[u8]) -> Option<u64> {
    number(value)?.checked_mul(1024)
}

fn column(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let length = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    text.split_at_checked(length).filter(|(column, _)| !column.is_empty())
}

fn split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == separator)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = (*digit as char).to_digit(16)?;
        (number >> 60 == 0).then(|| number << 4 | u64::from(value))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn header(line: &str) -> Header<'_> {
        match Line::parse(line.as_bytes()) {
            Line::Header(header) => header,
            other => unreachable!("{line:?} is read as {other:?}"),
        }
    }

    #[test]
    fn a_mapping_is_read_column_by_column() {
        let line = "559835374000-55983537a000 r-xp 00002000 fe:1a 247282                     /usr/bin/head";
        let expected = Header {
            start: 0x5598_3537_4000,
            end: 0x5598_3537_a000,
            permissions: "r-xp",
            offset: 0x2000,
            device_major: 0xfe,
            device_minor: 0x1a,
            inode: 247_282,
            name: b"/usr/bin/head",
        };
        assert_eq!(header(line), expected);
    }

    #[test]
    fn the_name_is_what_follows_with_all_its_blanks() {
        let named = |name: &str| format!("00400000-0040b000 rw-s 00000000 00:01 4                          {name}");
        for name in ["/a b  c ", "[heap]", "[anon: my name]", "anon_inode:[perf_event]", "/x (deleted)", "[vsyscall]"] {
            assert_eq!(header(&named(name)).name, name.as_bytes());
        }
        assert_eq!(header("00400000-0040b000 rw-s 00000000 00:00 0 ").name, b"");
        assert_eq!(header("00400000-0040b000 rw-s 00000000 00:00 0").name, b"");
        // Wider than the columns that are kept free for it.
        let line = "ffffffffff600000-ffffffffff601000 --xp ffffffffffffffff fffff:fffff 18446744073709551615  /n";
        let wide = header(line);
        assert_eq!((wide.offset, wide.inode, wide.name), (u64::MAX, u64::MAX, &b"/n"[..]));
    }

    #[test]
    fn amounts_are_bytes_and_other_lines_are_passed_over() {
        let amount = |line: &'static [u8]| match Line::parse(line) {
            Line::Amount(name, value) => Some((name, bytes(value)?)),
            _ => None,
        };
        assert_eq!(amount(b"Private_Dirty:         7 kB"), Some((&b"Private_Dirty"[..], 7168)));
        assert_eq!(amount(b"Swap:15 kB"), Some((&b"Swap"[..], 15360)));
        for other in [&b"VmFlags: rd wr mr mw me ac sd"[..], b"", b"Rss:", b"Rss", b"Size: x kB", b"\xff\xfe"] {
            assert_eq!(amount(other), None);
        }
        assert_eq!(amount(b"Rss: 18446744073709551615 kB"), None, "more than is addressable");
    }

    #[test]
    fn torn_lines_of_mappings_are_told_from_amounts() {
        let whole = b"559835374000-55983537a000 r-xp 00002000 fe:00 247282";
        for length in 1..whole.len() - 5 {
            assert_eq!(Line::parse(&whole[..length]), Line::TornHeader);
        }
        assert_eq!(Line::parse(b"fffffffffffffffff-0 r-xp 0 0:0 0"), Line::TornHeader);
        assert_eq!(Line::parse(b"0-1 \xff\xff 0 0:0 0"), Line::TornHeader);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            Line::parse(&text);
            Line::parse(&[b"0-1 r 0 0:0 0 ", text.as_slice()].concat());
            bytes(&text);
        }

        #[test]
        fn any_address_is_read_back(start: u64, end: u64, offset: u64, inode: u64) {
            let line = format!("{start:08x}-{end:08x} r--p {offset:08x} 00:00 {inode}");
            let read = header(&line);
            proptest::prop_assert_eq!((read.start, read.end, read.offset, read.inode), (start, end, offset, inode));
        }
    }
}
