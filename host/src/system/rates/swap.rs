//! How much was swapped between two readings.

use procwire_proto::{SystemFieldSet, system_fields::bit, v1::Swap};

use super::{Window, advance};

pub(super) fn add_rates(fields: SystemFieldSet, previous: &Swap, current: &mut Swap, window: Window) {
    let per_second = |before, after| advance(before, after).map(|bytes| window.per_second(bytes));
    if fields.contains(bit::SWAP_SWAPPED_IN_BYTES_PER_SECOND) {
        current.swapped_in_bytes_per_second = per_second(previous.swapped_in_bytes, current.swapped_in_bytes);
    }
    if fields.contains(bit::SWAP_SWAPPED_OUT_BYTES_PER_SECOND) {
        current.swapped_out_bytes_per_second = per_second(previous.swapped_out_bytes, current.swapped_out_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_has_its_own_rate() {
        let swap = |swapped_in, swapped_out| Swap {
            swapped_in_bytes: Some(swapped_in),
            swapped_out_bytes: Some(swapped_out),
            ..Swap::default()
        };
        let mut current = swap(8192, 0);
        add_rates(SystemFieldSet::all_served(), &swap(4096, 4096), &mut current, Window { ns: 2_000_000_000 });
        assert_eq!((current.swapped_in_bytes_per_second, current.swapped_out_bytes_per_second), (Some(2048.0), None));
    }
}
