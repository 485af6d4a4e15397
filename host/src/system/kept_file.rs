//! A kernel file that is opened once and read again and again from its start: half the cost of opening it each time.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::v1::FieldErrorReason;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::PROC_SUPER_MAGIC,
};

use crate::HostError;

/// No kernel text we read comes near this; a file that does is not what it should be.
const LARGEST_FILE_BYTES: usize = 16 << 20;

/// Room for the file of a middling host, so that one `pread` fetches it.
const FIRST_BUFFER_BYTES: usize = 32 << 10;

/// A buffer for one file at a time, reused for all of them.
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
}

impl ReadBuffer {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; FIRST_BUFFER_BYTES] }
    }

    /// The part from `filled` to `end`, never empty unless the file is larger than any kernel text.
    fn room(&mut self, filled: usize, end: usize) -> &mut [u8] {
        if filled == self.bytes.len() && filled < LARGEST_FILE_BYTES {
            self.bytes.resize(filled * 2, 0);
        }
        let end = end.min(self.bytes.len());
        self.bytes.get_mut(filled..end).unwrap_or_default()
    }
}

pub(super) struct KeptFile {
    path: PathBuf,
    file: Option<File>,
}

impl KeptFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file as it is now. A kept descriptor that fails (lxcfs restarted, module unloaded) is opened anew once.
    pub(super) fn read<'b>(&mut self, buffer: &'b mut ReadBuffer) -> Result<&'b [u8], HostError> {
        self.read_start(buffer, usize::MAX)
    }

    /// The file as it is now, or its first `limit` bytes.
    pub(super) fn read_start<'b>(&mut self, buffer: &'b mut ReadBuffer, limit: usize) -> Result<&'b [u8], HostError> {
        let kept = self.file.take().map(|file| self.read_open(file, buffer, limit));
        let filled = match kept {
            Some(Ok(filled)) => filled,
            Some(Err(_)) | None => {
                let file = File::open(&self.path).map_err(|error| self.failure("open", error))?;
                self.read_open(file, buffer, limit)?
            }
        };
        Ok(buffer.bytes.get(..filled).unwrap_or_default())
    }

    /// The whole of a file that the kernel makes in one piece (`single_open`, sysfs): /proc/stat, meminfo and loadavg are such, lists of
    /// devices are not. A read that does not fill the buffer was the last, which saves the one that says that there is no more.
    pub(super) fn read_value<'b>(&mut self, buffer: &'b mut ReadBuffer) -> Result<&'b [u8], HostError> {
        let kept = self.file.take().map(|file| self.read_value_of(file, buffer));
        let filled = match kept {
            Some(Ok(filled)) => filled,
            Some(Err(_)) | None => {
                let file = File::open(&self.path).map_err(|error| self.failure("open", error))?;
                self.read_value_of(file, buffer)?
            }
        };
        Ok(buffer.bytes.get(..filled).unwrap_or_default())
    }

    fn read_value_of(&mut self, file: File, buffer: &mut ReadBuffer) -> Result<usize, HostError> {
        let mut filled = 0;
        loop {
            let room = buffer.room(filled, usize::MAX);
            if room.is_empty() {
                return Err(self.too_large());
            }
            let length = room.len();
            let count = match file.read_at(room, filled as u64) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure("read", error)),
            };
            filled += count;
            if count < length {
                self.file = Some(file);
                return Ok(filled);
            }
        }
    }

    /// True of a mount table that is open and in which nothing was mounted or unmounted since the last reading: proc_pid_mountinfo(5).
    /// Other filesystems, captured trees among them, announce nothing.
    pub(super) fn is_unchanged_table(&self) -> bool {
        let Some(file) = &self.file else { return false };
        let is_procfs = || rustix::fs::fstatfs(file).is_ok_and(|told| told.f_type == PROC_SUPER_MAGIC);
        let mut watched = [PollFd::new(file, PollFlags::PRI)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut watched, Some(&at_once)).is_ok_and(|ready| ready == 0) && is_procfs()
    }

    /// Gives the descriptor back; the next reading opens the file anew.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Keeps the descriptor only if all went well. A seq_file hands out whole records and less than was asked for, so only an
    /// empty read is the end (Documentation/filesystems/seq_file.rst).
    fn read_open(&mut self, file: File, buffer: &mut ReadBuffer, limit: usize) -> Result<usize, HostError> {
        let mut filled = 0;
        while filled < limit {
            let room = buffer.room(filled, limit);
            if room.is_empty() {
                return Err(self.too_large());
            }
            match file.read_at(room, filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure("read", error)),
            }
        }
        self.file = Some(file);
        Ok(filled)
    }

    fn too_large(&self) -> HostError {
        HostError::InvalidData { path: self.path.clone(), detail: format!("is larger than {LARGEST_FILE_BYTES} bytes") }
    }

    fn failure(&self, operation: &'static str, source: io::Error) -> HostError {
        HostError::Io { operation, path: self.path.clone(), source }
    }
}

