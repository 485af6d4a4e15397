//! `procwire pki revoke`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{crl, days, say};
use crate::{
    error::CliError,
    output::Output,
    pki::{Directory, Entry, Reason, Revocation, RevokeTarget, Serial},
};

/// What to revoke, as typed.
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// Names, which mean every certificate of that name that has not ended; or files with a certificate
    #[arg(value_name = "NAME|FILE", required_unless_present = "serial")]
    target: Vec<String>,
    /// Serial number, as `procwire pki list` shows it; may be given several times
    #[arg(long, value_name = "HEX")]
    serial: Vec<Serial>,
    /// Why
    #[arg(long, value_enum, default_value_t = Reason::Unspecified)]
    reason: Reason,
    /// Revoke serial numbers also if nothing is known of them here
    #[arg(long)]
    unknown: bool,
    /// For how long the list is good
    #[arg(long, default_value_t = crl::VALID_DAYS, value_parser = days())]
    days: u32,
}

/// Revokes all or nothing, and says what.
pub(super) fn run(args: &RevokeArgs, directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    let named = args.target.iter().map(|text| target(text, directory));
    let targets: Vec<_> = named.chain(args.serial.iter().cloned().map(RevokeTarget::Serial)).collect();
    let revocation = directory.revoke(&targets, args.reason, crl::valid_for(args.days), args.unknown)?;
    say_revoked(&revocation, out)
}

/// A name that was issued is that; else what is a file is a file.
fn target(text: &str, directory: &Directory) -> RevokeTarget {
    let is_name =
        || directory.registry().is_ok_and(|registry| registry.entries().iter().any(|entry| entry.is_named(text)));
    if text.contains('/') || (Path::new(text).is_file() && !is_name()) {
        RevokeTarget::File(PathBuf::from(text))
    } else {
        RevokeTarget::Name(text.to_owned())
    }
}

pub(super) fn say_revoked(revocation: &Revocation, out: &mut Output) -> Result<(), CliError> {
    let Revocation { revoked, already, list } = revocation;
    let mut lines: Vec<_> = revoked.iter().map(|entry| format!("revoked {}", described(entry))).collect();
    lines.extend(already.iter().map(|entry| format!("revoked earlier: {}", described(entry))));
    lines.push(crl::written(list, out));
    lines.extend([
        String::new(),
        "Next, put it where agents have it as tls.client_crl: they take it up within seconds, and end".to_owned(),
        "calls and streams that are open. Write it anew before it is past its time: procwire pki crl.".to_owned(),
    ]);
    say(&lines, out)
}

fn described(entry: &Entry) -> String {
    match &entry.certificate {
        Some(known) => format!("{}, serial number {}", known.name, entry.serial),
        None => format!("serial number {}, of which nothing else is known here", entry.serial),
    }
}
