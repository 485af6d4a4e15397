#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::v1::{
    EnergySensor, FanSensor, FieldError, FieldErrorReason, HumiditySensor, PowerSensor, TemperatureSensor,
    VoltageSensor,
};

use super::*;

fn identity(chip: &[u8], device: &[u8], label: Option<&[u8]>, channel: &str) -> Option<SensorIdentity> {
    Some(SensorIdentity {
        chip: chip.to_vec(),
        device: device.to_vec(),
        label: label.map(<[u8]>::to_vec),
        channel: channel.to_owned(),
    })
}

fn core(device: &[u8], label: &[u8], celsius: f64) -> TemperatureSensor {
    TemperatureSensor {
        sensor: identity(b"coretemp", device, Some(label), "temp1"),
        current_celsius: Some(celsius),
        high_celsius: Some(80.0),
        critical_celsius: Some(100.0),
        ..TemperatureSensor::default()
    }
}

/// Two sockets, a fan that stands still, a sensor that fails, and a hostile chip.
fn system() -> System {
    let failing = TemperatureSensor {
        sensor: identity(b"evil\n\x1b[2J\xff", b"", None, "temp7"),
        errors: vec![FieldError {
            path: "current_celsius".to_owned(),
            reason: FieldErrorReason::InvalidData.into(),
            detail: "input/output error\x07".to_owned(),
        }],
        ..TemperatureSensor::default()
    };
    let fan = FanSensor {
        sensor: identity(b"nct6775", b"platform/nct6775.656", Some(b"CPU fan"), "fan2"),
        revolutions_per_minute: Some(0),
        low_revolutions_per_minute: Some(300),
        ..FanSensor::default()
    };
    let voltage = VoltageSensor {
        sensor: identity(b"nct6775", b"platform/nct6775.656", None, "in0"),
        volts: Some(1.25),
        low_volts: Some(0.9),
        high_volts: Some(1.4),
        ..VoltageSensor::default()
    };
    let sensors = Sensors {
        temperatures: vec![
            core(b"platform/coretemp.1", b"Package id 1", 100.0),
            core(b"platform/coretemp.0", b"Package id 0", 45.0),
            core(b"platform/coretemp.0", b"Core 1", 85.5),
            failing,
        ],
        fans: vec![fan],
        voltages: vec![voltage],
        powers: vec![PowerSensor {
            sensor: identity(b"rapl", b"x", None, "power1"),
            watts: Some(12.5),
            ..PowerSensor::default()
        }],
        energies: vec![EnergySensor {
            sensor: identity(b"rapl", b"x", None, "energy1"),
            joules: Some(7.2e6),
            ..EnergySensor::default()
        }],
        humidities: vec![HumiditySensor {
            sensor: identity(b"sht3x", b"i2c/1-0044", None, "humidity1"),
            humidity_ratio: Some(0.455),
            ..HumiditySensor::default()
        }],
        thermal_zones: vec![ThermalZone {
            number: 0,
            kind: b"acpitz".to_vec(),
            current_celsius: Some(27.8),
            critical_celsius: Some(105.0),
            ..ThermalZone::default()
        }],
        ..Sensors::default()
    };
    let gpu = Gpu {
        name: "card0".to_owned(),
        driver: Some("amdgpu".to_owned()),
        vendor_id: Some(0x1002),
        device_id: Some(0x73bf),
        memory_total_bytes: Some(16 << 30),
        memory_used_bytes: Some(1 << 30),
        busy_ratio: Some(0.07),
        celsius: Some(50.0),
        ..Gpu::default()
    };
    System { sensors: Some(sensors), gpus: vec![gpu], ..System::default() }
}

fn printed(system: &System, scale: Scale, width: Option<u16>) -> String {
    let mut out = Vec::new();
    sensor_page(system, scale).write(&mut out, width).unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

#[test]
fn chips_of_one_name_are_kept_apart_and_alarms_are_words() {
    let wanted = "\
coretemp (platform/coretemp.0)
  SENSOR              NOW LIMITS                          STATE
  Package id 0    45.0 °C high 80.0 °C, critical 100.0 °C
  Core 1          85.5 °C high 80.0 °C, critical 100.0 °C ALARM: too high

coretemp (platform/coretemp.1)
  SENSOR              NOW LIMITS                          STATE
  Package id 1   100.0 °C high 80.0 °C, critical 100.0 °C ALARM: critical

evil\\n\\x1b[2J\\xff
  SENSOR              NOW LIMITS                   STATE
  temp7                 -                          not readable: invalid data (input/output error\\x07)

nct6775 (platform/nct6775.656)
  SENSOR              NOW LIMITS                    STATE
  CPU fan           0 rpm low 300 rpm               ALARM: too low
  in0             1.250 V low 0.900 V, high 1.400 V
";
    let page = printed(&system(), Scale::Celsius, None);
    assert!(page.starts_with(wanted), "{page}");
    for wanted in
        ["12.50 W", "2.00 kWh", "45.5 %", "acpitz 0", "critical 105.0 °C", "AMD 1002:73bf", "1.0G of 16G", "7.0 %"]
    {
        assert!(page.contains(wanted), "{wanted} is not in:\n{page}");
    }
    assert_eq!(alarms(&system()), 3);
}

#[test]
fn fahrenheit_changes_temperatures_and_no_alarm() {
    let page = printed(&system(), Scale::Fahrenheit, None);
    assert!(page.contains("113.0 °F high 176.0 °F, critical 212.0 °F"), "{page}");
    assert!(page.contains("185.9 °F high 176.0 °F, critical 212.0 °F ALARM: too high"), "{page}");
    assert!(page.contains("122.0 °F") && !page.contains("°C"), "{page}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [80, 200] {
        let page = printed(&system(), Scale::Celsius, Some(width));
        assert!(page.lines().all(|line| line.chars().count() <= usize::from(width)), "{page}");
        assert!(page.contains("ALARM: critical"), "{page}");
    }
}

#[test]
fn a_host_without_sensors_has_an_empty_page() {
    for nothing in [System::default(), System { sensors: Some(Sensors::default()), ..System::default() }] {
        assert!(is_empty(&nothing) && printed(&nothing, Scale::Celsius, Some(80)).is_empty());
        assert_eq!(alarms(&nothing), 0);
    }
    assert!(!is_empty(&system()));
}

#[test]
fn limits_at_the_ends_of_the_scale_are_none() {
    let nvme = TemperatureSensor {
        sensor: identity(b"nvme", b"nvme0", Some(b"Composite"), "temp1"),
        current_celsius: Some(33.85),
        low_celsius: Some(-273.15),
        high_celsius: Some(65_261.85),
        critical_celsius: Some(84.85),
        ..TemperatureSensor::default()
    };
    assert_eq!(Reading::of_temperature(&nvme, Scale::Celsius).limits, "critical 84.8 °C");
    let frosty = TemperatureSensor { low_celsius: Some(-40.0), high_celsius: Some(999.0), ..nvme };
    let limits = Reading::of_temperature(&frosty, Scale::Celsius).limits;
    assert_eq!(limits, "low -40.0 °C, high 999.0 °C, critical 84.8 °C");
}
