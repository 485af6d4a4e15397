//! Block I/O by device: io.stat and io.max; of v1 the throttling layer's counters and limits, which count whatever scheduler is below.

use std::ffi::CStr;

use procwire_proto::{cgroup_fields::bit, v1::CgroupIo};
use rustix::io::Errno;

use super::{Filler, Missing};
use crate::cgroup::{
    cause::Cause,
    files::Files,
    parse::{self, Counted},
};

impl<F: Files> Filler<'_, F> {
    pub(super) fn io(&mut self) {
        if !self.wants(bit::IO) {
            return;
        }
        let home = self.homes.io;
        let Some(place) = self.place_of(home, "io", bit::IO) else { return };
        self.row.io = if home.is_v1() { self.io_v1(place) } else { self.io_v2(place) };
    }

    fn io_v2(&mut self, place: usize) -> Vec<CgroupIo> {
        let stat = |text: &[u8]| Some(parse::io_stat(text));
        let mut rows = self.take((place, "io", c"io.stat"), bit::IO, Missing::Unsaid, stat).unwrap_or_default();
        let max = |text: &[u8]| {
            parse::io_max(text, &mut rows);
            Some(())
        };
        self.take((place, "io", c"io.max"), bit::IO, Missing::Nothing, max);
        rows
    }

    fn io_v1(&mut self, place: usize) -> Vec<CgroupIo> {
        let mut rows = Vec::new();
        let counters: [(Counted, [&'static CStr; 2]); 2] = [
            (Counted::Bytes, [c"blkio.throttle.io_service_bytes_recursive", c"blkio.throttle.io_service_bytes"]),
            (Counted::Operations, [c"blkio.throttle.io_serviced_recursive", c"blkio.throttle.io_serviced"]),
        ];
        for (counted, [with_those_below, alone]) in counters {
            // Old kernels have none that sums up the groups below.
            let name = match self.files.read(place, with_those_below) {
                Err(Errno::NOENT) => alone,
                _ => with_those_below,
            };
            let service = |text: &[u8]| {
                parse::service(text, counted, &mut rows);
                Some(())
            };
            self.take((place, "blkio", name), bit::IO, Missing::Unsaid, service);
        }
        self.limits_of_devices(place, c"blkio.throttle.read_bps_device", &mut rows, |row, limit| {
            row.read_bytes_per_second_limit = Some(limit);
        });
        self.limits_of_devices(place, c"blkio.throttle.write_bps_device", &mut rows, |row, limit| {
            row.write_bytes_per_second_limit = Some(limit);
        });
        rows
    }

    fn limits_of_devices(
        &mut self,
        place: usize,
        name: &'static CStr,
        rows: &mut Vec<CgroupIo>,
        set: impl Fn(&mut CgroupIo, u64),
    ) {
        match self.files.read(place, name) {
            Ok(text) => parse::device_limits(text, |device, limit| parse::set(rows, device, |row| set(row, limit))),
            Err(Errno::NOENT) => {}
            Err(errno) => self.causes.add(bit::IO, Cause::Failed(name, errno)),
        }
    }
}
