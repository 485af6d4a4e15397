//! `procwire ifconfig`

use std::{ffi::OsString, os::unix::ffi::OsStrExt as _};

use clap::Args;
use procwire_client::v1::{NetworkInterface, System};
use procwire_proto::{escape, json};

use super::{one_host, rows::write_rows};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::interfaces::{blocks::interface_page, is_up, name, short::short_table},
};

/// All that is known of interfaces but their rates.
const FIELDS: [&str; 16] = [
    "network.interfaces.name",
    "network.interfaces.counters",
    "network.interfaces.addresses",
    "network.interfaces.hardware_address",
    "network.interfaces.flags",
    "network.interfaces.running",
    "network.interfaces.bits_per_second",
    "network.interfaces.duplex",
    "network.interfaces.mtu_bytes",
    "network.interfaces.index",
    "network.interfaces.kind",
    "network.interfaces.controller_index",
    "network.interfaces.operational_state",
    "network.interfaces.carrier_changes",
    "network.interfaces.alias",
    "network.interfaces.counters_reset",
];

/// Which interfaces to show, as typed.
#[derive(Debug, Args)]
pub(crate) struct IfconfigArgs {
    /// Only these interfaces
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
    /// Those that are switched off too
    #[arg(short, long)]
    all: bool,
    /// One line for each
    #[arg(short, long)]
    short: bool,
}

/// Shows network interfaces and their addresses.
pub(crate) async fn run(args: &IfconfigArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(FIELDS, None, connection).await?;
    let all = interfaces(&system, connection)?;
    let shown = choose(all, &args.names, args.all)?;
    if !out.is_for_people() {
        write_rows(out, shown.iter().map(|interface| json::to_json(*interface)))?;
    } else if args.short {
        short_table(&shown).write(&mut out.answer, out.width)?;
    } else {
        interface_page(&shown, all).write(&mut out.answer, out.width)?;
    }
    note_left_out(all, &shown, &args.names, out)?;
    one_host::note_unreadable(&system, "network.interfaces", connection, out)?;
    Ok(Exit::Success)
}

/// The interfaces of the host; an error if there are none because they could not be read.
pub(super) fn interfaces<'a>(system: &'a System, connection: &Connection) -> Result<&'a [NetworkInterface], CliError> {
    let interfaces = system.network.as_ref().map_or(&[][..], |network| &network.interfaces);
    one_host::require(system, "network.interfaces", !interfaces.is_empty(), connection.is_local)?;
    Ok(interfaces)
}

/// Those that were named, in that order, or else those that are up or `all`.
pub(super) fn choose<'a>(
    interfaces: &'a [NetworkInterface],
    names: &[OsString],
    all: bool,
) -> Result<Vec<&'a NetworkInterface>, CliError> {
    if names.is_empty() {
        return Ok(interfaces.iter().filter(|interface| all || is_up(interface)).collect());
    }
    let found = names.iter().map(|wanted| {
        let found = interfaces.iter().find(|interface| interface.name == wanted.as_bytes());
        found.ok_or_else(|| {
            let known: Vec<_> = interfaces.iter().map(name).collect();
            let wanted = escape::terminal(wanted.as_bytes());
            CliError::NothingFound(format!("no network interface {wanted}; there are {}", known.join(", ")))
        })
    });
    found.collect()
}

/// Says that a list is not whole.
pub(super) fn note_left_out(
    all: &[NetworkInterface],
    shown: &[&NetworkInterface],
    names: &[OsString],
    out: &mut Output,
) -> Result<(), CliError> {
    let left_out = all.len().saturating_sub(shown.len());
    if names.is_empty() && left_out > 0 && out.is_for_people() {
        let (noun, verb) = if left_out == 1 { ("interface", "is") } else { ("interfaces", "are") };
        out.note(&format!("{left_out} {noun} {verb} switched off and left out: --all shows all"))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn interfaces_are_chosen_by_name_or_by_being_up() {
        let interface =
            |name: &[u8], flags| NetworkInterface { name: name.to_vec(), flags, ..NetworkInterface::default() };
        let all = [interface(b"lo", Some(1)), interface(b"off", Some(0)), interface(b"odd\xff", None)];
        let names = |chosen: Result<Vec<&NetworkInterface>, CliError>| {
            chosen.unwrap().iter().map(|interface| name(interface)).collect::<Vec<_>>()
        };
        assert_eq!(names(choose(&all, &[], false)), ["lo", r"odd\xff"]);
        assert_eq!(names(choose(&all, &[], true)), ["lo", "off", r"odd\xff"]);
        let named = [OsString::from_vec(b"odd\xff".to_vec()), "off".into()];
        assert_eq!(names(choose(&all, &named, false)), [r"odd\xff", "off"]);
        let error = choose(&all, &["eth\u{1b}".into()], false).unwrap_err();
        assert_eq!(error.to_string(), r"no network interface eth\x1b; there are lo, off, odd\xff");
        assert_eq!(error.exit(), Exit::Failed);
    }
}
