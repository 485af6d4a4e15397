//! Chips and zones, on trees made to the kernel's documentation.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{FieldError, FieldErrorReason, SensorIdentity, Sensors},
};

use super::super::made_tree::MadeTree;

fn all() -> SystemFieldSet {
    super::CHIPS.union(bit::SENSORS_THERMAL_ZONES)
}

fn sensors(tree: &MadeTree) -> Sensors {
    tree.read(all()).sensors.unwrap()
}

fn reasons(errors: &[FieldError]) -> Vec<(&str, FieldErrorReason)> {
    errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
}

const HWMON0: &str = "sys/class/hwmon/hwmon0";

#[test]
fn a_temperature_with_its_limits() {
    // Vector 24.
    let tree = MadeTree::new().with(
        HWMON0,
        "name name\ntemp1_input 30000\ntemp1_max 40000\ntemp1_crit 50000\ntemp1_label label\ntemp1_min -5500",
    );
    let sensors = sensors(&tree);
    let [row] = sensors.temperatures.as_slice() else { unreachable!("{sensors:?}") };
    let SensorIdentity { chip, label, channel, device } = row.sensor.clone().unwrap();
    assert_eq!((chip.as_slice(), label.as_deref(), channel.as_str()), (&b"name"[..], Some(&b"label"[..]), "temp1"));
    assert_eq!(device, b"hwmon0", "nothing says which device it is");
    assert_eq!((row.current_celsius, row.low_celsius), (Some(30.0), Some(-5.5)));
    assert_eq!((row.high_celsius, row.critical_celsius), (Some(40.0), Some(50.0)));
    assert!(row.errors.is_empty(), "{:?}", row.errors);
}

#[test]
fn limits_that_a_chip_does_not_have_are_absent_and_not_copied() {
    let tree = MadeTree::new().with(HWMON0, "name k10temp\ntemp1_input 30000\ntemp1_max 70000");
    let row = &sensors(&tree).temperatures[0];
    assert_eq!((row.high_celsius, row.critical_celsius, row.low_celsius), (Some(70.0), None, None));
    assert_eq!((row.sensor.as_ref().unwrap().label.as_ref(), row.errors.len()), (None, 0));
}

#[test]
fn fans_and_every_other_kind_in_units_of_the_wire() {
    // Vector 25: fan1.
    let tree = MadeTree::new().with(
        HWMON0,
        "name nct6775\nfan1_input 2000\nfan1_min 300\nin0_input 1032\nin0_min 900\nin0_max 1100\ncurr1_input 500\npower1_input 12500000
         energy1_input 7250000\nhumidity1_input 45600\nintrusion0_alarm 0\npwm1 128\npower1_cap 99",
    );
    let sensors = sensors(&tree);
    let fan = &sensors.fans[0];
    assert_eq!((fan.revolutions_per_minute, fan.low_revolutions_per_minute), (Some(2000), Some(300)));
    let voltage = &sensors.voltages[0];
    assert_eq!((voltage.volts, voltage.low_volts, voltage.high_volts), (Some(1.032), Some(0.9), Some(1.1)));
    assert_eq!(sensors.currents[0].amperes, Some(0.5));
    assert_eq!(sensors.powers[0].watts, Some(12.5));
    assert_eq!(sensors.energies[0].joules, Some(7.25));
    assert_eq!(sensors.humidities[0].humidity_ratio, Some(0.456));
    assert_eq!(sensors.temperatures, []);
}

#[test]
fn a_power_meter_that_knows_only_an_average_tells_that() {
    let tree = MadeTree::new()
        .with(HWMON0, "name power_meter\npower1_average 215000000\npower1_average_interval 1000\npower2_average 1000000\npower2_input 2000000");
    let watts: Vec<_> = sensors(&tree).powers.iter().map(|row| row.watts).collect();
    assert_eq!(watts, [Some(215.0), Some(2.0)]);
}

