//! Batteries and mains, on trees made to the kernel's documentation.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use procwire_proto::{
    system_fields::bit,
    v1::{Battery, FieldErrorReason, Power},
};

use super::super::made_tree::MadeTree;

const BAT0: &str = "sys/class/power_supply/BAT0";
const AC: &str = "sys/class/power_supply/AC";
const HOUR_NS: u64 = 3_600_000_000_000;

fn power(tree: &MadeTree) -> Power {
    let system = tree.read(bit::POWER);
    assert_eq!(system.errors, []);
    system.power.unwrap()
}

fn battery(files: &str) -> Battery {
    let tree = MadeTree::new().with(BAT0, &format!("type Battery\n{files}"));
    power(&tree).batteries.into_iter().next().unwrap()
}

#[test]
fn a_battery_that_is_drawn_from() {
    let battery = battery(
        "status Discharging\npresent 1\ntechnology Li-poly\ncycle_count 213\nvoltage_now 11400000\npower_now 10000000
         energy_full_design 57000000\nenergy_full 50000000\nenergy_now 25000000\ncapacity 49\nscope System",
    );
    let expected = Battery {
        name: b"BAT0".to_vec(),
        charge_ratio: Some(0.5),
        time_left_ns: Some(5 * HOUR_NS / 2),
        status: Some("Discharging".to_owned()),
        energy_watt_hours: Some(25.0),
        full_energy_watt_hours: Some(50.0),
        power_watts: Some(10.0),
        design_energy_watt_hours: Some(57.0),
        cycles: Some(213),
        volts: Some(11.4),
        technology: Some("Li-poly".to_owned()),
        time_to_full_ns: None,
        charge_ampere_hours: None,
        full_charge_ampere_hours: None,
        scope: Some("System".to_owned()),
        errors: vec![],
    };
    assert_eq!(battery, expected);
}

#[test]
fn a_battery_that_charges_has_a_time_until_full_and_none_left() {
    let told =
        battery("status Charging\nenergy_now 40000000\nenergy_full 50000000\npower_now 20000000\ntime_to_full_now 1");
    assert_eq!((told.time_left_ns, told.time_to_full_ns), (None, Some(HOUR_NS / 2)));
    let gauge_only = battery("status Charging\ncapacity 5\ntime_to_full_now 90");
    assert_eq!(gauge_only.time_to_full_ns, Some(90_000_000_000));
}

#[test]
fn charge_without_energy() {
    let told = battery(
        "status Discharging\ncharge_now 2000000\ncharge_full 4000000\ncurrent_now -500000\nvoltage_now 12000000\ncapacity 1",
    );
    assert_eq!((told.charge_ratio, told.energy_watt_hours), (Some(0.5), None));
    assert_eq!((told.charge_ampere_hours, told.full_charge_ampere_hours), (Some(2.0), Some(4.0)));
    assert_eq!((told.power_watts, told.time_left_ns), (Some(6.0), Some(4 * HOUR_NS)), "a negative current is one");
}

#[test]
fn energy_counts_before_charge() {
    let told = battery("energy_now 10000000\nenergy_full 20000000\ncharge_now 1\ncharge_full 4");
    assert_eq!(told.charge_ratio, Some(0.5));
}

#[test]
fn what_is_left_by_energy_and_power_whatever_their_units() {
    let left = |files: &str| battery(&format!("status Discharging\n{files}")).time_left_ns;
    assert_eq!(left("energy_now 10000000\npower_now -5000000"), Some(2 * HOUR_NS), "negative power");
    assert_eq!(left("energy_now 12000000\ncurrent_now 500000\nvoltage_now 12000000"), Some(2 * HOUR_NS));
    assert_eq!(left("charge_now 1000000\npower_now 6000000\nvoltage_now 12000000"), Some(2 * HOUR_NS));
    assert_eq!(left("energy_now 10000000\ncurrent_now 500000"), None, "watt-hours are not divided by amperes");
    // Seconds, Documentation/power/power_supply_class.rst; psutil takes them for minutes.
    assert_eq!(left("capacity 50\ntime_to_empty_now 120"), Some(120_000_000_000));
    assert_eq!(left("energy_now 10000000\npower_now 0"), None, "vector 26: nothing is drawn");
    assert_eq!(left("capacity 50"), None);
}

