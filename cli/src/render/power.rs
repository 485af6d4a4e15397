//! Batteries: how much is left, for how long, and how worn they are.

use std::time::Duration;

use procwire_proto::{
    escape,
    v1::{Battery, Power},
};

use super::{page::Page, units, unreadable};

/// One line for a host without any battery.
pub(crate) fn no_battery(power: Option<&Power>) -> &'static str {
    match power.and_then(|power| power.mains_connected) {
        Some(true) => "no battery; mains power is connected",
        Some(false) => "no battery that this host tells of, and no mains power",
        None => "no battery",
    }
}

/// A section for each battery, and mains power.
pub(crate) fn battery_page(power: &Power) -> Page {
    let mut page = Page::default();
    for battery in &power.batteries {
        page.list(title(battery), pairs(battery));
    }
    if let Some(is_connected) = power.mains_connected {
        page.list(
            "Mains power",
            vec![(String::from("state"), if is_connected { "connected" } else { "not connected" }.to_owned())],
        );
    }
    page
}

/// `BAT0: discharging, 78.0 %, 3 h 12 min left`.
fn title(battery: &Battery) -> String {
    let name = escape::terminal(&battery.name);
    // What feeds a mouse does not keep this host running.
    let name = match battery.scope.as_deref() {
        Some("Device") => format!("{name} (of a device, not of this host)"),
        _ => name.into_owned(),
    };
    let status = battery.status.as_deref().map(|status| escape::terminal(status.as_bytes()).to_lowercase());
    let parts = [status, battery.charge_ratio.map(units::percent), time(battery)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { name } else { format!("{name}: {}", parts.join(", ")) }
}

fn time(battery: &Battery) -> Option<String> {
    let span = |nanoseconds| units::span(Duration::from_nanos(nanoseconds));
    match (battery.time_left_ns, battery.time_to_full_ns) {
        (Some(left), _) => Some(format!("{} left", span(left))),
        (None, Some(to_full)) => Some(format!("full in {}", span(to_full))),
        (None, None) => None,
    }
}

fn pairs(battery: &Battery) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut push = |label: &str, text: Option<String>| pairs.extend(text.map(|text| (label.to_owned(), text)));
    push("energy", of_full(battery.energy_watt_hours, battery.full_energy_watt_hours, "Wh"));
    push("charge", of_full(battery.charge_ampere_hours, battery.full_charge_ampere_hours, "Ah"));
    push("health", health(battery));
    push("cycles", battery.cycles.map(|cycles| units::count(cycles.into())));
    push("power", battery.power_watts.map(|watts| format!("{watts:.1} W {}", direction(battery))));
    push("voltage", battery.volts.map(|volts| format!("{volts:.2} V")));
    push("technology", battery.technology.as_deref().map(|text| escape::terminal(text.as_bytes()).into_owned()));
    for (reason, fields) in unreadable::by_reason(&battery.errors) {
        push("not readable", Some(format!("{fields}: {reason}")));
    }
    if pairs.is_empty() {
        // A section of nothing would not be shown.
        pairs.push(("nothing more".to_owned(), "is known of it".to_owned()));
    }
    pairs
}

fn of_full(now: Option<f64>, full: Option<f64>, unit: &str) -> Option<String> {
    match (now, full) {
        (Some(now), Some(full)) => Some(format!("{now:.1} {unit} of {full:.1} {unit} when full")),
        (Some(now), None) => Some(format!("{now:.1} {unit}")),
        (None, Some(full)) => Some(format!("{full:.1} {unit} when full")),
        (None, None) => None,
    }
}

/// What it holds of what it held when it was new.
fn health(battery: &Battery) -> Option<String> {
    let (full, design) = (battery.full_energy_watt_hours?, battery.design_energy_watt_hours?);
    (design > 0.0).then(|| format!("{} of the {design:.1} Wh that it held when new", units::percent(full / design)))
}

fn direction(battery: &Battery) -> &'static str {
    match battery.status.as_deref() {
        Some("Discharging") => "drawn",
        Some("Charging") => "charged",
        _ => "in or out",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{FieldError, FieldErrorReason};

    use super::*;

    fn printed(power: &Power, width: Option<u16>) -> String {
        let mut out = Vec::new();
        battery_page(power).write(&mut out, width).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    fn laptop() -> Power {
        let battery = Battery {
            name: b"BAT0".to_vec(),
            charge_ratio: Some(0.78),
            time_left_ns: Some(11_520_000_000_000),
            status: Some("Discharging".to_owned()),
            energy_watt_hours: Some(38.22),
            full_energy_watt_hours: Some(49.0),
            design_energy_watt_hours: Some(57.0),
            power_watts: Some(11.94),
            cycles: Some(312),
            volts: Some(11.913),
            technology: Some("Li-ion".to_owned()),
            scope: Some("System".to_owned()),
            ..Battery::default()
        };
        let mouse = Battery {
            name: b"evil\n\x1b[2J\xff".to_vec(),
            scope: Some("Device".to_owned()),
            status: Some("\x07".to_owned()),
            errors: vec![FieldError {
                path: "charge_ratio".to_owned(),
                reason: FieldErrorReason::InvalidData.into(),
                ..FieldError::default()
            }],
            ..Battery::default()
        };
        Power { batteries: vec![battery, mouse], mains_connected: Some(false) }
    }

    #[test]
    fn a_battery_says_first_how_long_it_lasts() {
        let wanted = r"BAT0: discharging, 78.0 %, 3 h 12 min left
  energy      38.2 Wh of 49.0 Wh when full
  health      86.0 % of the 57.0 Wh that it held when new
  cycles      312
  power       11.9 W drawn
  voltage     11.91 V
  technology  Li-ion

evil\n\x1b[2J\xff (of a device, not of this host): \x07
  not readable  charge_ratio: invalid data

Mains power
  state  not connected
";
        assert_eq!(printed(&laptop(), Some(80)), wanted);
        assert_eq!(printed(&laptop(), Some(200)), wanted);
    }

    #[test]
    fn charging_and_batteries_without_energy_are_told_too() {
        let battery = Battery {
            name: b"BAT1".to_vec(),
            status: Some("Charging".to_owned()),
            time_to_full_ns: Some(65_000_000_000),
            charge_ampere_hours: Some(1.5),
            full_charge_ampere_hours: Some(4.0),
            design_energy_watt_hours: Some(0.0),
            full_energy_watt_hours: Some(1.0),
            power_watts: Some(20.0),
            ..Battery::default()
        };
        let page = printed(&Power { batteries: vec![battery], mains_connected: Some(true) }, None);
        for wanted in
            ["BAT1: charging, full in 1 min 5 s\n", "1.5 Ah of 4.0 Ah when full", "20.0 W charged", "connected"]
        {
            assert!(page.contains(wanted), "{wanted} is not in:\n{page}");
        }
        assert!(!page.contains("health"), "nothing is a share of nothing");
    }

    #[test]
    fn a_host_without_a_battery_has_one_line() {
        assert_eq!(no_battery(None), "no battery");
        assert_eq!(
            no_battery(Some(&Power { mains_connected: Some(true), ..Power::default() })),
            "no battery; mains power is connected"
        );
    }
}
