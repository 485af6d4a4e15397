//! The files of a trail, in the order of their records.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::escape;

use crate::error::CliError;

/// A record is far shorter. What is longer is none, and is not kept in memory.
const LINE_MAX_BYTES: usize = 8 << 20;
/// Enough to see the number of the first record.
const BUFFER_BYTES: usize = 64 << 10;
/// How files begin that were compressed: gzip, xz, zstd, bzip2.
const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "zcat"), (b"\xfd7zXZ", "xzcat"), (b"\x28\xb5\x2f\xfd", "zstdcat"), (b"BZh", "bzcat")];

/// One file.
pub(super) struct Part {
    /// As messages name it.
    pub(super) name: String,
    reader: BufReader<File>,
    first: Option<u64>,
}

/// A line, without its newline.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// With a newline behind it.
    Whole(&'a [u8]),
    /// The end of the file comes before a newline.
    Unended(&'a [u8]),
}

/// Opens these, and of folders all that is in them, the oldest records first.
pub(super) fn open(paths: &[PathBuf]) -> Result<Vec<Part>, CliError> {
    let mut parts = Vec::new();
    for path in paths {
        if path.is_dir() {
            parts.extend(open_folder(path)?);
        } else {
            parts.push(Part::open(path)?);
        }
    }
    // Names tell little: audit.log.10 is older than audit.log.9, and audit.log is the newest.
    parts.sort_by_key(|part| part.first.unwrap_or(u64::MAX));
    Ok(parts)
}

/// The trails in a folder; other files are left alone.
fn open_folder(path: &Path) -> Result<Vec<Part>, CliError> {
    let unreadable = |error: io::Error| CliError::Usage(format!("{}: {error}", shown(path)));
    let mut parts = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            parts.push(Part::open(&entry.path())?);
        }
    }
    parts.retain(|part| part.first.is_some());
    if parts.is_empty() {
        return Err(CliError::Usage(format!("{}: no file in this folder begins with an audit record", shown(path))));
    }
    Ok(parts)
}

impl Part {
    fn open(path: &Path) -> Result<Self, CliError> {
        let name = shown(path);
        let unreadable = |error: io::Error| CliError::Usage(format!("{name}: {error}"));
        let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
        let file = File::open(path).map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
        let beginning = reader.fill_buf().map_err(unreadable)?;
        if let Some((_, tool)) = COMPRESSED.iter().find(|(magic, _)| beginning.starts_with(magic)) {
            return Err(CliError::Usage(format!(
                "{name}: is compressed; give its text: {tool} {name} | procwire audit ... -"
            )));
        }
        let first = number(beginning);
        Ok(Self { name, reader, first })
    }

    /// Gives each line to `take`.
    pub(super) fn each_line(&mut self, mut take: impl FnMut(Line<'_>)) -> Result<(), CliError> {
        let unreadable = |error: io::Error| CliError::Usage(format!("{}: {error}", self.name));
        let mut line = Vec::new();
        loop {
            let is_whole = read_line(&mut self.reader, &mut line).map_err(unreadable)?;
            match (is_whole, line.is_empty()) {
                (true, _) => take(Line::Whole(&line)),
                (false, false) => take(Line::Unended(&line)),
                (false, true) => return Ok(()),
            }
            line.clear();
        }
    }
}

impl<'a> Line<'a> {
    /// What it says.
    pub(super) fn text(&self) -> &'a [u8] {
        match self {
            Self::Whole(text) | Self::Unended(text) => text,
        }
    }
}

/// True if a newline ended it. Of a line that is too long only the beginning is kept.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let newline = available.iter().position(|byte| *byte == b'\n');
        let piece = available.get(..newline.unwrap_or(available.len())).unwrap_or_default();
        let room = LINE_MAX_BYTES.saturating_sub(line.len());
        line.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
        let is_end = available.is_empty();
        let used = piece.len().saturating_add(usize::from(newline.is_some()));
        reader.consume(used);
        if newline.is_some() || is_end {
            return Ok(newline.is_some());
        }
    }
}

/// The number of a record, if the text begins with one.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"{\"seq\":")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

fn shown(path: &Path) -> String {
    escape::terminal(path.as_os_str().as_bytes()).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(bool, Vec<u8>)> {
        let mut reader = BufReader::with_capacity(3, text);
        let mut found = Vec::new();
        loop {
            let mut line = Vec::new();
            let is_whole = read_line(&mut reader, &mut line).unwrap();
            if !is_whole && line.is_empty() {
                return found;
            }
            found.push((is_whole, line));
        }
    }

    #[test]
    fn lines_are_ended_or_not() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"abcd\n\nef"), [(true, b"abcd".to_vec()), (true, vec![]), (false, b"ef".to_vec())]);
    }

    #[test]
    fn a_line_that_never_ends_is_not_kept() {
        let mut line = Vec::new();
        assert!(!read_line(&mut BufReader::new(&vec![b'x'; LINE_MAX_BYTES + 100][..]), &mut line).unwrap());
        assert_eq!(line.len(), LINE_MAX_BYTES);
    }

    #[test]
    fn files_come_in_the_order_of_their_records() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("audit.log", "{\"seq\":900,\"prev\":..\n");
        write("audit.log.9", "{\"seq\":57,..\n");
        write("audit.log.10", "{\"seq\":9,..\n");
        write("readme", "hello\n");
        let parts = open(&[folder.path().to_owned()]).unwrap();
        let first: Vec<_> = parts.iter().map(|part| part.first.unwrap()).collect();
        assert_eq!(first, [9, 57, 900]);
    }

    #[test]
    fn what_is_no_trail_is_said_so() {
        let folder = tempfile::TempDir::new().unwrap();
        let error = |path: &Path| open(&[path.to_owned()]).err().unwrap().to_string();
        assert!(error(folder.path()).ends_with("no file in this folder begins with an audit record"));
        assert!(error(&folder.path().join("none")).contains("No such file"));
        let packed = folder.path().join("audit.log.2.gz");
        fs::write(&packed, b"\x1f\x8b\x08rest").unwrap();
        assert!(error(&packed).contains("is compressed; give its text: zcat "));
    }
}
