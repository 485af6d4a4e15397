//! `/proc/filesystems` (fs/filesystems.c, filesystems_proc_show): `nodev<TAB>name`, or `<TAB>name` of one that needs a device.

use super::lines;

/// Types that are backed by a device. ZFS manages its devices by itself and is marked nodev all the same.
pub(in crate::system) fn device_backed(text: &[u8]) -> Vec<Box<[u8]>> {
    lines(text).filter_map(device_backed_type).map(Box::from).collect()
}

fn device_backed_type(line: &[u8]) -> Option<&[u8]> {
    let name = match line.strip_prefix(b"nodev") {
        None => line.trim_ascii(),
        Some(rest) => rest.strip_prefix(b"\t").map(<[u8]>::trim_ascii).filter(|name| *name == b"zfs")?,
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(text: &str) -> Vec<String> {
        device_backed(text.as_bytes()).iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn types_without_nodev_need_a_device_and_so_does_zfs() {
        let text = "nodev\tsysfs\nnodev\ttmpfs\n\text3\n\text4\nnodev\tzfs\nnodev\tfuse\n\tfuseblk\nnodev\tnfs4\n";
        assert_eq!(types(text), ["ext3", "ext4", "zfs", "fuseblk"]);
    }

    #[test]
    fn torn_and_odd_lines_name_nothing() {
        assert_eq!(types(""), [""; 0]);
        assert_eq!(types("nodev\n\n\t\nnodev"), [""; 0]);
        assert_eq!(types("nodevfs\n"), [""; 0], "no such line is printed");
        assert_eq!(types("\tbtrf"), ["btrf"]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            device_backed(&text);
        }
    }
}
