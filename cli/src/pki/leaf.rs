//! What a certificate of an agent or a client says, whichever it is.

use procwire_client::SpiffeId;

use super::{AgentProfile, ClientProfile, PkiError, Role, SubjectName, Validity, check_name};

/// What a certificate is good for; never for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Servers: an agent shows it to its callers.
    Agent,
    /// Clients: a caller shows it to agents.
    Client,
}

impl Purpose {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Client => "client",
        }
    }
}

/// All that a certificate shall say. It is put together here, never taken from a request of the one who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Common name.
    pub name: String,
    /// Whether an agent or a client has it.
    pub purpose: Purpose,
    /// Organisations: roles, and groups that a policy knows. None for agents.
    pub organisations: Vec<String>,
    /// Names and addresses under which an agent is reached. None for clients.
    pub subject_names: Vec<SubjectName>,
    /// Who it is in SPIFFE's words; to agents, this is then the principal in place of the common name.
    pub spiffe_id: Option<SpiffeId>,
    /// When it is valid.
    pub validity: Validity,
}

impl Leaf {
    /// Refuses what no certificate shall say.
    pub(super) fn check(&self) -> Result<(), PkiError> {
        check_name(&self.name)?;
        match self.purpose {
            Purpose::Agent if self.subject_names.is_empty() && self.spiffe_id.is_none() => {
                Err(PkiError::SubjectName { text: String::new(), problem: "an agent needs at least one" })
            }
            Purpose::Agent if !self.organisations.is_empty() => {
                Err(PkiError::Group { name: self.organisations.join(", "), problem: "an agent has none" })
            }
            Purpose::Client if !self.subject_names.is_empty() => {
                let text = self.subject_names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Err(PkiError::SubjectName { text, problem: "a client has none" })
            }
            _ => self.organisations.iter().try_for_each(|name| check_organisation(name)),
        }
    }
}

/// Checks the name of a group that is no role.
pub fn check_group(name: &str) -> Result<(), PkiError> {
    check_organisation(name)?;
    if <Role as clap::ValueEnum>::from_str(name, true).is_ok() {
        return Err(PkiError::Group { name: name.to_owned(), problem: "it is a role; give it with --role" });
    }
    Ok(())
}

fn check_organisation(name: &str) -> Result<(), PkiError> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b':' | b'/');
    let problem = if name.is_empty() || name.len() > 64 {
        // X.520 ends organisations at 64 characters.
        "1 to 64 characters"
    } else if !name.bytes().all(is_good) {
        "only letters, digits and - _ . @ : /"
    } else {
        return Ok(());
    };
    Err(PkiError::Group { name: name.to_owned(), problem })
}

impl From<&AgentProfile> for Leaf {
    fn from(profile: &AgentProfile) -> Self {
        let AgentProfile { name, subject_names, validity } = profile.clone();
        Self { name, purpose: Purpose::Agent, organisations: Vec::new(), subject_names, spiffe_id: None, validity }
    }
}

impl From<&ClientProfile> for Leaf {
    fn from(profile: &ClientProfile) -> Self {
        let ClientProfile { name, role, validity } = profile.clone();
        Self {
            name,
            purpose: Purpose::Client,
            organisations: vec![role.as_str().to_owned()],
            subject_names: Vec::new(),
            spiffe_id: None,
            validity,
        }
    }
}
