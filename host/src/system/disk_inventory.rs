//! What sysfs knows about block devices: class and size. Asked once for each set of devices, not for each snapshot.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use procwire_proto::v1::{Disk, DiskClass, FieldErrorReason};

use super::{
    disk_class::classify,
    kept_file::{KeptFile, ReadBuffer, reason_of_io},
};
use crate::{
    Roots,
    procfs::{Numbers, number},
};

/// Sizes in sysfs are in sectors of 512 bytes, whatever the device's own are (Documentation/ABI/stable/sysfs-block).
const SECTOR_BYTES: u64 = 512;

pub(super) struct DiskInventory {
    class_block: PathBuf,
    /// Changes whenever a device comes, goes or is resized, so its text tells whether the devices are still what they were.
    partitions: KeptFile,
    partitions_seen: Vec<u8>,
    devices: Vec<Device>,
    unsized_device: Option<Unsized>,
}

struct Device {
    name: Vec<u8>,
    major: u32,
    minor: u32,
    class: DiskClass,
    size_bytes: Option<u64>,
}

/// The first device whose size could not be read.
#[derive(Clone, Debug)]
pub(super) struct Unsized {
    pub(super) reason: FieldErrorReason,
    pub(super) detail: String,
}

impl DiskInventory {
    pub(super) fn new(roots: &Roots) -> Self {
        Self {
            class_block: roots.sys.join("class/block"),
            partitions: KeptFile::new(roots.proc.join("partitions")),
            partitions_seen: Vec::new(),
            devices: Vec::new(),
            unsized_device: None,
        }
    }

    /// Devices seen last.
    pub(super) fn len(&self) -> usize {
        self.devices.len()
    }

    /// Fills in class and size.
    pub(super) fn describe(&mut self, disks: &mut [Disk], buffer: &mut ReadBuffer) -> Result<(), &Unsized> {
        if !self.is_current(disks, buffer) {
            self.look_again(disks);
        }
        for (disk, device) in disks.iter_mut().zip(&self.devices) {
            disk.set_disk_class(device.class);
            disk.size_bytes = device.size_bytes;
        }
        self.unsized_device.as_ref().map_or(Ok(()), Err)
    }

    fn is_current(&mut self, disks: &[Disk], buffer: &mut ReadBuffer) -> bool {
        // Without that file nothing would tell of a resize.
        let Ok(partitions) = self.partitions.read(buffer) else { return false };
        if partitions != self.partitions_seen {
            partitions.clone_into(&mut self.partitions_seen);
            return false;
        }
        self.unsized_device.is_none()
            && self.devices.len() == disks.len()
            && self.devices.iter().zip(disks).all(|(device, disk)| device.is(disk))
    }

    fn look_again(&mut self, disks: &[Disk]) {
        self.devices.clear();
        self.unsized_device = None;
        for disk in disks {
            let folder = self.class_block.join(folder_name(&disk.name));
            let class = classify(&disk.name, |entry| folder.join(entry).exists());
            let size_bytes = if is_empty_by_table(class, disk, &self.partitions_seen) {
                Some(0)
            } else {
                let size_bytes = read_size_bytes(&folder).map_err(|error| {
                    let detail = format!("read {}: {error}", folder.join("size").display());
                    self.unsized_device.get_or_insert(Unsized { reason: reason_of_io(&error), detail });
                });
                size_bytes.ok()
            };
            self.devices.push(Device {
                name: disk.name.clone(),
                major: disk.major,
                minor: disk.minor,
                class,
                size_bytes,
            });
        }
    }
}

/// Most hosts have loop devices that nobody uses. /proc/partitions leaves out those without a size (block/genhd.c, show_partition), and
/// of this class no others; of memory devices it left out all before Linux 5.17 (GENHD_FL_SUPPRESS_PARTITION_INFO).
fn is_empty_by_table(class: DiskClass, disk: &Disk, partitions: &[u8]) -> bool {
    let is_listed = || {
        partitions.split(|byte| *byte == b'\n').any(|line| {
            let mut words = Numbers::new(line);
            words.unsigned() == Some(disk.major.into()) && words.unsigned() == Some(disk.minor.into())
        })
    };
    class == DiskClass::Loop && !partitions.is_empty() && !is_listed()
}

impl Device {
    fn is(&self, disk: &Disk) -> bool {
        self.name == disk.name && self.major == disk.major && self.minor == disk.minor
    }
}

/// Slashes in the names of old array controllers (`cciss/c0d0`) are `!` in sysfs (lib/kobject.c); names of folders stay in place.
fn folder_name(name: &[u8]) -> PathBuf {
    let bytes: Vec<u8> = name.iter().map(|byte| if *byte == b'/' { b'!' } else { *byte }).collect();
    if matches!(bytes.as_slice(), b"." | b"..") { PathBuf::from("!") } else { PathBuf::from(OsStr::from_bytes(&bytes)) }
}

