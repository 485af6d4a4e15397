#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::v1::{Network, NetworkCounters, SampleTime};

use super::*;

const MS: u64 = 1_000_000;

fn disk(name: &str, reads: u64) -> Disk {
    Disk { name: name.as_bytes().to_vec(), reads: Some(reads), ..Disk::default() }
}

fn with_disks(disks: Vec<Disk>) -> System {
    System { disks, ..System::default() }
}

fn with_interface(index: Option<u32>, received_bytes: u64, sent_bytes: u64) -> System {
    let counters = NetworkCounters {
        received_bytes: Some(received_bytes),
        sent_bytes: Some(sent_bytes),
        ..NetworkCounters::default()
    };
    let interface =
        NetworkInterface { name: b"eth0".to_vec(), index, counters: Some(counters), ..NetworkInterface::default() };
    System { network: Some(Network { interfaces: vec![interface], ..Network::default() }), ..System::default() }
}

fn reads_of(counters: &mut MonotonicCounters, name: &str, mut system: System) -> u64 {
    counters.apply(&mut system);
    system.disks.iter().find(|disk| disk.name == name.as_bytes()).unwrap().reads.unwrap()
}

fn bytes_of(counters: &mut MonotonicCounters, mut system: System) -> [u64; 2] {
    counters.apply(&mut system);
    let traffic = system.network.unwrap().interfaces[0].counters.unwrap();
    [traffic.received_bytes.unwrap(), traffic.sent_bytes.unwrap()]
}

#[test]
fn what_a_counter_had_reached_is_added_when_it_goes_back() {
    // The sequence of psutil's own tests.
    let mut counters = MonotonicCounters::new();
    let seen =
        [100, 10, 10, 90, 20, 20].map(|reads| reads_of(&mut counters, "sda", with_disks(vec![disk("sda", reads)])));
    assert_eq!(seen, [100, 110, 110, 190, 210, 210]);
    counters.clear();
    assert_eq!(reads_of(&mut counters, "sda", with_disks(vec![disk("sda", 5)])), 5);
}

#[test]
fn each_counter_of_each_device_for_itself() {
    let mut counters = MonotonicCounters::new();
    bytes_of(&mut counters, with_interface(None, 100, 7));
    assert_eq!(bytes_of(&mut counters, with_interface(None, 10, 8)), [110, 8]);
    reads_of(&mut counters, "sda", with_disks(vec![disk("sda", 100), disk("sdb", 50)]));
    assert_eq!(reads_of(&mut counters, "sdb", with_disks(vec![disk("sda", 10), disk("sdb", 51)])), 51);
}

#[test]
fn every_counter_of_both_kinds_is_corrected() {
    let mut counters = MonotonicCounters::new();
    let system = |count: u64| {
        let mut system = with_disks(vec![disk("sda", 0)]);
        disk_row(&mut system.disks[0]).counters.into_iter().for_each(|counter| *counter = Some(count));
        system.network = with_interface(None, 0, 0).network;
        let interface = &mut system.network.as_mut().unwrap().interfaces[0];
        interface_row(interface).unwrap().counters.into_iter().for_each(|counter| *counter = Some(count));
        system
    };
    let (mut before, mut after) = (system(9), system(4));
    counters.apply(&mut before);
    assert_eq!(before, system(9), "the first snapshot stays as it is");
    counters.apply(&mut after);
    assert_eq!(disk_row(&mut after.disks[0]).counters.map(|counter| counter.unwrap()), [13; 13]);
    let of_interface = interface_row(&mut after.network.as_mut().unwrap().interfaces[0]).unwrap();
    assert_eq!(of_interface.counters.map(|counter| counter.unwrap()), [13; 10]);
}

#[test]
fn a_time_goes_on_over_its_wrap_and_begins_anew_when_it_fell_too_far() {
    let time = |busy_ms: u64| Disk { busy_time_ns: Some(busy_ms * MS), ..disk("sda", 1) };
    let busy_ms = |counters: &mut MonotonicCounters, busy_ms| {
        let mut system = with_disks(vec![time(busy_ms)]);
        counters.apply(&mut system);
        system.disks[0].busy_time_ns.unwrap() / MS
    };
    let mut counters = MonotonicCounters::new();
    let last = (1 << 32) - 5;
    assert_eq!(busy_ms(&mut counters, last), last);
    assert_eq!(busy_ms(&mut counters, 3), last + 8);
    assert_eq!(busy_ms(&mut counters, 4), last + 9);
    let mut counters = MonotonicCounters::new();
    assert_eq!((busy_ms(&mut counters, 1000), busy_ms(&mut counters, 30)), (1000, 1030));
}

