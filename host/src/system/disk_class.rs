//! What kind of block device a name and its folder in sysfs stand for.

use procwire_proto::v1::DiskClass;

/// What the name tells, then what sysfs does. The names that tell end in their number, and partitions of such a device have a
/// `p` and a number of their own behind it (block/partitions/core.c, add_partition), so that none is taken for a whole device.
pub(super) fn classify(name: &[u8], has: impl Fn(&str) -> bool) -> DiskClass {
    if let Some(class) = class_of_name(name) {
        return class;
    }
    if has("partition") {
        DiskClass::Partition
    } else if has("dm") {
        DiskClass::DeviceMapper
    } else if has("md") {
        DiskClass::Raid
    } else if has("device") {
        // Backed by hardware. Layers that we do not know (bcache, zvols) have none and stay unspecified, so that a sum over disks
        // does not count them twice.
        DiskClass::Disk
    } else {
        DiskClass::Unspecified
    }
}

fn class_of_name(name: &[u8]) -> Option<DiskClass> {
    if is_nvme_path(name) {
        return Some(DiskClass::Path);
    }
    Some(match stem_of_numbered(name)? {
        b"loop" => DiskClass::Loop,
        b"ram" | b"zram" => DiskClass::Memory,
        b"dm-" => DiskClass::DeviceMapper,
        b"md" | b"md_d" => DiskClass::Raid,
        b"sr" | b"scd" => DiskClass::Optical,
        b"nbd" | b"rbd" | b"drbd" => DiskClass::Network,
        _ => return None,
    })
}

/// `loop` of `loop7`; nothing without a number.
fn stem_of_numbered(name: &[u8]) -> Option<&[u8]> {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { None } else { name.get(..name.len() - digits) }
}

/// `nvme0c1n2`: the path through controller 1 to namespace 2 of subsystem 0 (drivers/nvme/host/multipath.c).
fn is_nvme_path(name: &[u8]) -> bool {
    let path = stem_of_numbered(name)
        .and_then(|rest| stem_of_numbered(rest.strip_suffix(b"n")?))
        .and_then(|rest| stem_of_numbered(rest.strip_suffix(b"c")?));
    path == Some(b"nvme")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str, entries: &[&str]) -> DiskClass {
        classify(name.as_bytes(), |entry| entries.contains(&entry))
    }

    #[test]
    fn classes_come_from_names_and_sysfs() {
        let expected = [
            ("nvme0n1", &["device"][..], DiskClass::Disk),
            ("nvme0n1p1", &["partition"], DiskClass::Partition),
            ("nvme0c1n1", &["device"], DiskClass::Path),
            ("sda", &["device"], DiskClass::Disk),
            ("sda1", &["partition"], DiskClass::Partition),
            ("mmcblk0", &["device"], DiskClass::Disk),
            ("cciss/c0d0", &["device"], DiskClass::Disk),
            ("dm-0", &["dm"], DiskClass::DeviceMapper),
            ("md127", &["md"], DiskClass::Raid),
            ("md_d0", &["md"], DiskClass::Raid),
            ("md_home", &["md"], DiskClass::Raid),
            ("md127p1", &["partition"], DiskClass::Partition),
            ("loop0", &[], DiskClass::Loop),
            ("loop0p1", &["partition"], DiskClass::Partition),
            ("zram0", &[], DiskClass::Memory),
            ("ram15", &[], DiskClass::Memory),
            ("sr0", &["device"], DiskClass::Optical),
            ("nbd3", &[], DiskClass::Network),
            ("rbd0", &["device"], DiskClass::Network),
            ("drbd1", &[], DiskClass::Network),
            ("bcache0", &[], DiskClass::Unspecified),
            ("zd0", &[], DiskClass::Unspecified),
        ];
        for (name, entries, expected) in expected {
            assert_eq!(class(name, entries), expected, "{name}");
        }
    }

    #[test]
    fn without_sysfs_only_telling_names_have_a_class() {
        assert_eq!(class("dm-3", &[]), DiskClass::DeviceMapper);
        for name in ["sda", "nvme0n1", "nvme0n1p1", "loop0p1", "loop", "nvmec1n1", "nvme0cn1", "1", ""] {
            assert_eq!(class(name, &[]), DiskClass::Unspecified, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_survived(name: Vec<u8>) {
            classify(&name, |_| false);
        }
    }
}
