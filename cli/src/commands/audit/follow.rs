//! A file that grows, is moved away by rotation, and goes on under its name.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Read at a time.
const PIECE_BYTES: usize = 64 << 10;
/// A line that is longer is given in pieces.
const LINE_MAX_BYTES: usize = 8 << 20;

/// Reads what was not read yet.
pub(super) struct Follower {
    path: PathBuf,
    file: File,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
}

impl Follower {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: File::open(path)?, rest: Vec::new() })
    }

    /// Gives each line that is whole by now to `take`, of the old file first if there is a new one.
    pub(super) fn each_new_line(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.read_to_the_end(&mut take)?;
        while self.move_on()? {
            self.read_to_the_end(&mut take)?;
        }
        Ok(())
    }

    /// The end of the file, if no newline ends it.
    pub(super) fn unended(&self) -> Option<&[u8]> {
        (!self.rest.is_empty()).then_some(self.rest.as_slice())
    }

    fn read_to_the_end(&mut self, take: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.file.metadata()?.len() < self.file.stream_position()? {
            // Cut, as logrotate does with copytruncate: what is there now is new.
            self.file.rewind()?;
            self.rest.clear();
        }
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = self.file.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.rest.extend_from_slice(piece.get(..count).unwrap_or_default());
            let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
                if self.rest.len() > LINE_MAX_BYTES {
                    take(&std::mem::take(&mut self.rest))?;
                }
                continue;
            };
            let rest = self.rest.split_off(end.saturating_add(1));
            let lines = std::mem::replace(&mut self.rest, rest);
            let lines = lines.strip_suffix(b"\n").unwrap_or(&lines);
            lines.split(|byte| *byte == b'\n').try_for_each(&mut *take)?;
        }
    }

    /// Opens the file that has the name now, if it is another one. What was written to the old one after it was last read, and before it
    /// was moved, is read first.
    fn move_on(&mut self) -> io::Result<bool> {
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let Ok(named) = fs::metadata(&self.path) else { return Ok(false) };
        let own = self.file.metadata()?;
        if identity(&named) == identity(&own) {
            return Ok(false);
        }
        if own.len() > self.file.stream_position()? {
            return Ok(true);
        }
        match File::open(&self.path) {
            Ok(file) => {
                self.file = file;
                self.rest.clear();
                Ok(true)
            }
            // It was moved again; the next look finds the next one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn new_lines(follower: &mut Follower) -> Vec<String> {
        let mut lines = Vec::new();
        follower
            .each_new_line(|line| {
                lines.push(String::from_utf8(line.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
        lines
    }

    #[test]
    fn nothing_is_lost_when_a_file_is_rotated() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("audit");
        let append = |path: &Path, text: &str| {
            let mut file = File::options().append(true).create(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append(&path, "a\nb\nhal");
        let mut follower = Follower::open(&path).unwrap();
        assert_eq!(new_lines(&mut follower), ["a", "b"]);
        assert_eq!(follower.unended(), Some(&b"hal"[..]));
        append(&path, "f\n");
        assert_eq!(new_lines(&mut follower), ["half"]);
        append(&path, "last\n");
        fs::rename(&path, folder.path().join("audit.1")).unwrap();
        append(&path, "new\n");
        assert_eq!(new_lines(&mut follower), ["last", "new"]);
        fs::remove_file(&path).unwrap();
        assert_eq!(new_lines(&mut follower), [""; 0]);
        append(&path, "newer\n");
        assert_eq!(new_lines(&mut follower), ["newer"]);
        File::options().write(true).truncate(true).open(&path).unwrap();
        append(&path, "x\n");
        assert_eq!(new_lines(&mut follower), ["x"]);
    }
}
