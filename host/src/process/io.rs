//! `/proc/PID/io` (fs/proc/base.c: do_io_accounting; Documentation/filesystems/proc.rst, "3.3").

use procwire_proto::v1::ProcessIo;

use crate::procfs::number;

/// Parses the file; lines that are missing leave their field unset.
pub(super) fn parse(text: &[u8]) -> ProcessIo {
    let mut io = ProcessIo::default();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (key, rest) = line.split_at(colon);
        let value = rest.get(1..).and_then(number);
        match key {
            b"rchar" => io.read_call_bytes = value,
            b"wchar" => io.write_call_bytes = value,
            b"syscr" => io.read_calls = value,
            b"syscw" => io.write_calls = value,
            b"read_bytes" => io.read_bytes = value,
            b"write_bytes" => io.write_bytes = value,
            b"cancelled_write_bytes" => io.cancelled_write_bytes = value,
            _ => {}
        }
    }
    io
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_file_is_read_line_by_line() {
        let text = b"rchar: 1948\nwchar: 2\nsyscr: 7\nsyscw: 3\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 512\n";
        let io = parse(text);
        assert_eq!((io.read_calls, io.write_calls), (Some(7), Some(3)));
        assert_eq!((io.read_bytes, io.write_bytes, io.cancelled_write_bytes), (Some(4096), Some(8192), Some(512)));
        assert_eq!((io.read_call_bytes, io.write_call_bytes), (Some(1948), Some(2)));
    }

    #[test]
    fn blank_and_torn_lines_are_passed_over() {
        let io = parse(b"\n\nrchar: 1\nsyscr\nsyscw: x\nwrite_bytes: 99999999999999999999\nwch");
        assert_eq!(io, ProcessIo { read_call_bytes: Some(1), ..ProcessIo::default() });
    }
}
