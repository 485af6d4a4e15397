//! Memory and swap.

use procwire_proto::v1::{Memory, Swap};

use super::{bar::bar, page::Pairs};
use crate::render::units;

/// How full they are.
pub(super) fn memory_summary(memory: &Memory, swap: Option<&Swap>) -> Pairs {
    let mut pairs = Pairs::new();
    let line = |used: Option<u64>, total: Option<u64>, ratio: Option<f64>| {
        let (used, total, ratio) = (used?, total?, ratio?);
        let text = format!("{} of {} ({})", units::bytes(used), units::bytes(total), units::percent(ratio));
        Some(format!("{}  {text}", bar(ratio)))
    };
    let push = |pairs: &mut Pairs, label: &str, text: Option<String>| {
        pairs.extend(text.map(|text| (label.to_owned(), text)));
    };
    push(&mut pairs, "used", line(memory.used_bytes, memory.total_bytes, memory.used_ratio));
    push(
        &mut pairs,
        "swap",
        swap.and_then(|swap| match swap.total_bytes {
            Some(0) => Some("none".to_owned()),
            _ => line(swap.used_bytes, swap.total_bytes, swap.used_ratio),
        }),
    );
    pairs
}

/// What it is used for.
pub(super) fn memory_details(memory: &Memory, swap: Option<&Swap>) -> Pairs {
    let swap = swap.filter(|swap| swap.total_bytes != Some(0));
    let bytes = [
        ("available", memory.available_bytes),
        ("free", memory.free_bytes),
        ("cached", memory.cached_bytes),
        ("buffers", memory.buffers_bytes),
        ("shared", memory.shared_bytes),
        ("active", memory.active_bytes),
        ("inactive", memory.inactive_bytes),
        ("slab", memory.slab_bytes),
    ];
    let rates = [
        ("swapped in", swap.and_then(|swap| swap.swapped_in_bytes_per_second)),
        ("swapped out", swap.and_then(|swap| swap.swapped_out_bytes_per_second)),
    ];
    let bytes = bytes.into_iter().filter_map(|(name, number)| Some((name.to_owned(), units::bytes(number?))));
    let rates = rates.into_iter().filter_map(|(name, rate)| Some((name.to_owned(), units::byte_rate(rate?))));
    bytes.chain(rates).collect()
}