#[test]
fn a_sensor_that_fails_keeps_its_row_and_says_why() {
    let tree = MadeTree::new()
        .with(HWMON0, "name odd\ntemp1_input garbage\ntemp1_max 70000\ntemp2_input 41000\ntemp2_max N/A\nfan1_input -1")
        .with(HWMON0, "fan2_input 4294967296\ntemp3_input -274000\ntemp4_input 20000\ntemp4_fault 1\ntemp5_crit 90000");
    // A folder answers EISDIR: a file that is there and cannot be read.
    fs::create_dir(tree.path(HWMON0).join("temp6_input")).unwrap();
    let sensors = sensors(&tree);
    let rows: Vec<_> =
        sensors.temperatures.iter().map(|row| (row.current_celsius, row.high_celsius, reasons(&row.errors))).collect();
    let value = |reason| vec![("current_celsius", reason)];
    assert_eq!(
        rows,
        [
            (None, Some(70.0), value(FieldErrorReason::InvalidData)),
            (Some(41.0), None, vec![("high_celsius", FieldErrorReason::InvalidData)]),
            (None, None, value(FieldErrorReason::InvalidData)),
            (None, None, value(FieldErrorReason::ReadFailed)),
            (None, None, value(FieldErrorReason::ReadFailed)),
        ],
        "and temp5, which has a limit and no value, has no row"
    );
    let detail = &sensors.temperatures[0].errors[0].detail;
    assert!(detail.contains("hwmon0/temp1_input") && detail.contains("\"garbage\" is no number"), "{detail}");
    let fans: Vec<_> = sensors.fans.iter().map(|row| (row.revolutions_per_minute, reasons(&row.errors))).collect();
    let beyond = vec![("revolutions_per_minute", FieldErrorReason::InvalidData)];
    assert_eq!(fans, [(None, beyond.clone()), (None, beyond)]);
}

#[test]
fn chips_of_the_same_name_are_told_apart_by_their_device() {
    let package = |tree: MadeTree, number: u32| {
        let device = format!("sys/devices/platform/coretemp.{number}");
        tree.with(&format!("{device}/hwmon/hwmon{number}"), "name coretemp\ntemp1_input 40000\ntemp1_label Package id")
            .with_link(&format!("{device}/hwmon/hwmon{number}/device"), &format!("../../../coretemp.{number}"))
            .with_link(
                &format!("sys/class/hwmon/hwmon{number}"),
                &format!("../../devices/platform/coretemp.{number}/hwmon/hwmon{number}"),
            )
    };
    let tree = package(package(MadeTree::new(), 1), 0)
        .with("sys/devices/virtual/hwmon/hwmon10", "name virtual\ntemp1_input 1000")
        .with_link("sys/class/hwmon/hwmon10", "../../devices/virtual/hwmon/hwmon10");
    let sensors = sensors(&tree);
    let identity = |row: usize| sensors.temperatures[row].sensor.clone().unwrap();
    let devices = [identity(0).device, identity(1).device, identity(2).device];
    assert_eq!(devices, [&b"platform/coretemp.0"[..], b"platform/coretemp.1", b"virtual/hwmon/hwmon10"]);
    assert_eq!((identity(0).chip, identity(1).chip), (b"coretemp".to_vec(), b"coretemp".to_vec()));
}

#[test]
fn channels_come_by_number() {
    let tree = MadeTree::new().with(HWMON0, "name x\ntemp10_input 1\ntemp2_input 2\ntemp1_input 3");
    let channels: Vec<_> = sensors(&tree).temperatures.into_iter().map(|row| row.sensor.unwrap().channel).collect();
    assert_eq!(channels, ["temp1", "temp2", "temp10"]);
}

