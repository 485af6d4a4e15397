//! The files of the v1 controller blkio: a device, what was done, how much (Documentation/admin-guide/cgroup-v1/blkio-controller.rst).

use procwire_proto::v1::CgroupIo;

use super::{device, digits, io::set};

/// What a file of blkio counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cgroup) enum Counted {
    Bytes,
    Operations,
}

/// `8:0 Read 1459200` and `8:0 Write 314773504`; the other lines sum up, or split otherwise.
pub(in crate::cgroup) fn service(text: &[u8], counted: Counted, rows: &mut Vec<CgroupIo>) {
    for (device, operation, value) in text.split(|byte| *byte == b'\n').filter_map(line) {
        match (operation, counted) {
            (b"Read", Counted::Bytes) => set(rows, device, |row| row.read_bytes = Some(value)),
            (b"Write", Counted::Bytes) => set(rows, device, |row| row.write_bytes = Some(value)),
            (b"Read", Counted::Operations) => set(rows, device, |row| row.reads = Some(value)),
            (b"Write", Counted::Operations) => set(rows, device, |row| row.writes = Some(value)),
            _ => {}
        }
    }
}

/// `8:16 1048576`: the devices that have a limit.
pub(in crate::cgroup) fn device_limits(text: &[u8], mut found: impl FnMut((u32, u32), u64)) {
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ');
        if let (Some(device), Some(limit)) = (words.next().and_then(device), words.next().and_then(digits)) {
            found(device, limit);
        }
    }
}

fn line(line: &[u8]) -> Option<((u32, u32), &[u8], u64)> {
    let mut words = line.split(|byte| *byte == b' ');
    Some((device(words.next()?)?, words.next()?, digits(words.next()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_operations_of_each_device() {
        let mut rows = Vec::new();
        let bytes =
            b"8:0 Read 1000\n8:0 Write 2000\n8:0 Sync 3000\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 3000\nTotal 3000\n";
        service(bytes, Counted::Bytes, &mut rows);
        service(b"8:0 Read 1\n8:16 Write 7\n8:16 Write x\nTotal 8\n", Counted::Operations, &mut rows);
        let expected = [
            CgroupIo {
                major: 8,
                read_bytes: Some(1000),
                write_bytes: Some(2000),
                reads: Some(1),
                ..CgroupIo::default()
            },
            CgroupIo { major: 8, minor: 16, writes: Some(7), ..CgroupIo::default() },
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn limits_of_devices() {
        let mut limits = Vec::new();
        device_limits(b"8:16 1048576\n\n8:0\nx 1\n", |device, limit| limits.push((device, limit)));
        assert_eq!(limits, [((8, 16), 1_048_576)]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            let mut rows = Vec::new();
            service(&text, Counted::Bytes, &mut rows);
            service(&[b"8:0 Read ", text.as_slice()].concat(), Counted::Operations, &mut rows);
            device_limits(&text, |_, _| {});
        }
    }
}
