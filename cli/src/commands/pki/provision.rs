//! `procwire pki provision`

use std::{fs, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;

use crate::{
    error::CliError,
    output::Output,
    pki::{
        AgentProfile, Authority, ClientProfile, Directory, Found, PkiError, Provision, Provisioned, Role, SubjectName,
        Validity,
    },
    render::printable::printable,
};

const DAY: Duration = Duration::from_secs(86_400);

/// Which identities shall be there, as typed.
#[derive(Debug, Args)]
pub(super) struct ProvisionArgs {
    /// Directory in which each identity has its own: NAME/ca.crt, NAME/tls.crt, NAME/tls.key; of an agent also NAME/health.crt and
    /// NAME/health.key, a reader, for its health check
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// An agent, and what it is reached by; may be given several times: host-a, or host-a=DNS:host-a.example.org,IP:192.0.2.7;
    /// without names: its own, localhost, 127.0.0.1 and ::1
    #[arg(long, value_name = "NAME[=NAMES]")]
    agent: Vec<Agent>,
    /// A client, and what it may do; may be given several times: alice=operator
    #[arg(long, value_name = "NAME=ROLE")]
    client: Vec<Client>,
    /// User and group that the keys are given to, by number
    #[arg(long, value_name = "UID:GID")]
    owner: Option<Owner>,
    /// How long certificates are valid
    #[arg(long, default_value_t = 365, value_parser = super::days())]
    days: u32,
    /// A certificate that ends within so many days is made anew
    #[arg(long, default_value_t = 30, value_parser = super::days(), value_name = "DAYS")]
    renew_within: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    name: String,
    subject_names: Vec<SubjectName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Client {
    name: String,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner(u32, u32);

/// Makes what is missing or no longer good, the authority too, and says what it did.
pub(super) fn run(args: &ProvisionArgs, directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    if args.renew_within >= args.days {
        let problem = "--renew-within must be less than --days, or every run makes every certificate anew";
        return Err(CliError::Usage(problem.to_owned()));
    }
    let authority = authority(directory, out)?;
    let provision = Provision {
        into: args.into.clone(),
        owner: args.owner.map(|Owner(user, group)| (user, group)),
        renew_within: args.renew_within * DAY,
    };
    let validity = Validity::days(args.days);
    for Agent { name, subject_names } in args.agent.clone() {
        let provisioned = provision.agent(&authority, &AgentProfile { name, subject_names, validity })?;
        say(&provisioned, directory, out)?;
    }
    for Client { name, role } in args.client.clone() {
        say(&provision.client(&authority, &ClientProfile { name, role, validity })?, directory, out)?;
    }
    Ok(())
}

fn authority(directory: &Directory, out: &mut Output) -> Result<Authority, CliError> {
    match directory.authority() {
        // Half of an authority is not replaced: init says that the other half is there.
        Err(PkiError::NoAuthority { .. }) => {}
        other => return Ok(other?),
    }
    let authority = Authority::create("procwire authority", Validity::days(super::AUTHORITY_DAYS))?;
    let stored = directory.init(&authority)?;
    writeln!(out.answer, "made {}", printable(&stored.certificate.display().to_string()))?;
    Ok(authority)
}

fn say(provisioned: &[Provisioned], directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    for Provisioned { certificate, found } in provisioned {
        // Those that an earlier version made and did not note, too.
        let pem = fs::read_to_string(certificate);
        let pem = pem.map_err(|source| PkiError::Io { operation: "read", path: certificate.clone(), source })?;
        directory.record(&pem)?;
        let did = match found {
            Found::Good => "kept",
            Found::Nothing => "made",
            Found::Unfit => "made anew",
        };
        writeln!(out.answer, "{did} {}", printable(&certificate.display().to_string()))?;
    }
    Ok(())
}

// === what is typed ===

impl FromStr for Agent {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        let (name, names) = match text.split_once('=') {
            Some((name, names)) => (name, names.split(',').map(str::to_owned).collect()),
            None => {
                (text, [format!("DNS:{text}"), "DNS:localhost".into(), "IP:127.0.0.1".into(), "IP:::1".into()].into())
            }
        };
        let names: Vec<String> = names;
        let subject_names = names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), subject_names })
    }
}

impl FromStr for Client {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, role) = text.split_once('=').ok_or("write NAME=ROLE, such as alice=reader")?;
        let role = <Role as clap::ValueEnum>::from_str(role, false)?;
        Ok(Self { name: name.to_owned(), role })
    }
}

impl FromStr for Owner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number of a user or group"));
        let (user, group) = text.split_once(':').ok_or("write UID:GID, such as 65532:65532")?;
        Ok(Self(number(user)?, number(group)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_reached_by_its_name_and_by_itself_unless_told() {
        let names = |text: &str| {
            let agent: Agent = text.parse().unwrap();
            (agent.name, agent.subject_names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("host-a"), ("host-a".to_owned(), "DNS:host-a DNS:localhost IP:127.0.0.1 IP:::1".to_owned()));
        assert_eq!(names("a=DNS:x.y,IP:192.0.2.7"), ("a".to_owned(), "DNS:x.y IP:192.0.2.7".to_owned()));
        for wrong in ["a=", "a=x.y", "a b", ""] {
            assert!(wrong.parse::<Agent>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn clients_have_a_role_and_owners_two_numbers() {
        assert_eq!("alice=operator".parse(), Ok(Client { name: "alice".to_owned(), role: Role::Operator }));
        assert_eq!("65532:0".parse(), Ok(Owner(65_532, 0)));
        for wrong in ["alice", "alice=", "alice=king"] {
            assert!(wrong.parse::<Client>().is_err(), "{wrong:?}");
        }
        for wrong in ["65532", ":", "a:b", "1:-1", "1:99999999999"] {
            assert!(wrong.parse::<Owner>().is_err(), "{wrong:?}");
        }
    }
}
