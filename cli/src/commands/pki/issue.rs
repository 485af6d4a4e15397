//! `procwire pki issue agent|client`

use clap::{Args, Subcommand};
use procwire_client::SpiffeId;

use super::{days, made, say};
use crate::{
    error::CliError,
    output::Output,
    pki::{Directory, Entry, Leaf, PkiError, Purpose, Role, Stored, SubjectName, Validity, check_group, local_names},
};

#[derive(Debug, Subcommand)]
pub(super) enum IssueCommand {
    /// For an agent: good for servers only
    Agent(AgentArgs),
    /// For a client: good for clients only, with what it may do
    Client(ClientArgs),
}

#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    /// Its name, and that of its files
    name: String,
    /// Name or address that clients reach it by, may be given several times: DNS:web1.example.org, IP:192.0.2.7;
    /// without it: this host's name, localhost, 127.0.0.1 and ::1
    #[arg(long, value_name = "NAME")]
    san: Vec<SubjectName>,
    /// Who it is, for clients that check that and not a name: spiffe://example.org/procwire/web1
    #[arg(long, value_name = "ID")]
    spiffe_id: Option<SpiffeId>,
    /// How long it is valid
    #[arg(long, default_value_t = 365, value_parser = days())]
    days: u32,
}

#[derive(Debug, Args)]
pub(super) struct ClientArgs {
    /// Its name, which agents see and audit, and that of its files
    name: String,
    /// What it may do; each role includes those before it
    #[arg(long, required_unless_present = "group")]
    role: Option<Role>,
    /// Group that the policy of an agent knows; may be given several times
    #[arg(long, value_name = "GROUP", value_parser = group)]
    group: Vec<String>,
    /// Who it is: spiffe://example.org/team/alice; agents see and audit this in place of its name
    #[arg(long, value_name = "ID")]
    spiffe_id: Option<SpiffeId>,
    /// How long it is valid
    #[arg(long, default_value_t = 90, value_parser = days())]
    days: u32,
}

/// Issues one certificate, and says what to do with it and with an earlier one.
pub(super) fn run(command: &IssueCommand, directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    let leaf = match command {
        IssueCommand::Agent(args) => agent(args),
        IssueCommand::Client(args) => client(args),
    };
    let earlier = directory.good_ones(&leaf.name)?;
    let stored = directory.issue(&leaf)?;
    let mut lines = match leaf.purpose {
        Purpose::Agent => after_agent(&stored, directory, &leaf),
        Purpose::Client => after_client(&stored, directory, &leaf),
    };
    lines.extend(beside(&earlier, directory));
    say(&lines, out)
}

fn agent(args: &AgentArgs) -> Leaf {
    let subject_names = match (args.san.as_slice(), &args.spiffe_id) {
        ([], None) => local_names(),
        (names, _) => names.to_vec(),
    };
    Leaf {
        name: args.name.clone(),
        purpose: Purpose::Agent,
        organisations: Vec::new(),
        subject_names,
        spiffe_id: args.spiffe_id.clone(),
        validity: Validity::days(args.days),
    }
}

fn client(args: &ClientArgs) -> Leaf {
    let mut organisations: Vec<String> = args.role.iter().map(|role| role.as_str().to_owned()).collect();
    for group in &args.group {
        if !organisations.contains(group) {
            organisations.push(group.clone());
        }
    }
    Leaf {
        name: args.name.clone(),
        purpose: Purpose::Client,
        organisations,
        subject_names: Vec::new(),
        spiffe_id: args.spiffe_id.clone(),
        validity: Validity::days(args.days),
    }
}

fn after_agent(stored: &Stored, directory: &Directory, leaf: &Leaf) -> Vec<String> {
    let names: Vec<_> = leaf.subject_names.iter().map(ToString::to_string).chain(id(leaf)).collect();
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

fn after_client(stored: &Stored, directory: &Directory, leaf: &Leaf) -> Vec<String> {
    let (roles, groups): (Vec<&String>, Vec<_>) =
        leaf.organisations.iter().partition(|name| check_group(name).is_err());
    let what = |kind: &str, names: &[&String]| {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let plural = if names.len() > 1 { "s" } else { "" };
        (!names.is_empty()).then(|| format!("the {kind}{plural} {}", names.join(", ")))
    };
    let has: Vec<_> = what("role", &roles).into_iter().chain(what("group", &groups)).collect();
    let name = id(leaf).unwrap_or_else(|| leaf.name.clone());
    vec![
        made(stored),
        format!("It is {name} with {}.", has.join(" and ")),
        String::new(),
        "Next, once for each agent:".to_owned(),
        "  procwire context add NAME --endpoint https://HOST:7443 \\".to_owned(),
        format!("    --ca {} \\", directory.authority_certificate().display()),
        format!("    --cert {} --key {}", stored.certificate.display(), stored.key.display()),
    ]
}

fn id(leaf: &Leaf) -> Option<String> {
    leaf.spiffe_id.as_ref().map(ToString::to_string)
}

/// One that was replaced is not taken back by that.
fn beside(earlier: &[Entry], directory: &Directory) -> Vec<String> {
    if earlier.is_empty() {
        return Vec::new();
    }
    let dir = directory.path().display();
    let mut lines = vec![
        String::new(),
        "Earlier certificates of this name stay good until they end. To take them back:".to_owned(),
    ];
    lines.extend(earlier.iter().map(|entry| format!("  procwire pki revoke --dir {dir} --serial {}", entry.serial)));
    lines
}

fn group(text: &str) -> Result<String, PkiError> {
    check_group(text)?;
    Ok(text.to_owned())
}