#[test]
fn old_drivers_have_their_files_at_the_device() {
    let tree = MadeTree::new()
        .with("sys/devices/platform/coretemp.0", "name coretemp\ntemp1_input 33000")
        .with("sys/devices/platform/coretemp.0/hwmon/hwmon0", "")
        .with_link("sys/devices/platform/coretemp.0/hwmon/hwmon0/device", "../../../coretemp.0")
        .with_link(HWMON0, "../../devices/platform/coretemp.0/hwmon/hwmon0");
    let row = &sensors(&tree).temperatures[0];
    let SensorIdentity { chip, device, .. } = row.sensor.clone().unwrap();
    assert_eq!((row.current_celsius, chip.as_slice()), (Some(33.0), &b"coretemp"[..]));
    assert_eq!(device, b"platform/coretemp.0");
}

#[test]
fn a_chip_without_a_name_keeps_its_sensors() {
    let tree = MadeTree::new().with(HWMON0, "temp1_input 1000");
    let row = &sensors(&tree).temperatures[0];
    assert_eq!(row.current_celsius, Some(1.0));
    assert_eq!(reasons(&row.errors), [("sensor.chip", FieldErrorReason::Unsupported)]);
}

#[test]
fn names_and_labels_are_bytes() {
    let tree = MadeTree::new().with(HWMON0, "temp1_input 1000\ntemp2_input 1000");
    tree.write("sys/class/hwmon/hwmon0/name", b"chip\xff\x1b[31m\n");
    tree.write("sys/class/hwmon/hwmon0/temp1_label", b"  \xfe label \n");
    tree.write("sys/class/hwmon/hwmon0/temp2_label", b"\n");
    let sensors = sensors(&tree);
    let identity = |row: usize| sensors.temperatures[row].sensor.clone().unwrap();
    assert_eq!((identity(0).chip, identity(0).label), (b"chip\xff\x1b[31m".to_vec(), Some(b"\xfe label".to_vec())));
    assert_eq!(identity(1).label, None);
}

#[test]
fn only_what_was_asked_for_is_read() {
    let tree = MadeTree::new().with(HWMON0, "name x\nfan1_input 100").with("sys/class/thermal/thermal_zone0", "temp x");
    // Reading any of these would be told.
    fs::create_dir(tree.path(HWMON0).join("temp1_input")).unwrap();
    let system = tree.read(bit::SENSORS_FANS);
    let expected = Sensors { fans: sensors(&tree).fans, ..Sensors::default() };
    assert_eq!((system.sensors, system.errors.len()), (Some(expected), 0));
    assert_eq!(tree.read(bit::BOOT_ID).sensors, None);
}

#[test]
fn a_reader_sees_new_values_new_chips_and_chips_that_went() {
    let tree = MadeTree::new().with(HWMON0, "name one\ntemp1_input 1000");
    let mut reader = tree.reader();
    let mut values = || -> Vec<_> {
        let rows = reader.read(bit::SENSORS_TEMPERATURES).sensors.unwrap().temperatures;
        rows.into_iter().map(|row| (row.sensor.unwrap().chip, row.current_celsius)).collect()
    };
    assert_eq!(values(), [(b"one".to_vec(), Some(1.0))]);
    tree.write("sys/class/hwmon/hwmon0/temp1_input", "2000\n");
    assert_eq!(values(), [(b"one".to_vec(), Some(2.0))]);
    let tree = tree.with("sys/class/hwmon/hwmon1", "name two\ntemp1_input 3000");
    assert_eq!(values(), [(b"one".to_vec(), Some(2.0)), (b"two".to_vec(), Some(3.0))]);
    fs::remove_dir_all(tree.path(HWMON0)).unwrap();
    assert_eq!(values(), [(b"two".to_vec(), Some(3.0))]);
}

