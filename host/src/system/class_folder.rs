//! A folder of `/sys/class`: which devices it has, looked at for each snapshot and cheaply, so that what is known of them need not be.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::HostError;

/// What is known of devices is asked again after this long even if the devices are the same: attributes come with a processor that
/// comes online (drivers/hwmon/coretemp.c), and limits can be written to.
const RENEWAL: Duration = Duration::from_secs(60);

pub(super) struct ClassFolder {
    path: PathBuf,
    entries: Vec<Entry>,
    asked: Option<Instant>,
}

/// A name and where it leads: a name is given again, to another device, when its first bearer has gone.
#[derive(PartialEq, Eq)]
struct Entry {
    name: OsString,
    target: Option<PathBuf>,
}

/// A device of the folder.
pub(super) struct Device<'a> {
    pub(super) name: &'a OsStr,
    pub(super) folder: PathBuf,
}

impl ClassFolder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, entries: Vec::new(), asked: None }
    }

    /// Looks, and says whether what is known of these devices has to be asked anew.
    pub(super) fn look(&mut self, is_device: impl Fn(&[u8]) -> bool) -> Result<bool, HostError> {
        let entries = match self.list(is_device) {
            Ok(entries) => entries,
            Err(error) => {
                self.forget();
                return Err(error);
            }
        };
        let now = Instant::now();
        let is_known = self.asked.is_some_and(|asked| now.duration_since(asked) < RENEWAL);
        if is_known && entries == self.entries {
            return Ok(false);
        }
        (self.entries, self.asked) = (entries, Some(now));
        Ok(true)
    }

    /// Lets the next look say that all is to be asked anew: an attribute has gone.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        self.asked = None;
    }

    /// What the last look saw, by name, numbers at the end of names as numbers.
    pub(super) fn devices(&self) -> impl Iterator<Item = Device<'_>> {
        self.entries.iter().map(|entry| Device { name: &entry.name, folder: self.path.join(&entry.name) })
    }

    fn list(&self, is_device: impl Fn(&[u8]) -> bool) -> Result<Vec<Entry>, HostError> {
        let failed = |operation, error| HostError::io(operation, &self.path, error);
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in fs::read_dir(&self.path).map_err(|error| failed("open", error))? {
            let entry = entry.map_err(|error| failed("list", error))?;
            let name = entry.file_name();
            if is_device(name.as_bytes()) {
                entries.push(Entry { name, target: fs::read_link(entry.path()).ok() });
            }
        }
        entries.sort_by(|one, other| natural_order(&one.name).cmp(&natural_order(&other.name)));
        Ok(entries)
    }
}

/// "hwmon10" comes after "hwmon9".
pub(super) fn natural_order(name: &OsStr) -> (&[u8], Option<u64>, &[u8]) {
    let bytes = name.as_bytes();
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (text, number) = bytes.split_at_checked(bytes.len() - digits).unwrap_or((bytes, b""));
    (text, crate::procfs::number(number), bytes)
}

/// The number of "hwmon7", if the name is the word and a number and no more.
pub(super) fn number_after(word: &[u8], name: &[u8]) -> Option<u32> {
    let digits = name.strip_prefix(word)?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    crate::procfs::number(digits).filter(|_| is_number).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(folder: &ClassFolder) -> Vec<&str> {
        folder.devices().map(|device| device.name.to_str().unwrap()).collect()
    }

    #[test]
    fn devices_are_asked_again_when_they_come_go_or_are_others() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = ClassFolder::new(root.path().join("hwmon"));
        let is_device = |name: &[u8]| number_after(b"hwmon", name).is_some();
        assert!(folder.look(is_device).is_err());
        fs::create_dir(root.path().join("hwmon")).unwrap();
        assert!(folder.look(is_device).unwrap());
        assert!(!folder.look(is_device).unwrap(), "none is known, and none is there");

        let link = |target: &str, name: &str| symlink(target, root.path().join("hwmon").join(name)).unwrap();
        link("one", "hwmon10");
        link("two", "hwmon9");
        link("three", "hwmon_odd");
        assert!(folder.look(is_device).unwrap());
        assert_eq!(names(&folder), ["hwmon9", "hwmon10"]);
        assert!(!folder.look(is_device).unwrap());

        fs::remove_file(root.path().join("hwmon/hwmon9")).unwrap();
        link("another", "hwmon9");
        assert!(folder.look(is_device).unwrap(), "the name is the same, the device is not");
        folder.forget();
        assert!(folder.look(is_device).unwrap());
        fs::remove_dir_all(root.path().join("hwmon")).unwrap();
        assert!(folder.look(is_device).is_err());
        assert_eq!(names(&folder), Vec::<&str>::new());
    }

    #[test]
    fn names_with_a_number_and_nothing_else_are_numbered() {
        assert_eq!(number_after(b"card", b"card0"), Some(0));
        for other in [&b"card"[..], b"card0-HDMI-A-1", b"renderD128", b"card99999999999", b"card+1", b"card 1", b""] {
            assert_eq!(number_after(b"card", other), None, "{other:?}");
        }
    }
}