fn read_size_bytes(folder: &Path) -> io::Result<u64> {
    let mut text = [0; 32];
    let length = File::open(folder.join("size"))?.read(&mut text)?;
    let text = text.get(..length).unwrap_or_default();
    number(text).and_then(|sectors| sectors.checked_mul(SECTOR_BYTES)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{:?} is no size", String::from_utf8_lossy(text)))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs;

    use super::*;

    /// A host with a folder of sysfs for each device that is set.
    struct Tree {
        folder: tempfile::TempDir,
        inventory: DiskInventory,
        buffer: ReadBuffer,
    }

    impl Tree {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = |name: &str| folder.path().join(name);
            let roots = Roots { proc: root("proc"), sys: root("sys"), ..Roots::default() };
            fs::create_dir_all(&roots.proc).unwrap();
            Self { inventory: DiskInventory::new(&roots), buffer: ReadBuffer::new(), folder }
        }

        fn set(&self, name: &str, sectors: &str, entries: &[&str]) {
            let device = self.folder.path().join("sys/class/block").join(name);
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("size"), format!("{sectors}\n")).unwrap();
            for entry in entries {
                fs::create_dir_all(device.join(entry)).unwrap();
            }
        }

        fn set_partitions(&self, text: &str) {
            fs::write(self.folder.path().join("proc/partitions"), text).unwrap();
        }

        fn describe(&mut self, names: &[&str]) -> (Vec<(DiskClass, Option<u64>)>, Option<Unsized>) {
            let mut disks: Vec<_> =
                names.iter().map(|name| Disk { name: name.as_bytes().to_vec(), ..Disk::default() }).collect();
            let unsized_disk = self.inventory.describe(&mut disks, &mut self.buffer).err().cloned();
            (disks.iter().map(|disk| (disk.disk_class(), disk.size_bytes)).collect(), unsized_disk)
        }
    }

    #[test]
    fn slashes_in_names_are_exclamation_marks_in_sysfs() {
        let mut tree = Tree::new();
        tree.set("cciss!c0d0", "8", &["device"]);
        assert_eq!(tree.describe(&["cciss/c0d0"]).0, [(DiskClass::Disk, Some(4096))]);
    }

    #[test]
    fn without_sysfs_sizes_are_absent_and_the_first_says_why() {
        let (found, unsized_disk) = Tree::new().describe(&["loop0", "sda", ".."]);
        assert_eq!(found, [(DiskClass::Loop, None), (DiskClass::Unspecified, None), (DiskClass::Unspecified, None)]);
        let unsized_disk = unsized_disk.unwrap();
        assert_eq!(unsized_disk.reason, FieldErrorReason::Unsupported);
        assert!(unsized_disk.detail.contains("class/block/loop0/size"), "{unsized_disk:?}");
    }

    #[test]
    fn sysfs_is_asked_again_when_a_device_comes_goes_or_is_resized() {
        let mut tree = Tree::new();
        tree.set("vda", "8", &["device"]);
        tree.set_partitions("254 0 4 vda\n");
        assert_eq!(tree.describe(&["vda"]).0, [(DiskClass::Disk, Some(4096))]);

        tree.set("vda", "16", &["device"]);
        assert_eq!(
            tree.describe(&["vda"]).0,
            [(DiskClass::Disk, Some(4096))],
            "nothing tells of a change: sysfs is not asked"
        );

        tree.set_partitions("254 0 8 vda\n");
        assert_eq!(tree.describe(&["vda"]).0, [(DiskClass::Disk, Some(8192))], "resized");

        tree.set("loop0", "0", &[]);
        assert_eq!(
            tree.describe(&["loop0", "vda"]).0,
            [(DiskClass::Loop, Some(0)), (DiskClass::Disk, Some(8192))],
            "an empty device has no line in partitions"
        );
        assert_eq!(tree.describe(&["vda"]).0, [(DiskClass::Disk, Some(8192))], "gone");
    }

    #[test]
    fn loop_devices_without_a_line_in_partitions_are_empty() {
        let mut tree = Tree::new();
        for name in ["loop0", "loop7", "zram0", "sr0"] {
            tree.set(name, "8", &[]);
        }
        tree.set_partitions("major minor  #blocks  name\n\n   0        0          4 other\n");
        let sizes = |tree: &mut Tree, names: &[&str]| -> Vec<_> {
            tree.describe(names).0.into_iter().map(|(_, size_bytes)| size_bytes).collect()
        };
        // All have the number 0:0 here, which is listed.
        assert_eq!(sizes(&mut tree, &["loop0", "zram0", "sr0"]), [Some(4096); 3]);
        tree.set_partitions("major minor  #blocks  name\n\n   7        7          4 loop7\n");
        assert_eq!(sizes(&mut tree, &["loop0", "zram0", "sr0"]), [Some(0), Some(4096), Some(4096)]);
        tree.set_partitions("");
        assert_eq!(sizes(&mut tree, &["loop0"]), [Some(4096)], "a table without its head says nothing");
    }

    #[test]
    fn a_size_that_could_not_be_read_is_tried_again() {
        let mut tree = Tree::new();
        tree.set_partitions("");
        tree.set("vda", "junk", &["device"]);
        let (found, unsized_disk) = tree.describe(&["vda"]);
        assert_eq!(found, [(DiskClass::Disk, None)]);
        assert_eq!(unsized_disk.unwrap().reason, FieldErrorReason::InvalidData);
        tree.set("vda", "8", &["device"]);
        let (found, unsized_disk) = tree.describe(&["vda"]);
        assert_eq!(found, [(DiskClass::Disk, Some(4096))]);
        assert!(unsized_disk.is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_name_stays_in_its_folder(name: Vec<u8>) {
            let folder = folder_name(&name);
            proptest::prop_assert!(folder.components().all(|part| matches!(part, std::path::Component::Normal(_))));
        }
    }
}