#[test]
fn a_full_charge_of_nothing() {
    // Vector 26.
    assert_eq!(battery("energy_now 0\nenergy_full 0").charge_ratio, Some(0.0));
    assert_eq!(battery("energy_now 0\nenergy_full 0\ncapacity 88").charge_ratio, Some(0.88));
    assert_eq!(battery("capacity 88").charge_ratio, Some(0.88));
    assert_eq!(battery("capacity 100\nenergy_now 51000000\nenergy_full 50000000").charge_ratio, Some(1.0));
    assert_eq!(battery("status Unknown").charge_ratio, None);
}

#[test]
fn the_mains_by_what_is_plugged_in_and_else_by_the_state_of_the_battery() {
    // Vector 26.
    let told = |online: Option<&str>, status: &str| {
        let mut tree = MadeTree::new().with(BAT0, &format!("type Battery\ncapacity 50\n{status}"));
        if let Some(online) = online {
            tree = tree.with(AC, &format!("type Mains\nonline {online}"));
        }
        power(&tree).mains_connected
    };
    assert_eq!(told(Some("1"), "status Discharging"), Some(true));
    assert_eq!(told(Some("0"), "status Discharging"), Some(false));
    assert_eq!(told(Some("0"), ""), Some(false));
    assert_eq!(told(Some("0"), "status Full"), Some(false));
    assert_eq!(told(Some("0"), "status Charging"), Some(true), "something feeds it");
    assert_eq!(told(Some("garbage"), "status Discharging"), Some(false));
    assert_eq!(told(None, "status Charging"), Some(true));
    assert_eq!(told(None, "status Full"), Some(true));
    assert_eq!(told(None, "status Discharging"), Some(false));
    assert_eq!(told(None, "status ???"), None);
    assert_eq!(told(None, "status Not charging"), None);
    assert_eq!(told(None, ""), None);
}

#[test]
fn adapters_of_any_name_and_ports_that_take_power() {
    let tree = MadeTree::new()
        .with(BAT0, "type Battery\nstatus Not charging\nenergy_now 10\npower_now 1")
        .with("sys/class/power_supply/ADP1", "type Mains\nonline 0")
        .with("sys/class/power_supply/ucsi-source-psy-USBC000:001", "type USB\nonline 2");
    let told = power(&tree);
    assert_eq!((told.mains_connected, told.batteries[0].time_left_ns), (Some(true), None));
    let desktop = MadeTree::new().with("sys/class/power_supply/ucsi-source-psy-USBC000:001", "type USB\nonline 0");
    assert_eq!(power(&desktop).mains_connected, None, "what feeds it is no supply that the kernel knows of");
}

#[test]
fn a_battery_drained_by_more_than_its_adapter_gives_has_a_time_left() {
    let tree = MadeTree::new()
        .with(BAT0, "type Battery\nstatus Discharging\nenergy_now 10000000\npower_now 10000000")
        .with(AC, "type Mains\nonline 1");
    let told = power(&tree);
    assert_eq!((told.mains_connected, told.batteries[0].time_left_ns), (Some(true), Some(HOUR_NS)));
}

