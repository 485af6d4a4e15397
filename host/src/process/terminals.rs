//! Names of terminals: the device number of a process's terminal, looked up among the files below `/dev`.

use std::{
    collections::HashMap,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
    time::{Duration, Instant},
};

/// A terminal that is not known makes `/dev` be looked at again, but not more often than this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The terminals of a host, found on demand.
#[derive(Debug, Default)]
pub(super) struct Terminals {
    names: HashMap<u64, Vec<u8>>,
    looked: Option<Instant>,
}

impl Terminals {
    /// The path of a terminal by field 7 of stat; `None` if no file has this number (another devpts instance, a serial console
    /// without a node).
    pub(super) fn name(&mut self, dev: &Path, tty_nr: i64) -> Option<Vec<u8>> {
        let device = decode_device(tty_nr)?;
        if !self.names.contains_key(&device) && self.looked.is_none_or(|looked| looked.elapsed() > LOOK_AGAIN) {
            self.looked = Some(Instant::now());
            self.names = look(dev);
        }
        self.names.get(&device).cloned()
    }
}

/// The kernel writes `new_encode_dev` (include/linux/kdev_t.h): minor 0-7, major 8-19, minor 20-31.
fn decode_device(tty_nr: i64) -> Option<u64> {
    // The kernel prints the 32 bits as a signed number.
    let number = u32::try_from(tty_nr & 0xffff_ffff).ok()?;
    let major = (number >> 8) & 0xfff;
    let minor = (number & 0xff) | ((number >> 12) & 0xf_ff00);
    Some(rustix::fs::makedev(major, minor))
}

/// `/dev/tty*` and `/dev/pts/*`, named as below `/dev` wherever that is mounted.
fn look(dev: &Path) -> HashMap<u64, Vec<u8>> {
    let mut names = HashMap::new();
    let mut add = |directory: &Path, prefix: &[u8], keep: fn(&[u8]) -> bool| {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !keep(name.as_bytes()) {
                continue;
            }
            if let Ok(metadata) = fs::metadata(entry.path()) {
                names.insert(metadata.rdev(), [prefix, name.as_bytes()].concat());
            }
        }
    };
    add(dev, b"/dev/", |name| name.starts_with(b"tty") || name == b"console" || name.starts_with(b"hvc"));
    add(&dev.join("pts"), b"/dev/pts/", |name| name != b"ptmx");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_decoded_as_the_kernel_encodes_them() {
        assert_eq!(decode_device(34816), Some(rustix::fs::makedev(136, 0)));
        assert_eq!(decode_device(1025), Some(rustix::fs::makedev(4, 1)));
        // pts/300: minor 300 is 0x12c, its upper part goes to bits 20 and up.
        assert_eq!(decode_device(0x0010_882c), Some(rustix::fs::makedev(136, 300)));
        assert_eq!(decode_device(-1), Some(rustix::fs::makedev(0xfff, 0xf_ffff)));
    }

    #[test]
    fn the_terminals_of_this_machine_are_found() {
        let null = fs::metadata("/dev/tty").map(|metadata| metadata.rdev());
        if let Ok(device) = null {
            assert_eq!(look(Path::new("/dev")).get(&device).map(Vec::as_slice), Some(&b"/dev/tty"[..]));
        }
        assert_eq!(look(Path::new("/nowhere")), HashMap::new());
        assert_eq!(Terminals::default().name(Path::new("/nowhere"), 34816), None);
    }
}
