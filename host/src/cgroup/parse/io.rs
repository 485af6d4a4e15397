//! io.stat and io.max: a device at the head of each line, then `name=value`.

use procwire_proto::v1::CgroupIo;

use super::{device, digits};

/// `8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0`. Kernels 5.16 to 6.0 wrote devices without figures on
/// the line of the next one, so a device begins wherever one is named.
pub(in crate::cgroup) fn io_stat(text: &[u8]) -> Vec<CgroupIo> {
    let mut rows: Vec<CgroupIo> = Vec::new();
    for word in text.split(u8::is_ascii_whitespace) {
        if let Some((major, minor)) = device(word) {
            rows.push(CgroupIo { major, minor, ..CgroupIo::default() });
        } else if let (Some(row), Some((name, value))) = (rows.last_mut(), pair(word)) {
            let place = match name {
                b"rbytes" => &mut row.read_bytes,
                b"wbytes" => &mut row.write_bytes,
                b"rios" => &mut row.reads,
                b"wios" => &mut row.writes,
                _ => continue,
            };
            *place = digits(value);
        }
    }
    rows.retain(|row| row.read_bytes.or(row.write_bytes).or(row.reads).or(row.writes).is_some());
    rows
}

/// `8:16 rbps=2097152 wbps=max riops=max wiops=120`, into the rows of io.stat; a device that has only limits gets a row.
pub(in crate::cgroup) fn io_max(text: &[u8], rows: &mut Vec<CgroupIo>) {
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(u8::is_ascii_whitespace);
        let Some(device) = words.next().and_then(device) else { continue };
        for (name, value) in words.filter_map(pair) {
            let Some(limit) = digits(value) else { continue };
            match name {
                b"rbps" => set(rows, device, |row| row.read_bytes_per_second_limit = Some(limit)),
                b"wbps" => set(rows, device, |row| row.write_bytes_per_second_limit = Some(limit)),
                _ => {}
            }
        }
    }
}

/// Changes the row of a device, which is made if there is none.
pub(in crate::cgroup) fn set(rows: &mut Vec<CgroupIo>, (major, minor): (u32, u32), change: impl FnOnce(&mut CgroupIo)) {
    if let Some(row) = rows.iter_mut().find(|row| (row.major, row.minor) == (major, minor)) {
        return change(row);
    }
    let mut row = CgroupIo { major, minor, ..CgroupIo::default() };
    change(&mut row);
    rows.push(row);
}

fn pair(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = word.split_at_checked(memchr::memchr(b'=', word)?)?;
    Some((name, value.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(minor: u32, figures: [u64; 4]) -> CgroupIo {
        let [read_bytes, write_bytes, reads, writes] = figures.map(Some);
        CgroupIo { major: 8, minor, read_bytes, write_bytes, reads, writes, ..CgroupIo::default() }
    }

    #[test]
    fn figures_and_limits_meet_in_the_row_of_their_device() {
        let text = b"8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n\
            8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=7\n";
        let mut rows = io_stat(text);
        assert_eq!(rows, [row(16, [1_459_200, 314_773_504, 192, 353]), row(0, [1, 2, 3, 4])]);
        io_max(
            b"8:16 rbps=2097152 wbps=max riops=max wiops=120\n8:32 rbps=max wbps=9 riops=max wiops=max\n",
            &mut rows,
        );
        let limits: Vec<_> = rows
            .iter()
            .map(|row| (row.minor, row.read_bytes_per_second_limit, row.write_bytes_per_second_limit))
            .collect();
        assert_eq!(limits, [(16, Some(2_097_152), None), (0, None, None), (32, None, Some(9))]);
    }

    #[test]
    fn devices_without_figures_are_no_rows_even_on_the_line_of_another() {
        let text = b"7:7 7:6 8:0 rbytes=1 wbytes=2 rios=3 wios=4\n253:0 \n";
        assert_eq!(io_stat(text), [row(0, [1, 2, 3, 4])]);
        let torn = io_stat(b"8:0 rbytes=18446744073709551616 wbytes=2 rios\n8:x rbytes=9 =\n");
        assert_eq!(torn.len(), 1);
        assert_eq!(torn.first().map(|row| (row.write_bytes, row.reads)), Some((Some(2), None)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>, limits: Vec<u8>) {
            io_max(&limits, &mut io_stat(&text));
            io_max(&[b"8:0 rbps=", limits.as_slice()].concat(), &mut io_stat(&[b"8:0 rbytes=", text.as_slice()].concat()));
        }
    }
}