/// Why a field is absent whose file could not be read.
pub(super) fn reason_of(error: &HostError) -> FieldErrorReason {
    match error {
        HostError::Io { source, .. } => reason_of_io(source),
        HostError::InvalidData { .. } => FieldErrorReason::InvalidData,
    }
}

pub(super) fn reason_of_io(error: &io::Error) -> FieldErrorReason {
    match error.kind() {
        ErrorKind::PermissionDenied => FieldErrorReason::PermissionDenied,
        // The kernel was built without it, or it is hidden from this container.
        ErrorKind::NotFound | ErrorKind::NotADirectory => FieldErrorReason::Unsupported,
        // It is switched off (kernel/sched/psi.c, `psi_show`).
        _ if error.raw_os_error() == Some(libc::EOPNOTSUPP) => FieldErrorReason::Unsupported,
        ErrorKind::TimedOut => FieldErrorReason::Timeout,
        ErrorKind::InvalidData => FieldErrorReason::InvalidData,
        _ => FieldErrorReason::ReadFailed,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_kept_file_shows_what_is_in_it_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loadavg");
        fs::write(&path, "one").unwrap();
        let (mut file, mut buffer) = (KeptFile::new(path.clone()), ReadBuffer::new());
        assert_eq!(file.read(&mut buffer).unwrap(), b"one");
        fs::write(&path, "longer").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap(), b"longer");
        fs::write(&path, "").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap(), b"");
    }

    #[test]
    fn a_file_larger_than_the_buffer_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat");
        let text: Vec<u8> =
            (0..FIRST_BUFFER_BYTES * 3 + 7).map(|index| b'a' + u8::try_from(index % 26).unwrap()).collect();
        fs::write(&path, &text).unwrap();
        assert_eq!(KeptFile::new(path.clone()).read(&mut ReadBuffer::new()).unwrap(), text);
        assert_eq!(KeptFile::new(path.clone()).read_value(&mut ReadBuffer::new()).unwrap(), text);
        for length in [FIRST_BUFFER_BYTES, FIRST_BUFFER_BYTES * 2] {
            fs::write(&path, text.get(..length).unwrap()).unwrap();
            assert_eq!(KeptFile::new(path.clone()).read_value(&mut ReadBuffer::new()).unwrap().len(), length);
        }
    }

    #[test]
    fn a_read_that_does_not_fill_the_buffer_need_not_be_the_last() {
        // Records of a seq_file come a page at a time, and the mappings of a process need several.
        let path = Path::new("/proc/self/smaps");
        let first_read = File::open(path).unwrap().read_at(&mut vec![0; FIRST_BUFFER_BYTES], 0).unwrap();
        let mut buffer = ReadBuffer::new();
        let whole = KeptFile::new(path.into()).read(&mut buffer).unwrap();
        assert!(first_read < FIRST_BUFFER_BYTES && whole.len() > first_read, "{first_read} of {}", whole.len());
    }

    #[test]
    fn the_start_of_a_file_is_no_more_than_that() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmstat");
        fs::write(&path, "0123456789").unwrap();
        let (mut file, mut buffer) = (KeptFile::new(path), ReadBuffer::new());
        assert_eq!(file.read(&mut buffer).unwrap(), b"0123456789");
        assert_eq!(file.read_start(&mut buffer, 4).unwrap(), b"0123");
        assert_eq!(file.read_start(&mut buffer, 11).unwrap(), b"0123456789");
    }

    #[test]
    fn a_value_is_read_at_once_and_its_descriptor_can_be_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scaling_cur_freq");
        fs::write(&path, "800000\n").unwrap();
        let (mut file, mut buffer) = (KeptFile::new(path.clone()), ReadBuffer::new());
        assert_eq!(file.read_value(&mut buffer).unwrap(), b"800000\n");
        fs::write(&path, "9\n").unwrap();
        assert_eq!(file.read_value(&mut buffer).unwrap(), b"9\n");
        assert!(file.file.is_some());
        file.close();
        assert!(file.file.is_none());
        fs::remove_file(&path).unwrap();
        assert_eq!(reason_of(&file.read_value(&mut buffer).unwrap_err()), FieldErrorReason::Unsupported);
        assert_eq!(
            KeptFile::new(folder.path().into()).read_value(&mut buffer).unwrap_err().to_string().get(..5),
            Some("read ")
        );
    }

    #[test]
    fn only_the_kernels_own_mount_table_announces_changes() {
        let mut buffer = ReadBuffer::new();
        let mut table = KeptFile::new("/proc/self/mountinfo".into());
        assert!(!table.is_unchanged_table(), "it was never read");
        table.read(&mut buffer).unwrap();
        // Whatever is mounted meanwhile is announced once.
        assert!((0..100).any(|_| table.is_unchanged_table()));
        let copy = tempfile::NamedTempFile::new().unwrap();
        let mut copied = KeptFile::new(copy.path().into());
        copied.read(&mut buffer).unwrap();
        assert!(!copied.is_unchanged_table());
    }

    #[test]
    fn what_is_switched_off_is_unsupported() {
        let reason = |errno| reason_of_io(&io::Error::from_raw_os_error(errno));
        assert_eq!(reason(libc::EOPNOTSUPP), FieldErrorReason::Unsupported);
        assert_eq!(reason(libc::EACCES), FieldErrorReason::PermissionDenied);
        assert_eq!(reason(libc::EIO), FieldErrorReason::ReadFailed);
    }

    #[test]
    fn an_endless_file_is_refused() {
        let error = KeptFile::new("/dev/zero".into()).read_value(&mut ReadBuffer::new()).unwrap_err();
        assert!(matches!(error, HostError::InvalidData { .. }), "{error}");
        let error = KeptFile::new("/dev/zero".into()).read(&mut ReadBuffer::new()).unwrap_err();
        assert!(matches!(error, HostError::InvalidData { .. }), "{error}");
    }

    #[test]
    fn a_file_that_appears_later_is_found_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meminfo");
        let (mut file, mut buffer) = (KeptFile::new(path.clone()), ReadBuffer::new());
        let error = file.read(&mut buffer).unwrap_err();
        assert_eq!(reason_of(&error), FieldErrorReason::Unsupported);
        assert!(error.to_string().contains("meminfo"), "{error}");
        fs::write(&path, "here").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap(), b"here");
    }

    #[test]
    fn a_descriptor_that_fails_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat");
        fs::write(&path, "text").unwrap();
        // Reading a directory answers EISDIR: a kept descriptor gone bad.
        let mut file = KeptFile { path, file: Some(File::open(folder.path()).unwrap()) };
        assert_eq!(file.read(&mut ReadBuffer::new()).unwrap(), b"text");
    }
}
