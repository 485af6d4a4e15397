//! `/proc/diskstats` (Documentation/admin-guide/iostats.rst, Documentation/ABI/testing/procfs-diskstats).

use procwire_proto::v1::Disk;

use super::lines;
use crate::procfs::Numbers;

/// Sectors of these counters have 512 bytes whatever the device's own are.
const SECTOR_BYTES: u64 = 512;

/// Adds a row for each line. A line in none of the known forms is given back by its number, counted from 1.
pub(in crate::system) fn parse(text: &[u8], disks: &mut Vec<Disk>) -> Option<usize> {
    let mut odd = None;
    for (index, line) in lines(text).enumerate() {
        match parse_line(line) {
            Some(disk) => disks.push(disk),
            None => odd = odd.or(Some(index + 1)),
        }
    }
    odd
}

fn parse_line(line: &[u8]) -> Option<Disk> {
    let mut words = Numbers::new(line);
    let device = Device { major: small(&mut words)?, minor: small(&mut words)? };
    match columns(line) {
        7 => Some(old_partition(device, words.token()?, words)),
        // Kernel 2.4 has the reads before the name.
        15 => {
            let reads = words.unsigned();
            Some(today(device, words.token()?, reads, words))
        }
        14 | 18.. => {
            let name = words.token()?;
            let reads = words.unsigned();
            Some(today(device, name, reads, words))
        }
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Device {
    major: u32,
    minor: u32,
}

/// 14 columns since kernel 2.6, 18 with discards since 4.18, 20 with flushes since 5.5; fields are read in the order in which
/// they are written here.
fn today(device: Device, name: &[u8], reads: Option<u64>, mut columns: Numbers<'_>) -> Disk {
    let Device { major, minor } = device;
    Disk {
        name: name.to_vec(),
        major,
        minor,
        reads,
        reads_merged: columns.unsigned(),
        read_bytes: columns.unsigned().and_then(bytes_of_sectors),
        read_time_ns: columns.unsigned().and_then(ns_of_milliseconds),
        writes: columns.unsigned(),
        writes_merged: columns.unsigned(),
        write_bytes: columns.unsigned().and_then(bytes_of_sectors),
        write_time_ns: columns.unsigned().and_then(ns_of_milliseconds),
        in_flight: columns.unsigned(),
        busy_time_ns: columns.unsigned().and_then(ns_of_milliseconds),
        weighted_time_ns: columns.unsigned().and_then(ns_of_milliseconds),
        discards: columns.unsigned(),
        discarded_bytes: columns.skip(1).unsigned().and_then(bytes_of_sectors),
        flushes: columns.skip(1).unsigned(),
        ..Disk::default()
    }
}

/// Partitions of kernels 2.6.0 to 2.6.24: reads, sectors read, writes, sectors written.
fn old_partition(device: Device, name: &[u8], mut columns: Numbers<'_>) -> Disk {
    let Device { major, minor } = device;
    Disk {
        name: name.to_vec(),
        major,
        minor,
        reads: columns.unsigned(),
        read_bytes: columns.unsigned().and_then(bytes_of_sectors),
        writes: columns.unsigned(),
        write_bytes: columns.unsigned().and_then(bytes_of_sectors),
        ..Disk::default()
    }
}

fn columns(line: &[u8]) -> usize {
    let mut words = Numbers::new(line);
    std::iter::from_fn(|| words.token()).count()
}

fn small(words: &mut Numbers<'_>) -> Option<u32> {
    words.unsigned().and_then(|number| u32::try_from(number).ok())
}

fn bytes_of_sectors(sectors: u64) -> Option<u64> {
    sectors.checked_mul(SECTOR_BYTES)
}

fn ns_of_milliseconds(milliseconds: u64) -> Option<u64> {
    milliseconds.checked_mul(1_000_000)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn one(line: &str) -> Disk {
        let mut disks = Vec::new();
        assert_eq!(parse(line.as_bytes(), &mut disks), None, "{line}");
        assert_eq!(disks.len(), 1, "{line}");
        disks.remove(0)
    }

    /// The eleven numbers 1 to 11 in the order of the kernel.
    fn counted(minor: u32) -> Disk {
        Disk {
            name: b"hda".to_vec(),
            major: 3,
            minor,
            reads: Some(1),
            reads_merged: Some(2),
            read_bytes: Some(3 * 512),
            read_time_ns: Some(4 * MS),
            writes: Some(5),
            writes_merged: Some(6),
            write_bytes: Some(7 * 512),
            write_time_ns: Some(8 * MS),
            in_flight: Some(9),
            busy_time_ns: Some(10 * MS),
            weighted_time_ns: Some(11 * MS),
            ..Disk::default()
        }
    }

    #[test]
    fn kernel_2_4_has_fifteen_columns() {
        assert_eq!(one("   3     0   1 hda 2 3 4 5 6 7 8 9 10 11 12").busy_time_ns, Some(10 * MS));
        let disk = one("3 0 1 hda 2 3 4 5 6 7 8 9 10 11 12");
        assert_eq!(Disk { discards: None, ..disk }, counted(0));
    }

    #[test]
    fn kernel_2_6_has_fourteen_columns() {
        assert_eq!(one("   3    0   hda 1 2 3 4 5 6 7 8 9 10 11"), counted(0));
    }

    #[test]
    fn an_old_partition_has_seven_columns() {
        let disk = one("   3    1   hda 1 2 3 4");
        let expected = Disk {
            name: b"hda".to_vec(),
            major: 3,
            minor: 1,
            reads: Some(1),
            read_bytes: Some(2 * 512),
            writes: Some(3),
            write_bytes: Some(4 * 512),
            ..Disk::default()
        };
        assert_eq!(disk, expected);
    }

    #[test]
    fn discards_and_flushes_came_later() {
        let discards = Disk { discards: Some(12), discarded_bytes: Some(14 * 512), ..counted(0) };
        assert_eq!(one("3 0 hda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), discards);
        let flushes = Disk { flushes: Some(16), ..discards };
        assert_eq!(one("3 0 hda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"), flushes);
        assert_eq!(one("3 0 hda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"), flushes, "columns to come");
    }

    #[test]
    fn a_kernel_of_today() {
        let mut disks = Vec::new();
        assert_eq!(parse(include_bytes!("../../../tests/fixtures/system-6.18/proc/diskstats"), &mut disks), None);
        assert_eq!(disks.len(), 10);
        assert_eq!(disks[9].name, b"zram0");
        assert_eq!(
            disks[8],
            Disk {
                name: b"vda".to_vec(),
                major: 254,
                reads: Some(9646),
                reads_merged: Some(5844),
                read_bytes: Some(3_435_418 * 512),
                read_time_ns: Some(7516 * MS),
                writes: Some(2733),
                writes_merged: Some(32_328),
                write_bytes: Some(2_391_872 * 512),
                write_time_ns: Some(5016 * MS),
                in_flight: Some(0),
                busy_time_ns: Some(3460 * MS),
                weighted_time_ns: Some(12_761 * MS),
                discards: Some(3647),
                discarded_bytes: Some(62_112 * 512),
                flushes: Some(44),
                ..Disk::default()
            }
        );
    }

    #[test]
    fn an_odd_line_is_told_and_the_rest_is_kept() {
        let mut disks = Vec::new();
        let odd = parse(b"3 0 hda 1 2 3 4\n3 1 hda1 5\nx\n8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n", &mut disks);
        assert_eq!(odd, Some(2));
        for columns in [3, 6, 8, 13, 16, 17] {
            let line = ["1"; 20][..columns].join(" ");
            assert_eq!(parse(line.as_bytes(), &mut Vec::new()), Some(1), "{columns} columns");
        }
        assert_eq!(disks.iter().map(|disk| disk.name.as_slice()).collect::<Vec<_>>(), [b"hda", b"sda"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&text, &mut Vec::new());
        }

        #[test]
        fn any_words_are_survived(words in proptest::collection::vec("[0-9]{1,21}|[a-z!]{1,8}", 0..24)) {
            parse(words.join(" ").as_bytes(), &mut Vec::new());
        }
    }
}
