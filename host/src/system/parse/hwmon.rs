//! Names of the files of a hardware monitoring chip: Documentation/hwmon/sysfs-interface.rst.

/// What a channel measures. The order is that of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::system) enum Kind {
    Temperature,
    Fan,
    Voltage,
    Power,
    Current,
    Energy,
    Humidity,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Temperature, Self::Fan, Self::Voltage, Self::Power, Self::Current, Self::Energy, Self::Humidity];

    /// The beginning of its files' names.
    pub(in crate::system) fn prefix(self) -> &'static str {
        match self {
            Self::Temperature => "temp",
            Self::Fan => "fan",
            Self::Voltage => "in",
            Self::Power => "power",
            Self::Current => "curr",
            Self::Energy => "energy",
            Self::Humidity => "humidity",
        }
    }
}

/// `temp1_input` is the attribute "input" of temperature 1.
pub(in crate::system) fn attribute(file_name: &[u8]) -> Option<(Kind, u32, &[u8])> {
    Kind::ALL.into_iter().find_map(|kind| {
        let rest = file_name.strip_prefix(kind.prefix().as_bytes())?;
        let end = memchr::memchr(b'_', rest)?;
        let (digits, attribute) = rest.split_at_checked(end)?;
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let number = crate::procfs::number(digits).filter(|_| is_number)?;
        Some((kind, u32::try_from(number).ok()?, attribute.get(1..)?))
    })
}

/// `trip_point_3_type` is the attribute "type" of trip point 3 of a thermal zone (Documentation/driver-api/thermal/sysfs-api.rst).
pub(in crate::system) fn trip_point(file_name: &[u8]) -> Option<(u32, &[u8])> {
    let rest = file_name.strip_prefix(b"trip_point_")?;
    let (digits, attribute) = rest.split_at_checked(memchr::memchr(b'_', rest)?)?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = crate::procfs::number(digits).filter(|_| is_number)?;
    Some((u32::try_from(number).ok()?, attribute.get(1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_of_channels() {
        assert_eq!(attribute(b"temp1_input"), Some((Kind::Temperature, 1, &b"input"[..])));
        assert_eq!(attribute(b"in0_label"), Some((Kind::Voltage, 0, &b"label"[..])));
        assert_eq!(attribute(b"power12_average"), Some((Kind::Power, 12, &b"average"[..])));
        assert_eq!(attribute(b"power1_average_interval"), Some((Kind::Power, 1, &b"average_interval"[..])));
        assert_eq!(attribute(b"fan3_min"), Some((Kind::Fan, 3, &b"min"[..])));
        assert_eq!(attribute(b"humidity1_input"), Some((Kind::Humidity, 1, &b"input"[..])));
    }

    #[test]
    fn other_files_are_none() {
        let others: [&[u8]; 12] = [
            b"name",
            b"temp",
            b"temp1",
            b"temp_input",
            b"temp1x_input",
            b"temp-1_input",
            b"temp99999999999_input",
            b"intrusion0_alarm",
            b"in_voltage0_raw",
            b"pwm1_enable",
            b"",
            b"fan\xff_input",
        ];
        for other in others {
            assert_eq!(attribute(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn files_of_trip_points() {
        assert_eq!(trip_point(b"trip_point_0_type"), Some((0, &b"type"[..])));
        assert_eq!(trip_point(b"trip_point_11_temp"), Some((11, &b"temp"[..])));
        for other in [&b"trip_point_"[..], b"trip_point_1", b"trip_point_x_temp", b"trip_point__temp", b"temp"] {
            assert_eq!(trip_point(other), None, "{}", other.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_name_is_survived(name: Vec<u8>) {
            attribute(&name);
            trip_point(&[b"trip_point_", name.as_slice()].concat());
        }
    }
}