#[test]
fn a_device_that_was_away_goes_on_where_it_was() {
    let mut counters = MonotonicCounters::new();
    let both = |reads| with_disks(vec![disk("sda", 1), disk("usb", reads)]);
    reads_of(&mut counters, "usb", both(100));
    assert_eq!(reads_of(&mut counters, "usb", both(10)), 110);
    reads_of(&mut counters, "sda", with_disks(vec![disk("sda", 1)]));
    counters.apply(&mut System::default());
    assert_eq!(reads_of(&mut counters, "usb", both(20)), 120, "psutil would begin at 20 again");
    assert_eq!(reads_of(&mut counters, "usb", both(5)), 125);
}

#[test]
fn another_device_of_the_same_name_begins_anew_as_a_whole() {
    let mut counters = MonotonicCounters::new();
    assert_eq!(bytes_of(&mut counters, with_interface(Some(2), 100, 5)), [100, 5]);
    assert_eq!(bytes_of(&mut counters, with_interface(Some(3), 10, 6)), [110, 11]);
    assert_eq!(bytes_of(&mut counters, with_interface(None, 11, 7)), [111, 12], "not known to be another");
    assert_eq!(bytes_of(&mut counters, with_interface(Some(3), 12, 8)), [112, 13]);
}

#[test]
fn a_reboot_begins_everything_anew() {
    let mut counters = MonotonicCounters::new();
    let of_boot = |boot_id: &'static [u8], reads| {
        let sampled = SampleTime { boot_id: boot_id.into(), ..SampleTime::default() };
        System { sampled: Some(sampled), ..with_disks(vec![disk("sda", reads)]) }
    };
    assert_eq!(reads_of(&mut counters, "sda", of_boot(b"one", 5)), 5);
    assert_eq!(reads_of(&mut counters, "sda", of_boot(b"two", 9)), 14);
    assert_eq!(reads_of(&mut counters, "sda", of_boot(b"two", 10)), 15);
    assert_eq!(reads_of(&mut counters, "sda", with_disks(vec![disk("sda", 11)])), 16, "a snapshot without its time");
}

#[test]
fn a_counter_that_is_not_told_is_not_made_up_and_loses_nothing() {
    let mut counters = MonotonicCounters::new();
    reads_of(&mut counters, "sda", with_disks(vec![disk("sda", 100)]));
    let mut silent = with_disks(vec![Disk { reads: None, ..disk("sda", 0) }]);
    counters.apply(&mut silent);
    assert_eq!(silent.disks[0].reads, None);
    assert_eq!(reads_of(&mut counters, "sda", with_disks(vec![disk("sda", 1)])), 101);
}

#[test]
fn the_greatest_numbers_stay_the_greatest() {
    let mut counters = MonotonicCounters::new();
    let seen = [u64::MAX, 5, 3].map(|reads| reads_of(&mut counters, "sda", with_disks(vec![disk("sda", reads)])));
    assert_eq!(seen, [u64::MAX; 3]);
}

#[test]
fn names_that_never_come_again_do_not_fill_the_memory() {
    let mut counters = MonotonicCounters::new();
    for round in 0..3 * LONGEST_MEMORY {
        counters.apply(&mut with_disks(vec![disk("sda", 7), disk(&format!("veth{round}"), 7)]));
        assert!(counters.disks.devices.len() <= LONGEST_MEMORY + 2);
    }
    let newest_gone = format!("veth{}", 3 * LONGEST_MEMORY - 2);
    assert_eq!(reads_of(&mut counters, &newest_gone, with_disks(vec![disk(&newest_gone, 1)])), 8);
    assert_eq!(reads_of(&mut counters, "veth0", with_disks(vec![disk("veth0", 1)])), 1, "long forgotten");
}