#[test]
fn all_batteries_are_told_but_empty_bays_and_a_mouse_is_not_the_host() {
    let tree = MadeTree::new()
        .with("sys/class/power_supply/BAT1", "type Battery\npresent 1\ncapacity 10\nstatus Unknown")
        .with("sys/class/power_supply/BAT0", "type Battery\npresent 1\ncapacity 90\nstatus Unknown")
        .with("sys/class/power_supply/BAT2", "type Battery\npresent 0\ncapacity 0\nstatus Discharging")
        .with(
            "sys/class/power_supply/hidpp_battery_0",
            "type Battery\nscope Device\ncapacity 55\nstatus Discharging\nonline 1",
        )
        .with("sys/class/power_supply/wacom_ac_0", "type Mains\nscope Device\nonline 1")
        .with("sys/class/power_supply/ups", "type UPS\ncapacity 100\nstatus Unknown");
    let told = power(&tree);
    let batteries: Vec<_> = told
        .batteries
        .iter()
        .map(|battery| (battery.name.as_slice(), battery.charge_ratio, battery.scope.as_deref()))
        .collect();
    assert_eq!(
        batteries,
        [
            (&b"BAT0"[..], Some(0.9), None),
            (b"BAT1", Some(0.1), None),
            (b"hidpp_battery_0", Some(0.55), Some("Device")),
            (b"ups", Some(1.0), None),
        ]
    );
    assert_eq!(told.mains_connected, None);
}

#[test]
fn a_supply_of_unknown_type_is_known_by_its_name() {
    let tree = MadeTree::new()
        .with(BAT0, "capacity 50")
        .with("sys/class/power_supply/CMB0-Battery", "capacity 60")
        .with("sys/class/power_supply/ADP0", "online 1");
    let told = power(&tree);
    let names: Vec<_> = told.batteries.iter().map(|battery| battery.name.as_slice()).collect();
    assert_eq!((names, told.mains_connected), (vec![&b"BAT0"[..], b"CMB0-Battery"], Some(true)));
}

#[test]
fn hostile_files_are_absent_with_their_reason() {
    let tree = MadeTree::new()
        .with(BAT0, "type Battery\nenergy_now -1\nenergy_full x\ncapacity -5\ncycle_count -1\nvoltage_now");
    tree.write("sys/class/power_supply/BAT0/status", b"\xff\n");
    fs::create_dir(tree.path(BAT0).join("power_now")).unwrap();
    let Battery { errors, charge_ratio, status, power_watts, cycles, .. } = power(&tree).batteries[0].clone();
    assert_eq!((charge_ratio, status, power_watts, cycles), (None, None, None, None));
    let reasons: Vec<_> = errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    let invalid = FieldErrorReason::InvalidData;
    assert_eq!(
        reasons,
        [
            ("status", invalid),
            ("energy_watt_hours", invalid),
            ("full_energy_watt_hours", invalid),
            ("volts", invalid),
            ("power_watts", FieldErrorReason::ReadFailed),
            ("charge_ratio", invalid),
            ("cycles", invalid)
        ]
    );
}

#[test]
fn numbers_beyond_all_measure_end_nothing() {
    let most = i64::MAX;
    let told = battery(&format!("status Discharging\nenergy_now {most}\nenergy_full 1\npower_now {}", i64::MIN));
    assert_eq!(told.charge_ratio, Some(1.0));
    let told = battery(&format!("status Discharging\nenergy_now {most}\npower_now 1"));
    assert_eq!(told.time_left_ns, None, "longer than the wire can say");
}

#[test]
fn a_kernel_without_power_supplies_says_so_and_a_server_has_none() {
    let system = MadeTree::new().read(bit::POWER);
    assert_eq!((system.power, system.errors[0].reason()), (None, FieldErrorReason::Unsupported));
    let server = MadeTree::new().with("sys/class/power_supply", "");
    assert_eq!(power(&server), Power::default());
}

#[test]
fn a_reader_sees_a_battery_that_was_changed() {
    let tree = MadeTree::new().with(BAT0, "type Battery\ncapacity 50");
    let mut reader = tree.reader();
    let mut ratio =
        || reader.read(bit::POWER).power.unwrap().batteries.first().and_then(|battery| battery.charge_ratio);
    assert_eq!(ratio(), Some(0.5));
    tree.write("sys/class/power_supply/BAT0/capacity", "49\n");
    assert_eq!(ratio(), Some(0.49));
    fs::remove_dir_all(tree.path(BAT0)).unwrap();
    assert_eq!(ratio(), None);
}
