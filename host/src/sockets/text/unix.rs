//! `unix` (net/unix/af_unix.c: unix_seq_show).

use std::collections::HashSet;

use super::{hexadecimal, lines, narrow};
use crate::{
    procfs::Numbers,
    sockets::row::{ESTABLISHED, Ends, LISTEN, Row},
};

/// `__SO_ACCEPTCON`: it listens.
const LISTENS: u64 = 1 << 16;
/// `SS_CONNECTED`, `SS_DISCONNECTING` as the kernel writes them for what is connected.
const CONNECTED: u64 = 3;

/// `Num: RefCount Protocol Flags Type St Inode Path`. A path may hold any byte; one that holds a newline goes on in the lines that
/// are no socket, and what it says there may look like one: a second row of an inode is none.
pub(super) fn parse(text: &[u8], rows: &mut Vec<Row>) {
    let first = rows.len();
    let mut known = HashSet::new();
    for line in lines_with_blank(text) {
        // Sockets that nobody has accepted yet have no inode.
        if let Some(row) = parse_line(line).filter(|row| row.inode == 0 || known.insert(row.inode)) {
            rows.push(row);
        } else if rows.len() > first
            && let Some(Row { ends: Ends::Unix { name: Some(name), .. }, .. }) = rows.last_mut()
        {
            *name = [name.as_ref(), b"\n", line].concat().into();
        }
    }
}

/// All lines but the empty one behind the last newline.
fn lines_with_blank(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let is_empty = lines(text).next().is_none();
    text.split(|byte| *byte == b'\n').skip(usize::from(is_empty))
}

fn parse_line(line: &[u8]) -> Option<Row> {
    if !begins_as_a_row(line) {
        return None;
    }
    let mut columns = Numbers::new(line);
    columns.token()?;
    let mut column = |digits: usize| hexadecimal(columns.token().filter(|token| token.len() == digits)?);
    let (_references, _protocol) = (column(8)?, column(8)?);
    let (flags, kind, connection) = (column(8)?, column(4)?, column(2)?);
    let inode = columns.token()?;
    let length = inode.len();
    let inode_number = crate::procfs::number(inode).filter(|_| inode.iter().all(u8::is_ascii_digit))?;
    // Behind the inode one blank, then the path to the end of the line, blanks and all.
    let start = inode.as_ptr().addr().checked_sub(line.as_ptr().addr())? + length;
    let path = line.get(start + 1..).unwrap_or_default();
    let state = match (flags & LISTENS, connection) {
        (0, CONNECTED) => ESTABLISHED,
        (0, _) => 0,
        _ => LISTEN,
    };
    Some(Row {
        inode: inode_number,
        ends: Ends::Unix { name: name(path), peer: 0 },
        receive_queue: None,
        send_queue: None,
        uid: None,
        interface: 0,
        protocol: None,
        kind: narrow(kind)?,
        state,
        namespace: 0,
    })
}

/// The first column is a pointer at its full width and a colon, without a blank before and with one behind; one more is between the
/// columns up to the inode ("%pK: %08X %08X %08X %04X %02X %5lu").
fn begins_as_a_row(line: &[u8]) -> bool {
    const POINTER_DIGITS: [usize; 2] = [16, 8];
    const WIDTHS: [usize; 5] = [8, 8, 8, 4, 2];
    let Some(colon) = memchr::memchr(b':', line).filter(|colon| POINTER_DIGITS.contains(colon)) else { return false };
    let Some((pointer, mut rest)) = line.split_at_checked(colon) else { return false };
    if hexadecimal(pointer).is_none() {
        return false;
    }
    rest = rest.get(1..).unwrap_or_default();
    WIDTHS.into_iter().all(|width| {
        let column = rest.strip_prefix(b" ").and_then(|rest| rest.split_at_checked(width));
        rest = column.map_or(rest, |(_, rest)| rest);
        column.is_some_and(|(digits, _)| hexadecimal(digits).is_some())
    }) && rest.starts_with(b" ")
}

