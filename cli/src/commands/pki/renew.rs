//! `procwire pki renew`

use std::time::Duration;

use clap::Args;

use super::{days, end, say};
use crate::{
    error::CliError,
    output::Output,
    pki::{Directory, Reason, RenewOptions, Renewal, RevokeTarget, Serial},
};

/// What to renew, as typed.
#[derive(Debug, Args)]
pub(super) struct RenewArgs {
    /// Names of certificates
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Vec<String>,
    /// All that lie in the directory and are not revoked
    #[arg(long)]
    all: bool,
    /// Only those that end within this time: 30d, 12h
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    if_within: Option<Duration>,
    /// How long the new one is valid; without it, as long as the old one was
    #[arg(long, value_parser = days())]
    days: Option<u32>,
    /// Revoke the old one at once; without it, it stays good until its end, so that it can be used until the new one is in its place
    #[arg(long)]
    revoke_old: bool,
}

/// Renews, and says of each what became of it. The first that cannot be renewed ends it; those before it are done.
pub(super) fn run(args: &RenewArgs, directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    let names = if args.all { directory.renewable_names()? } else { args.name.clone() };
    let options = RenewOptions { if_within: args.if_within, days: args.days };
    let mut replaced = Vec::new();
    for name in &names {
        let line = match directory.renew(name, options)? {
            Renewal::NotDue { not_after } => format!("kept {name}: it ends {}", end(not_after, &out.clock)),
            Renewal::Renewed { stored, leaf, old, old_not_after } => {
                let line = format!(
                    "made {} anew: it ends {}",
                    stored.certificate.display(),
                    end(leaf.validity.not_after, &out.clock)
                );
                replaced.push((old, old_not_after));
                line
            }
        };
        say(&[line], out)?;
    }
    if replaced.is_empty() {
        return Ok(());
    }
    if args.revoke_old {
        revoke(&replaced, directory, out)
    } else {
        let lines = [
            String::new(),
            "Copy each with its key to where it is used; running agents and clients take it up by themselves."
                .to_owned(),
            "The old ones stay good until they end; --revoke-old or `procwire pki revoke --serial` takes them back."
                .to_owned(),
        ];
        say(&lines, out)
    }
}

fn revoke(
    replaced: &[(Serial, std::time::SystemTime)],
    directory: &Directory,
    out: &mut Output,
) -> Result<(), CliError> {
    let targets: Vec<_> = replaced.iter().map(|(serial, _)| RevokeTarget::Serial(serial.clone())).collect();
    let revocation = directory.revoke(&targets, Reason::Superseded, super::crl::valid_for_by_default(), false)?;
    super::revoke::say_revoked(&revocation, out)
}
