//! An attribute of a device in sysfs: one value in one small file, which stays open (Documentation/filesystems/sysfs.rst: reading from
//! the start renews the value).

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::v1::{FieldError, FieldErrorReason};

use super::kept_file::reason_of_io;

/// sysfs hands out no more than a page, and all of it with one read.
const PAGE_BYTES: usize = 4096;

/// Room for one attribute at a time.
pub(super) struct AttributeText([u8; PAGE_BYTES]);

impl AttributeText {
    pub(super) fn new() -> Self {
        Self([0; PAGE_BYTES])
    }
}

pub(super) struct Attribute {
    path: PathBuf,
    file: Option<File>,
}

impl Attribute {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says now, blanks around it removed. The driver is asked once: sensors that fail take their time.
    pub(super) fn read<'t>(&mut self, text: &'t mut AttributeText) -> io::Result<&'t [u8]> {
        let count = match self.file.take() {
            Some(file) => match self.read_open(file, text) {
                // Its device has gone (fs/kernfs/file.c); there may be a new one at its place.
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => self.open_and_read(text)?,
                other => other?,
            },
            None => self.open_and_read(text)?,
        };
        Ok(text.0.get(..count).unwrap_or_default().trim_ascii())
    }

    /// A number and nothing else.
    pub(super) fn read_number(&mut self, text: &mut AttributeText) -> io::Result<i64> {
        let text = self.read(text)?;
        whole_number(text).ok_or_else(|| {
            let start = text.get(..40).unwrap_or(text).escape_ascii();
            io::Error::new(ErrorKind::InvalidData, format!("\"{start}\" is no number"))
        })
    }

    /// Why a field is absent that would have come from here.
    pub(super) fn failure(&self, field: &str, error: &io::Error) -> FieldError {
        FieldError {
            path: field.to_owned(),
            reason: reason(error).into(),
            detail: format!("read {}: {error}", self.path.display()),
        }
    }

    fn open_and_read(&mut self, text: &mut AttributeText) -> io::Result<usize> {
        let file = File::open(&self.path)?;
        self.read_open(file, text)
    }

    /// Keeps the descriptor whatever the driver says: it is the device that failed.
    fn read_open(&mut self, file: File, text: &mut AttributeText) -> io::Result<usize> {
        let result = loop {
            match file.read_at(&mut text.0, 0) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.file = Some(file);
        result
    }
}

/// The value of an attribute that is read once: a name, a type.
pub(super) fn read_once(path: PathBuf) -> io::Result<Vec<u8>> {
    Attribute::new(path).read(&mut AttributeText::new()).map(<[u8]>::to_vec)
}

/// True if an attribute is not there, as opposed to one that fails.
pub(super) fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

fn reason(error: &io::Error) -> FieldErrorReason {
    match error.kind() {
        // The driver has the file and not the value: EOPNOTSUPP.
        ErrorKind::Unsupported => FieldErrorReason::Unsupported,
        _ => reason_of_io(error),
    }
}

fn whole_number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs;

    use super::*;

    fn number_of(content: &[u8]) -> io::Result<i64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temp1_input");
        fs::write(&path, content).unwrap();
        Attribute::new(path).read_number(&mut AttributeText::new())
    }

    #[test]
    fn numbers_are_whole_or_none() {
        assert_eq!(number_of(b"42000\n").unwrap(), 42_000);
        assert_eq!(number_of(b"-1500").unwrap(), -1_500);
        assert_eq!(number_of(b" 7 \n").unwrap(), 7);
        let odd: [&[u8]; 8] =
            [b"", b"\n", b"N/A\n", b"12 13\n", b"0x10\n", b"1.5\n", b"99999999999999999999\n", b"\xff\0\n"];
        for odd in odd {
            assert_eq!(number_of(odd).unwrap_err().kind(), ErrorKind::InvalidData, "{odd:?}");
        }
        assert_eq!(number_of(&[b'1'; 3 * PAGE_BYTES]).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn what_is_kept_open_shows_what_is_there_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temp1_input");
        let (mut attribute, mut text) = (Attribute::new(path.clone()), AttributeText::new());
        assert!(is_missing(&attribute.read(&mut text).unwrap_err()));
        fs::write(&path, "40000\n").unwrap();
        assert_eq!(attribute.read(&mut text).unwrap(), b"40000");
        fs::write(&path, "9000\n").unwrap();
        assert_eq!(attribute.read(&mut text).unwrap(), b"9000");
    }

    #[test]
    fn a_failure_names_the_file_and_why() {
        let attribute = Attribute::new("/sys/class/hwmon/hwmon0/temp1_input".into());
        let failed = |errno| attribute.failure("current_celsius", &io::Error::from_raw_os_error(errno));
        for errno in [libc::EIO, libc::EAGAIN, libc::EINVAL, libc::ENXIO, libc::ENODATA, libc::ENETDOWN] {
            assert_eq!(failed(errno).reason(), FieldErrorReason::ReadFailed, "{errno}");
        }
        assert_eq!(failed(libc::EOPNOTSUPP).reason(), FieldErrorReason::Unsupported);
        assert_eq!(failed(libc::EACCES).reason(), FieldErrorReason::PermissionDenied);
        assert_eq!(failed(libc::ETIMEDOUT).reason(), FieldErrorReason::Timeout);
        let FieldError { path, detail, .. } = failed(libc::EIO);
        assert_eq!(path, "current_celsius");
        assert!(detail.starts_with("read /sys/class/hwmon/hwmon0/temp1_input: "), "{detail}");
    }
}
