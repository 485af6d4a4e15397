//! Files of many records, such as smaps and maps: read to their end in a small buffer, and handed out line by line.

use std::os::fd::AsFd;

use rustix::io::Errno;

/// The kernel hands out whole records, as many as fit into a page (fs/seq_file.c: seq_read_iter): more room is of no use.
const BUFFER_BYTES: usize = 16 * 1024;

/// A line that is longer is cut. A path may be longer than `PATH_MAX` where directories are nested deep enough, and how deep is the
/// choice of the process that is read.
const LONGEST_LINE_BYTES: usize = 256 * 1024;

/// Reads an open file on from where it stands to its end, and hands out its lines without their newlines. The file may be of any size:
/// no more than a line of it is held. It ends with an empty read and not before (fs/seq_file.c).
pub(crate) fn each_line(file: impl AsFd, mut visit: impl FnMut(&[u8])) -> Result<(), Errno> {
    let mut buffer = vec![0; BUFFER_BYTES];
    // What is held of a line that has not ended yet.
    let mut held = 0;
    let mut skips_to_newline = false;
    loop {
        let count = match rustix::io::read(&file, buffer.get_mut(held..).unwrap_or_default()) {
            Err(Errno::INTR) => continue,
            result => result?,
        };
        if count == 0 {
            break;
        }
        let filled = held + count;
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if !std::mem::take(&mut skips_to_newline) {
                visit(rest.get(..end).unwrap_or_default());
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        held = rest.len();
        buffer.copy_within(filled - held..filled, 0);
        if held == buffer.len() && held < LONGEST_LINE_BYTES {
            buffer.resize(held * 2, 0);
        } else if held == buffer.len() {
            if !std::mem::replace(&mut skips_to_newline, true) {
                visit(&buffer);
            }
            held = 0;
        }
    }
    if held > 0 && !skips_to_newline {
        visit(buffer.get(..held).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines_of(content: &[u8]) -> Vec<Vec<u8>> {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut lines = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(content).unwrap());
            each_line(&reader, |line| lines.push(line.to_vec())).unwrap();
        });
        lines
    }

    #[test]
    fn lines_come_out_whole_whatever_the_reads_were() {
        assert_eq!(lines_of(b""), Vec::<Vec<u8>>::new());
        assert_eq!(lines_of(b"one\n\ntwo"), [&b"one"[..], b"", b"two"]);
        let long = vec![b'x'; 3 * BUFFER_BYTES];
        let text = [b"short\n", long.as_slice(), b"\nlast\n"].concat();
        assert_eq!(lines_of(&text), [b"short", long.as_slice(), b"last"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_not() {
        let endless = vec![b'x'; 2 * LONGEST_LINE_BYTES + 7];
        let lines = lines_of(&[endless.as_slice(), b"\nnext\n"].concat());
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST_LINE_BYTES, 4]);
        let lines = lines_of(&endless);
        assert_eq!(lines.len(), 1, "what was skipped is no line of its own");
    }

    #[test]
    fn an_error_in_the_middle_is_an_error() {
        let directory = std::fs::File::open("/proc").unwrap();
        assert_eq!(each_line(&directory, |_| {}), Err(Errno::ISDIR));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(32))]
        #[test]
        fn any_text_comes_out_as_its_lines(lengths in proptest::collection::vec(0..40_000_usize, 0..6)) {
            let lines: Vec<_> = lengths.iter().zip(b'a'..).map(|(length, byte)| vec![byte; *length]).collect();
            let text: Vec<u8> = lines.iter().flat_map(|line| line.iter().chain(b"\n")).copied().collect();
            proptest::prop_assert_eq!(lines_of(&text), lines);
        }
    }
}