#[test]
fn a_channel_that_went_is_told_once_and_gone_then() {
    let tree = MadeTree::new().with(HWMON0, "name one\nfan1_input 1\ntemp1_input 1000\ntemp2_input 2000");
    let mut reader = tree.reader();
    // The channels are known from here on, and the files of the temperatures not opened yet.
    reader.read(bit::SENSORS_FANS);
    fs::remove_file(tree.path(HWMON0).join("temp2_input")).unwrap();
    let mut rows = || reader.read(bit::SENSORS_TEMPERATURES).sensors.unwrap().temperatures;
    assert_eq!(reasons(&rows()[1].errors), [("current_celsius", FieldErrorReason::Unsupported)]);
    assert_eq!(rows().len(), 1);
}

#[test]
fn a_kernel_without_sensors_says_so() {
    let system = MadeTree::new().read(all());
    assert_eq!(system.sensors, Some(Sensors::default()));
    assert!(system.errors.iter().all(|error| error.reason() == FieldErrorReason::Unsupported), "{:?}", system.errors);
    assert_eq!(system.errors.len(), 8);
    let tree = MadeTree::new().with("sys/class/hwmon", "").with("sys/class/thermal", "");
    let system = tree.read(all());
    assert_eq!((system.sensors, system.errors), (Some(Sensors::default()), vec![]), "a machine that has none");
}

#[test]
fn thermal_zones_with_several_trip_points() {
    // Vector 24, and the trip points that psutil divides again and again.
    let tree = MadeTree::new()
        .with(
            "sys/class/thermal/thermal_zone1",
            "type x86_pkg_temp\ntemp 30000\ntrip_point_0_type critical\ntrip_point_0_temp 50000",
        )
        .with(
            "sys/class/thermal/thermal_zone0",
            "type acpitz\ntemp 41500\ntrip_point_0_type critical\ntrip_point_0_temp 105000",
        )
        .with(
            "sys/class/thermal/thermal_zone0",
            "trip_point_1_type hot\ntrip_point_1_temp 99000\ntrip_point_2_type passive",
        )
        .with(
            "sys/class/thermal/thermal_zone0",
            "trip_point_2_temp 95000\ntrip_point_3_type active\ntrip_point_3_temp 60000",
        )
        .with(
            "sys/class/thermal/thermal_zone0",
            "trip_point_4_type passive\ntrip_point_4_temp 0\ntrip_point_10_type passive",
        )
        .with("sys/class/thermal/thermal_zone0", "trip_point_10_temp -274000")
        .with("sys/class/thermal/cooling_device0", "type Fan\ncur_state 0");
    let zones = sensors(&tree).thermal_zones;
    let told: Vec<_> = zones
        .iter()
        .map(|zone| (zone.number, zone.kind.as_slice(), zone.current_celsius, zone.high_celsius, zone.critical_celsius))
        .collect();
    assert_eq!(
        told,
        [(0, &b"acpitz"[..], Some(41.5), Some(95.0), Some(105.0)), (1, b"x86_pkg_temp", Some(30.0), None, Some(50.0)),]
    );
    assert!(zones.iter().all(|zone| zone.errors.is_empty()), "{zones:?}");
}

#[test]
fn a_zone_that_fails_keeps_its_row() {
    let tree = MadeTree::new()
        .with("sys/class/thermal/thermal_zone0", "temp -274000\ntrip_point_0_type critical\ntrip_point_0_temp x")
        .with("sys/class/thermal/thermal_zone2", "type iwlwifi_1\ntrip_point_0_temp 1");
    let zones = sensors(&tree).thermal_zones;
    let told: Vec<_> = zones.iter().map(|zone| (zone.number, zone.current_celsius, reasons(&zone.errors))).collect();
    assert_eq!(
        told,
        [
            (
                0,
                None,
                vec![
                    ("critical_celsius", FieldErrorReason::InvalidData),
                    ("kind", FieldErrorReason::Unsupported),
                    ("current_celsius", FieldErrorReason::InvalidData)
                ]
            ),
            (2, None, vec![("current_celsius", FieldErrorReason::Unsupported)]),
        ]
    );
}
