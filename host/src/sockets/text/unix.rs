//! `unix` (net/unix/af_unix.c: unix_seq_show).

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
/// are no socket.
pub(super) fn parse(text: &[u8], rows: &mut Vec<Row>) {
    let first = rows.len();
    for line in lines_with_blank(text) {
        if let Some(row) = parse_line(line) {
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
    let mut columns = Numbers::new(line);
    let number = columns.token()?.strip_suffix(b":")?;
    hexadecimal(number)?;
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
            0: 00000002 00000000 00000000 0002 01     7\n",
        );
        let told: Vec<_> = rows.iter().map(|row| (row.inode, row.kind, row.state)).collect();
        assert_eq!(told, [(462_170, 1, ESTABLISHED), (31_337, 5, LISTEN), (7, 2, 0)]);
        assert_eq!(rows[0].ends, Ends::Unix { name: Some(b"\0/tmp/dbus-X".as_slice().into()), peer: 0 });
        assert_eq!(rows[2].ends, Ends::Unix { name: None, peer: 0 });
    }

    #[test]
    fn a_path_keeps_its_blanks_and_newlines() {
        let line = |path: &str| format!("0: 00000002 00000000 00010000 0001 01 5 {path}\n");
        for path in ["/tmp/a b", "/tmp/ two  blanks ", "/tmp/line\nbreak", "/tmp/end\n\n", " lead"] {
            let text = [line(path), line("/next")].concat();
            assert_eq!(names(text.as_bytes()), [Some(path.as_bytes().to_vec()), Some(b"/next".to_vec())], "{path:?}");
        }
    }

    #[test]
    fn lines_that_are_no_sockets_are_skipped() {
        assert!(rows(b"").is_empty());
        assert!(rows(b"\n").is_empty());
        assert!(rows(b"00000000000000000000000000000000000000000000000000000000000\n").is_empty());
        assert!(rows(b"0: 00000002 00000000 00010000 0001 01\n").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(text: Vec<u8>) {
            rows(&text);
        }
    }
}
