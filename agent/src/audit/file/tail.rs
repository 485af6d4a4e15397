//! The end of a file: the last record that is whole, and what is behind it.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use procwire_proto::escape;

use crate::audit::chain::{Head, Sealed};

/// Lines are far shorter; a last record further from the end than this is not found.
const LOOKED_AT_BYTES: u64 = 1 << 20;
/// So much of what is taken out stays in the record that says so.
const CITED_BYTES: usize = 512;

/// What the end of a file looks like.
#[derive(Debug, PartialEq)]
pub(super) struct Tail {
    /// The last whole record.
    pub(super) head: Option<Head>,
    /// Bytes of the file.
    pub(super) length: u64,
    /// Those that stay.
    pub(super) keep: u64,
    /// The last line that stays is not ended.
    pub(super) lacks_newline: bool,
    /// Beginning of what goes, escaped.
    half_line: Option<String>,
    /// Lines behind the last whole record that are none.
    strange_lines: usize,
}

/// What has to be said of it.
#[derive(Debug, PartialEq)]
pub(super) struct Remark {
    pub(super) what: String,
    /// The beginning of what was taken out.
    pub(super) lost: String,
}

impl Tail {
    pub(super) fn examine(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let from = length.saturating_sub(LOOKED_AT_BYTES);
        let mut bytes = vec![0; usize::try_from(length.saturating_sub(from)).unwrap_or(0)];
        file.read_exact_at(&mut bytes, from)?;
        Ok(Self::of(&bytes, length))
    }

    /// `bytes` are the last ones of a file of this length.
    fn of(bytes: &[u8], length: u64) -> Self {
        let last_newline = bytes.iter().rposition(|byte| *byte == b'\n');
        let (lines, rest) =
            bytes.split_at_checked(last_newline.map_or(0, |at| at.saturating_add(1))).unwrap_or((bytes, b""));
        let last = Sealed::read(rest).ok();
        let is_half = last.is_none() && is_half_a_record(rest);
        let gone = if is_half { u64::try_from(rest.len()).unwrap_or(0) } else { 0 };
        let mut strange_lines = usize::from(!rest.is_empty() && !is_half && last.is_none());
        let mut head = last.map(|sealed| sealed.head);
        if head.is_none() {
            let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
            for line in lines.rsplit(|byte| *byte == b'\n').filter(|_| !lines.is_empty()) {
                if let Ok(sealed) = Sealed::read(line) {
                    head = Some(sealed.head);
                    break;
                }
                strange_lines = strange_lines.saturating_add(1);
            }
        }
        Self {
            head,
            length,
            keep: length.saturating_sub(gone),
            lacks_newline: !rest.is_empty() && !is_half,
            half_line: is_half.then(|| cited(rest)),
            strange_lines,
        }
    }

    /// What a crash left half does not stay. Cutting a file needs no room on a disk.
    pub(super) fn take_out_half_line(&self, file: &File) -> io::Result<()> {
        if self.keep < self.length {
            file.set_len(self.keep)?;
            file.sync_data()?;
        }
        Ok(())
    }

    /// `head` is where the chain goes on.
    pub(super) fn remark(&self, head: Head) -> Option<Remark> {
        let Self { length, keep, half_line, strange_lines, .. } = self;
        let what = match (half_line, strange_lines) {
            (Some(_), 0) => format!(
                "took out half a record of {} bytes behind record {}",
                length.saturating_sub(*keep),
                head.sequence
            ),
            (Some(_), lines) => format!(
                "took out half a record of {} bytes; {lines} lines behind record {} are no records",
                length.saturating_sub(*keep),
                head.sequence
            ),
            (None, 0) => return None,
            (None, lines) => format!("{lines} lines behind record {} are no records", head.sequence),
        };
        Some(Remark { what, lost: half_line.clone().unwrap_or_default() })
    }
}

/// As a crash leaves it: the beginning of a line of ours, or zeros where the disk had got the length of a file and not its content.
fn is_half_a_record(rest: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"seq\":";
    let common = rest.len().min(BEGINNING.len());
    !rest.is_empty() && (rest.get(..common) == BEGINNING.get(..common) || rest.starts_with(b"\0"))
}

fn cited(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at.saturating_add(1));
    escape::terminal(bytes.get(..end.min(CITED_BYTES)).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests;
