//! Counters that never go back: what psutil calls `nowrap`, with its state in the caller's hands.

use std::collections::HashMap;

use procwire_proto::v1::{Disk, NetworkInterface, System};

/// The kernel prints the times of disks as milliseconds in 32 bits (block/genhd.c, diskstats_show).
const MILLISECONDS_WRAP_NS: u64 = (1 << 32) * 1_000_000;

/// So many devices that are gone are remembered: containers come with network interfaces of names that never come again.
const LONGEST_MEMORY: usize = 1024;

/// Corrects the counters of disks and network interfaces from snapshot to snapshot, so that none ever goes back: what a counter had
/// reached before it began anew is added to it from then on. psutil: `nowrap=True` of `disk_io_counters` and `net_io_counters`.
///
/// The agent tells what the kernel tells; this is for who keeps long series and wants differences that are never negative. It is
/// for the snapshots of one host, in their order, from calls and watches alike. What the rates of a snapshot say needs no correction.
///
/// Where it does better than psutil:
///
/// - A device that is missing from a snapshot keeps what was added to it, and goes on from there when it is back (the last
///   1024 that went are remembered). A snapshot that did not ask for disks forgets nothing about disks.
/// - A device that was replaced by another of the same name begins anew with all its counters, not only with those that happen to be
///   lower; so does everything after a reboot.
/// - Times of disks, which the kernel keeps in 32 bits of milliseconds, go on over their wrap without losing what lies before it.
///
/// A counter that goes back is taken for one that began anew; what it counted between its last reading and that moment is lost.
/// Sums over several devices still go back when one of them goes.
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use procwire_client::{MonotonicCounters, SystemEvent};
///
/// let mut counters = MonotonicCounters::new();
/// let fields = ["disks", "network.interfaces.counters", "network.interfaces.index"];
/// let mut watch = client.system().watch().fields(fields).await?;
/// while let Some(event) = watch.next().await? {
///     if let SystemEvent::Sample { mut system, .. } = event {
///         counters.apply(&mut system);
///         println!("{:?}", system.disk_totals());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MonotonicCounters {
    boot_id: Vec<u8>,
    disks: Memory<13>,
    interfaces: Memory<10>,
}

impl MonotonicCounters {
    /// Without a past: the first snapshot stays as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Corrects the counters of the next snapshot, in place.
    pub fn apply(&mut self, system: &mut System) {
        let boot_id = system.sampled.as_ref().map(|sampled| &sampled.boot_id[..]).unwrap_or_default();
        let rebooted = !self.boot_id.is_empty() && !boot_id.is_empty() && self.boot_id != boot_id;
        if !boot_id.is_empty() {
            self.boot_id = boot_id.to_vec();
        }
        if rebooted {
            self.disks.begin_anew();
            self.interfaces.begin_anew();
        }
        if !system.disks.is_empty() {
            self.disks.apply(system.disks.iter_mut().map(disk_row));
        }
        let interfaces = system.network.iter_mut().flat_map(|network| &mut network.interfaces);
        let mut rows = interfaces.filter_map(interface_row).peekable();
        if rows.peek().is_some() {
            self.interfaces.apply(rows);
        }
    }

    /// Forgets everything. psutil: `cache_clear()`.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The counters of one device in a snapshot.
struct Row<'a, const N: usize> {
    name: &'a [u8],
    /// What another device of the same name has otherwise, if it is known.
    identity: Option<u64>,
    counters: [&'a mut Option<u64>; N],
    /// From here on they are times in 32 bits of milliseconds.
    first_time: usize,
}

fn disk_row(disk: &mut Disk) -> Row<'_, 13> {
    Row {
        name: &disk.name,
        identity: Some(u64::from(disk.major) << 32 | u64::from(disk.minor)),
        counters: [
            &mut disk.reads,
            &mut disk.writes,
            &mut disk.read_bytes,
            &mut disk.write_bytes,
            &mut disk.reads_merged,
            &mut disk.writes_merged,
            &mut disk.discards,
            &mut disk.discarded_bytes,
            &mut disk.flushes,
            &mut disk.read_time_ns,
            &mut disk.write_time_ns,
            &mut disk.busy_time_ns,
            &mut disk.weighted_time_ns,
        ],
        first_time: 9,
    }
}

