//! `procwire pki init|issue|provision`

mod provision;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::provision::ProvisionArgs;
use crate::{
    error::CliError,
    exit::Exit,
    output::Output,
    pki::{AgentProfile, Authority, ClientProfile, Directory, Role, Stored, SubjectName, Validity, local_names},
    private_file::Existing,
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
    Issue(IssueCommand),
    /// Put identities of agents and clients into folders, making what is missing or ends soon, the authority too
    Provision(ProvisionArgs),
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

#[derive(Debug, Subcommand)]
enum IssueCommand {
    /// For an agent: good for servers only
    Agent(AgentArgs),
    /// For a client: good for clients only, with what it may do
    Client(ClientArgs),
}

#[derive(Debug, Args)]
struct AgentArgs {
    /// Its name, and that of its files
    name: String,
    /// Name or address that clients reach it by, may be given several times: DNS:web1.example.org, IP:192.0.2.7;
    /// without it: this host's name, localhost, 127.0.0.1 and ::1
    #[arg(long, value_name = "NAME")]
    san: Vec<SubjectName>,
    /// How long it is valid
    #[arg(long, default_value_t = 365, value_parser = days())]
    days: u32,
}

#[derive(Debug, Args)]
struct ClientArgs {
    /// Its name, which agents see and audit, and that of its files
    name: String,
    /// What it may do; each role includes those before it
    #[arg(long)]
    role: Role,
    /// How long it is valid
    #[arg(long, default_value_t = 90, value_parser = days())]
    days: u32,
}

/// Makes an authority or issues a certificate.
pub(crate) fn run(args: &PkiArgs, out: &mut Output) -> Result<Exit, CliError> {
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    let directory = Directory::new(&args.dir, existing);
    let lines = match &args.command {
        PkiCommand::Init(init) => {
            let stored = directory.init(&Authority::create(&init.name, Validity::days(init.days))?)?;
            after_init(&stored, &directory)
        }
        PkiCommand::Issue(IssueCommand::Agent(agent)) => {
            let subject_names = if agent.san.is_empty() { local_names() } else { agent.san.clone() };
            let profile =
                AgentProfile { name: agent.name.clone(), subject_names, validity: Validity::days(agent.days) };
            let stored = directory.issue_agent(&profile)?;
            after_agent(&stored, &directory, &profile)
        }
        PkiCommand::Issue(IssueCommand::Client(client)) => {
            let profile =
                ClientProfile { name: client.name.clone(), role: client.role, validity: Validity::days(client.days) };
            let stored = directory.issue_client(&profile)?;
            after_client(&stored, &directory, &profile)
        }
        PkiCommand::Provision(args) => {
            provision::run(args, &directory, out)?;
            return Ok(Exit::Success);
        }
    };
    for line in lines {
        writeln!(out.answer, "{line}")?;
    }
    Ok(Exit::Success)
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

fn after_agent(stored: &Stored, directory: &Directory, profile: &AgentProfile) -> Vec<String> {
    let names: Vec<_> = profile.subject_names.iter().map(ToString::to_string).collect();
    vec![
        made(stored),
        format!("It is good for {}.", names.join(", ")),
        String::new(),
        "Next, on that host:".to_owned(),
        "  procwired --listen 0.0.0.0:7443 \\".to_owned(),
        format!("    --tls-certificate {} \\", stored.certificate.display()),
        format!("    --tls-key {} \\", stored.key.display()),
        format!("    --tls-client-ca {}", directory.authority_certificate().display()),
    ]
}

fn after_client(stored: &Stored, directory: &Directory, profile: &ClientProfile) -> Vec<String> {
    vec![
        made(stored),
        format!("It is {} with the role {}.", profile.name, profile.role),
        String::new(),
        "Next, once for each agent:".to_owned(),
        "  procwire context add NAME --endpoint https://HOST:7443 \\".to_owned(),
        format!("    --ca {} \\", directory.authority_certificate().display()),
        format!("    --cert {} --key {}", stored.certificate.display(), stored.key.display()),
    ]
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=36_500)
}
