//! Whether the mains feed this host.

use super::{super::attribute::AttributeText, supply::Supply};

/// By what is plugged in, wherever it is called: `AC`, `ADP1`, `ACAD`, a USB port that takes power. Where nothing of this can be told,
/// the state of the batteries decides, as in psutil; a battery that charges is fed by something in any case.
pub(super) fn connected(supplies: &mut [Supply], text: &mut AttributeText) -> Option<bool> {
    let (mut is_offline, mut has_battery) = (false, false);
    let (mut charges, mut discharges, mut is_full) = (false, false, false);
    for supply in supplies.iter_mut().filter(|supply| supply.is_of_this_host()) {
        if supply.is_battery() {
            if is_absent(supply, text) {
                continue;
            }
            has_battery = true;
            match supply.word("status", text) {
                Some(Ok(b"Charging")) => charges = true,
                Some(Ok(b"Discharging")) => discharges = true,
                Some(Ok(b"Full")) => is_full = true,
                _ => {}
            }
        } else {
            match supply.number("online", text) {
                // 1 and 2: at a fixed, at a programmable voltage.
                Some(Ok(1..)) => return Some(true),
                Some(Ok(_)) => is_offline = true,
                Some(Err(_)) | None => {}
            }
        }
    }
    match (charges, is_offline && has_battery, discharges, is_full) {
        (true, ..) => Some(true),
        // A desktop may have ports that could take power, all of them offline: without a battery it is fed by something else.
        (_, true, ..) | (_, _, true, _) => Some(false),
        (.., true) => Some(true),
        _ => None,
    }
}

/// True of the bay of a battery that is not in it.
pub(super) fn is_absent(supply: &mut Supply, text: &mut AttributeText) -> bool {
    matches!(supply.number("present", text), Some(Ok(0)))
}
