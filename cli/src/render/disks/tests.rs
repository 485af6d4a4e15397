#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::v1::{Disk, DiskClass, DiskRates, System};

use super::*;
use crate::render::table::Table;

fn disk(name: &[u8], class: DiskClass, count: u64) -> Disk {
    Disk {
        name: name.to_vec(),
        disk_class: class.into(),
        reads: Some(count),
        writes: Some(2 * count),
        read_bytes: Some(4096 * count),
        write_bytes: Some(16384 * count),
        read_time_ns: Some(350_000 * count),
        write_time_ns: Some(900_000_000 * count),
        ..Disk::default()
    }
}

fn measured(count: u64) -> Disk {
    let rates = DiskRates {
        reads_per_second: 0.5,
        writes_per_second: 1234.0,
        read_bytes_per_second: 2048.0,
        write_bytes_per_second: 1e7,
        busy_ratio: 0.255,
        queue_length: 1.5,
        window_ns: 1_000_000_000,
    };
    Disk { rates: Some(rates), ..disk(b"vd\x1ba", DiskClass::Disk, count) }
}

fn printed(table: &Table, width: Option<u16>) -> Vec<String> {
    let mut out = Vec::new();
    table.write(&mut out, width).unwrap();
    let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn rates_and_the_sum_of_the_hardware() {
    let (vda, dm) =
        (measured(10), Disk { rates: None, counters_reset: true, ..disk(b"dm-0", DiskClass::DeviceMapper, 10) });
    let host = System { disks: vec![vda.clone(), dm.clone()], ..System::default() };
    let rows = [Measured::new(&vda, &[]), Measured::new(&dm, &[])];
    assert_eq!(
        printed(&rate_table(&rows, host.disk_totals().as_ref(), false), Some(100)),
        [
            r"NAME      CLASS         READS/s WRITES/s READ/s WRITTEN/s BUSY% READ WRITTEN",
            r"vd\x1ba   disk              0.5     1234   2.0K      9.5M  25.5  40K    160K",
            r"dm-0      device mapper       -        -      -         - reset  40K    160K",
            r"all disks                   0.5     1234   2.0K      9.5M        40K    160K",
        ]
    );
}

#[test]
fn requests_have_their_mean_time_and_size() {
    let (before, after) = ([measured(10)], measured(20));
    let lines = printed(&extended_table(&[Measured::new(&after, &before)], None), Some(200));
    let cells: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(
        cells,
        [r"vd\x1ba", "disk", "0.5", "2.0K", "0.35", "4.0K", "1234", "9.5M", "450", "8.0K", "1.50", "25.5"]
    );
}

#[test]
fn of_no_request_another_disk_and_a_reset_there_is_no_mean() {
    let after = measured(20);
    let of = |before: Disk| Measured::new(&after, &[before]).read_wait_ns();
    assert_eq!(of(measured(10)), Some(350_000.0));
    assert_eq!(of(measured(20)), None, "no request");
    assert_eq!(of(measured(30)), None, "it went back");
    assert_eq!(of(Disk { minor: 7, ..measured(10) }), None, "another disk");
    assert_eq!(of(Disk { reads: None, ..measured(10) }), None);
    let reset = Disk { counters_reset: true, ..after.clone() };
    assert_eq!(Measured::new(&reset, &[measured(10)]).read_wait_ns(), None);
}

#[test]
fn no_line_is_longer_than_the_terminal() {
    let most = 123_456_789.0;
    let rates =
        DiskRates { reads_per_second: most, writes_per_second: most, queue_length: 1e6, ..measured(1).rates.unwrap() };
    let long = Disk { name: vec![b'x'; 31], rates: Some(rates), ..measured(u64::MAX >> 33) };
    for width in [80, 200] {
        let rows = [Measured::new(&long, &[])];
        for table in [rate_table(&rows, None, true), extended_table(&rows, None)] {
            let lines = printed(&table, Some(width));
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{lines:?}");
        }
    }
}

#[test]
fn classes_have_words() {
    assert_eq!(class(&disk(b"dm-0", DiskClass::DeviceMapper, 1)), "device mapper");
    assert_eq!(class(&disk(b"x", DiskClass::Unspecified, 1)), "unknown");
    assert!(was_used(&disk(b"x", DiskClass::Disk, 1)) && !was_used(&disk(b"x", DiskClass::Disk, 0)));
}