fn interface_row(interface: &mut NetworkInterface) -> Option<Row<'_, 10>> {
    let counters = interface.counters.as_mut()?;
    Some(Row {
        name: &interface.name,
        identity: interface.index.map(u64::from),
        counters: [
            &mut counters.received_bytes,
            &mut counters.received_packets,
            &mut counters.receive_errors,
            &mut counters.receive_drops,
            &mut counters.sent_bytes,
            &mut counters.sent_packets,
            &mut counters.send_errors,
            &mut counters.send_drops,
            &mut counters.received_multicast,
            &mut counters.collisions,
        ],
        first_time: 10,
    })
}

/// What is remembered of the devices of one kind, by name.
#[derive(Clone, Debug)]
struct Memory<const N: usize> {
    devices: HashMap<Vec<u8>, Device<N>>,
    snapshots: u64,
}

#[derive(Clone, Debug)]
struct Device<const N: usize> {
    identity: Option<u64>,
    counters: [Counter; N],
    /// Number of the last snapshot that it was in.
    seen: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    /// As the kernel told it last.
    raw: Option<u64>,
    /// What it had reached before it began anew.
    carried: u64,
}

impl<const N: usize> Memory<N> {
    fn apply<'a>(&mut self, rows: impl Iterator<Item = Row<'a, N>>) {
        self.snapshots += 1;
        let mut present = 0;
        for row in rows {
            present += 1;
            if !self.devices.contains_key(row.name) {
                let unknown = Device { identity: row.identity, counters: [Counter::default(); N], seen: 0 };
                self.devices.insert(row.name.to_vec(), unknown);
            }
            if let Some(device) = self.devices.get_mut(row.name) {
                device.apply(row);
                device.seen = self.snapshots;
            }
        }
        if self.devices.len() > LONGEST_MEMORY.saturating_add(present) {
            self.forget_those_gone_longest(present);
        }
    }

    fn forget_those_gone_longest(&mut self, present: usize) {
        let excess = self.devices.len().saturating_sub(LONGEST_MEMORY.saturating_add(present));
        let mut gone: Vec<(u64, Vec<u8>)> =
            self.devices.iter().map(|(name, device)| (device.seen, name.clone())).collect();
        gone.sort_unstable();
        for (_, name) in gone.iter().take(excess) {
            self.devices.remove(name);
        }
    }

    fn begin_anew(&mut self) {
        self.devices.values_mut().for_each(Device::begin_anew);
    }
}

impl<const N: usize> Device<N> {
    fn apply(&mut self, row: Row<'_, N>) {
        let is_another = matches!((self.identity, row.identity), (Some(before), Some(now)) if before != now);
        if is_another {
            self.begin_anew();
        }
        self.identity = row.identity.or(self.identity);
        for (index, (counter, value)) in self.counters.iter_mut().zip(row.counters).enumerate() {
            counter.apply(value, index >= row.first_time);
        }
    }

    fn begin_anew(&mut self) {
        self.counters.iter_mut().for_each(Counter::begin_anew);
    }
}

impl Counter {
    fn apply(&mut self, value: &mut Option<u64>, is_time: bool) {
        let Some(now) = *value else { return };
        if let Some(before) = self.raw.filter(|before| now < *before) {
            if is_time && went_over_the_wrap(before, now) {
                self.carried = self.carried.saturating_add(MILLISECONDS_WRAP_NS);
            } else {
                self.begin_anew();
            }
        }
        self.raw = Some(now);
        *value = Some(now.saturating_add(self.carried));
    }

    fn begin_anew(&mut self) {
        self.carried = self.carried.saturating_add(self.raw.take().unwrap_or_default());
    }
}

/// True if a time is less than half way round from where it was; farther means that it began anew.
fn went_over_the_wrap(before: u64, now: u64) -> bool {
    let advance = now.saturating_add(MILLISECONDS_WRAP_NS).saturating_sub(before);
    (1..MILLISECONDS_WRAP_NS / 2).contains(&advance)
}

// Written out: arrays of any length have no default.
impl<const N: usize> Default for Memory<N> {
    fn default() -> Self {
        Self { devices: HashMap::new(), snapshots: 0 }
    }
}

#[cfg(test)]
mod tests;
