//! The file of the audit trail: whole lines are appended together, and on disk when [`AuditFile::append`] returns.
//!
//! What cannot be written whole is taken back, so that a full disk leaves no half line. What a crash left half is taken out at the next
//! start, with a record that says so.

mod opening;
mod rotation;
mod tail;

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

pub(super) use self::rotation::Rotation;
use self::tail::Tail;
use super::{AuditError, AuditEvent, chain::Head, line::Line};

#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    rotation: Rotation,
    /// `None`: it has to be opened again.
    open: Option<Open>,
    head: Head,
    /// What the trail has to say of itself before the next record.
    remarks: Vec<Line>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Bytes of whole lines, as far as we know.
    length: u64,
    /// The last of them is not ended.
    lacks_newline: bool,
    /// The file ends with something of ours that could not be taken back.
    has_scraps: bool,
}

impl AuditFile {
    /// Opens or makes it, and finds out where its chain goes on. Writes nothing but what mends the end.
    pub(super) fn open(path: &Path, rotation: Rotation) -> Result<Self, AuditError> {
        let file = opening::open(path)?;
        let mut opened = Self { path: path.to_owned(), rotation, open: None, head: Head::NONE, remarks: Vec::new() };
        let tail = Tail::examine(&file).map_err(AuditError::io(path))?;
        let earlier = if tail.head.is_none() { rotation::head_of_earlier_files(path) } else { None };
        opened.head = tail.head.or(earlier).unwrap_or(Head::NONE);
        opened.take_over(file, &tail)?;
        Ok(opened)
    }

    /// Whether it could be opened, without making it or writing to it.
    pub(super) fn check(path: &Path) -> Result<(), AuditError> {
        opening::check(path)
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Writes lines and waits for the disk. On an error none of them is in the file.
    pub(super) fn append(&mut self, objects: &[String]) -> Result<(), AuditError> {
        self.make_sure_it_is_ours()?;
        if self.rotation.is_due(self.length(), objects) {
            self.rotate();
        }
        let is_new = self.length() == 0 || self.head == Head::NONE;
        let mut head = self.head;
        let mut text =
            self.open.as_ref().filter(|open| open.lacks_newline).map_or_else(String::new, |_| "\n".to_owned());
        let beginning = is_new.then(|| self.beginning());
        let remarks = beginning.iter().chain(&self.remarks).map(Line::to_json);
        for object in remarks.collect::<Result<Vec<_>, _>>()?.iter().chain(objects) {
            let (line, next) = head.seal(object);
            text.push_str(&line);
            head = next;
        }
        let path = &self.path;
        let Some(open) = &mut self.open else { return Err(AuditError::Interrupted) };
        open.append(text.as_bytes()).map_err(AuditError::io(path))?;
        self.head = head;
        self.remarks.clear();
        Ok(())
    }

    fn length(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.length)
    }

    /// The first line of a file, so that a file without it has lost its beginning.
    fn beginning(&self) -> Line {
        match self.head {
            Head::NONE => Line::of_agent(AuditEvent::Begin, "", "a new chain"),
            Head { sequence, .. } => {
                Line::of_agent(AuditEvent::Continue, "", &format!("goes on from record {sequence} of an earlier file"))
            }
        }
    }

    /// The name may lead to another file than the one that is open, and the file may have been written to by others.
    fn make_sure_it_is_ours(&mut self) -> Result<(), AuditError> {
        if self.open.as_ref().is_some_and(|open| !open.is_at(&self.path)) {
            // Moved away by log rotation: the trail goes on in a new file of the same name.
            self.open = None;
        }
        let Some(open) = &mut self.open else { return self.open_again() };
        let io = AuditError::io(&self.path);
        open.take_back_scraps().map_err(&io)?;
        let actual = open.file.metadata().map_err(&io)?.len();
        if actual == open.length {
            return Ok(());
        }
        let remark = if actual < open.length {
            format!("somebody cut the file from {} to {actual} bytes", open.length)
        } else {
            format!("somebody else wrote {} bytes", actual.saturating_sub(open.length))
        };
        let tail = Tail::examine(&open.file).map_err(&io)?;
        tail.take_out_half_line(&open.file).map_err(&io)?;
        (open.length, open.lacks_newline) = (tail.keep, tail.lacks_newline);
        self.remarks.push(Line::of_agent(AuditEvent::Mend, "", &remark));
        Ok(())
    }

    fn open_again(&mut self) -> Result<(), AuditError> {
        let file = opening::open(&self.path)?;
        let tail = Tail::examine(&file).map_err(AuditError::io(&self.path))?;
        if let Some(other) = tail.head.filter(|head| *head != self.head) {
            let remark = format!("another file was put here, which ends with record {}", other.sequence);
            self.remarks.push(Line::of_agent(AuditEvent::Mend, "", &remark));
        }
        self.take_over(file, &tail)
    }

    fn take_over(&mut self, file: File, tail: &Tail) -> Result<(), AuditError> {
        tail.take_out_half_line(&file).map_err(AuditError::io(&self.path))?;
        self.remarks
            .extend(tail.remark(self.head).map(|remark| Line::of_agent(AuditEvent::Mend, &remark.lost, &remark.what)));
        self.open = Some(Open { file, length: tail.keep, lacks_newline: tail.lacks_newline, has_scraps: false });
        Ok(())
    }

    /// If it cannot be done, the trail goes on in the file that there is: its size is worth less than a record.
    fn rotate(&mut self) {
        match self.rotation.rotate(&self.path) {
            Ok(()) => {
                self.open = None;
                if let Err(error) = self.open_again() {
                    tracing::error!(%error, "the audit trail was rotated and its new file cannot be opened");
                }
            }
            Err(error) => {
                tracing::error!(path = %self.path.display(), %error, "the audit trail cannot be rotated and goes on in the same file");
                self.rotation.put_off(self.length());
            }
        }
    }
}

impl Open {
    fn append(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.has_scraps = true;
        let written = self.file.write_all(text).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                (self.has_scraps, self.lacks_newline) = (false, false);
                self.length = self.length.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
                Ok(())
            }
            Err(error) => {
                if let Err(error) = self.take_back_scraps() {
                    tracing::error!(%error, "half a line of the audit trail could not be taken back yet");
                }
                Err(error)
            }
        }
    }

    /// Cutting a file needs no room on a disk.
    fn take_back_scraps(&mut self) -> std::io::Result<()> {
        if self.has_scraps {
            self.file.set_len(self.length)?;
            self.has_scraps = false;
        }
        Ok(())
    }

    fn is_at(&self, path: &Path) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (fs::symlink_metadata(path), self.file.metadata()) {
            (Ok(named), Ok(open)) => identity(named) == identity(open),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
