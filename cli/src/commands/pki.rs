//! `procwire pki init|issue|renew|revoke|crl|list|inspect|provision`

mod crl;
mod inspect;
mod issue;
mod list;
mod provision;
mod renew;
mod revoke;

use std::{path::PathBuf, time::SystemTime};

use clap::{Args, Subcommand};

use crate::{
    error::CliError,
    exit::Exit,
    output::Output,
    pki::{Authority, Directory, Stored, Validity},
    private_file::Existing,
    render::{clock::Clock, printable::printable, units},
};

/// What to make, as typed.
#[derive(Debug, Args)]
pub(crate) struct PkiArgs {
    /// Directory of the authority and of what it issues
    #[arg(long, value_name = "DIR", default_value = "procwire-pki", global = true)]
    dir: PathBuf,
    /// Replace files that are there already
    #[arg(long, global = true)]
    force: bool,
    #[command(subcommand)]
    command: PkiCommand,
}

/// What to make.
#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Make an authority: ca.crt and ca.key
    Init(InitArgs),
    /// Issue a certificate: NAME.crt and NAME.key
    #[command(subcommand)]
    Issue(issue::IssueCommand),
    /// Make certificates anew that end soon: same name, roles and names, another key; for a timer
    Renew(renew::RenewArgs),
    /// Take certificates back, and write the list of all that are: ca.crl
    Revoke(revoke::RevokeArgs),
    /// Write the revocation list anew, before it is past its time; for a timer
    Crl(crl::CrlArgs),
    /// List what was issued: good, ended or revoked
    List,
    /// Show what certificates, revocation lists and keys say, whoever made them
    Inspect(inspect::InspectArgs),
    /// Put identities of agents and clients into folders, making what is missing or ends soon, the authority too
    Provision(provision::ProvisionArgs),
}

const AUTHORITY_DAYS: u32 = 3650;

#[derive(Debug, Args)]
struct InitArgs {
    /// Its name, for people
    #[arg(long, default_value = "procwire authority")]
    name: String,
    /// How long it is valid
    #[arg(long, default_value_t = AUTHORITY_DAYS, value_parser = days())]
    days: u32,
}

/// Makes an authority, or does something with what it issues.
pub(crate) fn run(args: &PkiArgs, out: &mut Output) -> Result<Exit, CliError> {
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let directory = Directory::new(&args.dir, existing);
    match &args.command {
        PkiCommand::Init(init) => {
            let stored = directory.init(&Authority::create(&init.name, Validity::days(init.days))?)?;
            say(&after_init(&stored, &directory), out)?;
        }
        PkiCommand::Issue(args) => issue::run(args, &directory, out)?,
        PkiCommand::Renew(args) => renew::run(args, &directory, out)?,
        PkiCommand::Revoke(args) => revoke::run(args, &directory, out)?,
        PkiCommand::Crl(args) => crl::run(args, &directory, out)?,
        PkiCommand::List => list::run(&directory, out)?,
        PkiCommand::Inspect(args) => inspect::run(args, &directory, out)?,
        PkiCommand::Provision(args) => provision::run(args, &directory, out)?,
    }
    Ok(Exit::Success)
}

fn say(lines: &[String], out: &mut Output) -> Result<(), CliError> {
    for line in lines {
        writeln!(out.answer, "{}", printable(line))?;
    }
    Ok(())
}

fn made(stored: &Stored) -> String {
    format!("made {} and {}", stored.certificate.display(), stored.key.display())
}

fn after_init(stored: &Stored, directory: &Directory) -> Vec<String> {
    let dir = directory.path().display();
    vec![
        made(stored),
        format!("Keep {} to yourself: whoever has it can be anyone.", stored.key.display()),
        String::new(),
        "Next, a certificate for each agent and each caller:".to_owned(),
        format!("  procwire pki issue agent HOST --dir {dir} --san DNS:HOST"),
        format!("  procwire pki issue client NAME --dir {dir} --role reader"),
    ]
}

/// `2026-12-04 10:00:00 +01:00, in 12 d 3 h`.
fn end(moment: SystemTime, clock: &Clock) -> String {
    let moment = moment.into();
    match (clock.until(&moment), clock.since(&moment)) {
        (Some(left), _) => format!("{}, in {}", clock.full(&moment), units::span(left)),
        (None, Some(ago)) => format!("{}, {} ago", clock.full(&moment), units::span(ago)),
        (None, None) => clock.full(&moment),
    }
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=36_500)
}
