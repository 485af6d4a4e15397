//! The name of the device behind `/dev/root`, which is what the kernel calls the root that it mounted itself.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, path::PathBuf};

use crate::{Roots, procfs::Numbers};

pub(super) struct RootDevices {
    proc: PathBuf,
    sys: PathBuf,
    dev: PathBuf,
}

impl RootDevices {
    pub(super) fn new(roots: &Roots) -> Self {
        Self { proc: roots.proc.clone(), sys: roots.sys.clone(), dev: roots.dev.clone() }
    }

    /// The source of a mount on this device: what it says, unless it is one of the kernel's names for the root and another is known.
    /// psutil looks at the same places in the same order, and also accepts a name only if there is such a device.
    pub(super) fn resolve(&self, source: Vec<u8>, major: u32, minor: u32) -> Vec<u8> {
        if source != b"/dev/root" && source != b"rootfs" {
            return source;
        }
        let places = [Self::by_partitions, Self::by_uevent, Self::by_class];
        let names = places.iter().filter_map(|look| look(self, major, minor));
        let mut devices = names.filter(|name| self.dev.join(OsStr::from_bytes(name)).exists());
        devices.next().map_or(source, |name| [b"/dev/", name.as_slice()].concat())
    }

    /// `/proc/partitions`: major, minor, blocks, name.
    fn by_partitions(&self, major: u32, minor: u32) -> Option<Vec<u8>> {
        let text = fs::read(self.proc.join("partitions")).ok()?;
        lines(&text).find_map(|line| {
            let mut words = Numbers::new(line);
            let device = (words.unsigned()?, words.unsigned()?);
            let name = words.skip(1).token()?;
            (device == (major.into(), minor.into())).then(|| name.to_vec())
        })
    }

    fn by_uevent(&self, major: u32, minor: u32) -> Option<Vec<u8>> {
        let text = fs::read(self.sys.join(format!("dev/block/{major}:{minor}/uevent"))).ok()?;
        lines(&text).find_map(|line| line.strip_prefix(b"DEVNAME=")).map(<[u8]>::to_vec)
    }

    fn by_class(&self, major: u32, minor: u32) -> Option<Vec<u8>> {
        let device = format!("{major}:{minor}");
        let folders = fs::read_dir(self.sys.join("class/block")).ok()?.flatten();
        let is_it = |folder: &fs::DirEntry| {
            fs::read(folder.path().join("dev")).is_ok_and(|text| text.trim_ascii() == device.as_bytes())
        };
        folders.into_iter().find(is_it).map(|folder| folder.file_name().as_bytes().to_vec())
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    struct Tree {
        folder: tempfile::TempDir,
        devices: RootDevices,
    }

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = |name: &str| folder.path().join(name);
            let roots = Roots { proc: root("proc"), sys: root("sys"), dev: root("dev"), ..Roots::default() };
            let tree = Self { devices: RootDevices::new(&roots), folder };
            files.iter().for_each(|(path, text)| tree.set(path, text));
            tree
        }

        fn set(&self, path: &str, text: &str) {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn resolve(&self, source: &str) -> String {
            String::from_utf8(self.devices.resolve(source.into(), 8, 1)).unwrap()
        }
    }

    const PARTITIONS: &str = "major minor  #blocks  name\n\n   8        0   100 sda\n   8        1   99 sda1\n";

    #[test]
    fn each_place_is_looked_at_in_turn() {
        let places = [
            ("proc/partitions", PARTITIONS),
            ("sys/dev/block/8:1/uevent", "MAJOR=8\nMINOR=1\nDEVNAME=sda1\nDEVTYPE=partition\n"),
            ("sys/class/block/sda1/dev", "8:1\n"),
        ];
        for place in places {
            let tree = Tree::new(&[place, ("dev/sda1", "")]);
            assert_eq!(tree.resolve("/dev/root"), "/dev/sda1", "{place:?}");
            assert_eq!(tree.resolve("rootfs"), "/dev/sda1", "{place:?}");
            assert_eq!(tree.resolve("/dev/mapper/root"), "/dev/mapper/root");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_no_answer() {
        let tree = Tree::new(&[("proc/partitions", PARTITIONS)]);
        assert_eq!(tree.resolve("/dev/root"), "/dev/root");
        tree.set("sys/class/block/disk/dev", "8:1\n");
        tree.set("dev/disk", "");
        assert_eq!(tree.resolve("/dev/root"), "/dev/disk", "the next place knows better");
        assert_eq!(Tree::new(&[]).resolve("/dev/root"), "/dev/root");
    }
}