/// An abstract name has `@` for each NUL; only the first is certain to be one.
fn name(path: &[u8]) -> Option<Box<[u8]>> {
    match path {
        [] => None,
        [b'@', rest @ ..] => Some([b"\0", rest].concat().into()),
        path => Some(path.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<Row> {
        let mut rows = Vec::new();
        parse(text, &mut rows);
        rows
    }

    fn names(text: &[u8]) -> Vec<Option<Vec<u8>>> {
        let name = |row: Row| match row.ends {
            Ends::Unix { name, .. } => name.map(<[u8]>::into_vec),
            _ => unreachable!("only unix sockets are parsed"),
        };
        rows(text).into_iter().map(name).collect()
    }

    #[test]
    fn every_column_is_found() {
        let rows = rows(
            b"0000000000000000: 00000003 00000000 00000000 0001 03 462170 @/tmp/dbus-X\n\
            ffff888103af2200: 00000002 00000000 00010000 0005 01 31337 /run/listen\n\
            00000000ffffffff: 00000002 00000000 00000000 0002 01     7\n",
        );
        let told: Vec<_> = rows.iter().map(|row| (row.inode, row.kind, row.state)).collect();
        assert_eq!(told, [(462_170, 1, ESTABLISHED), (31_337, 5, LISTEN), (7, 2, 0)]);
        assert_eq!(rows[0].ends, Ends::Unix { name: Some(b"\0/tmp/dbus-X".as_slice().into()), peer: 0 });
        assert_eq!(rows[2].ends, Ends::Unix { name: None, peer: 0 });
    }

    #[test]
    fn a_path_keeps_its_blanks_and_newlines() {
        let line =
            |inode: u64, path: &str| format!("0000000000000000: 00000002 00000000 00010000 0001 01 {inode:5} {path}\n");
        for path in ["/tmp/a b", "/tmp/ two  blanks ", "/tmp/line\nbreak", "/tmp/end\n\n", " lead"] {
            let text = [line(5, path), line(6, "/next")].concat();
            assert_eq!(names(text.as_bytes()), [Some(path.as_bytes().to_vec()), Some(b"/next".to_vec())], "{path:?}");
        }
    }

    #[test]
    fn a_path_that_looks_like_rows_makes_none_of_what_is_there_and_none_of_another_form() {
        let row =
            |inode: u64, path: &str| format!("0000000000000000: 00000002 00000000 00010000 0001 01 {inode:5} {path}\n");
        let again = row(31_337, "/forged");
        let evil = format!("/tmp/x\n{}", again.trim_end());
        let text = [row(31_337, "/run/true"), row(7, &evil)].concat();
        let expected = [Some(b"/run/true".to_vec()), Some(evil.into_bytes())];
        assert_eq!(names(text.as_bytes()), expected);

        for odd in [
            "0: 00000002 00000000 00010000 0001 01 31337 /forged",
            " 0000000000000000: 00000002 00000000 00010000 0001 01 31337 /forged",
            "0000000000000000: 00000002  00000000 00010000 0001 01 31337 /forged",
            "0000000000000000: 0000002 00000000 00010000 0001 01 31337 /forged",
            "000000000000000g: 00000002 00000000 00010000 0001 01 31337 /forged",
        ] {
            let path = format!("/tmp/x\n{odd}");
            assert_eq!(names(row(7, &path).as_bytes()), [Some(path.into_bytes())], "{odd:?}");
        }
        let nobodys = [row(0, "/run/listener"), row(0, "/run/listener")].concat();
        assert_eq!(rows(nobodys.as_bytes()).len(), 2);
    }

    #[test]
    fn lines_that_are_no_sockets_are_skipped() {
        assert!(rows(b"").is_empty());
        assert!(rows(b"\n").is_empty());
        assert!(rows(b"00000000000000000000000000000000000000000000000000000000000\n").is_empty());
        assert!(rows(b"0000000000000000: 00000002 00000000 00010000 0001 01\n").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(text: Vec<u8>) {
            rows(&text);
        }
    }
}
