//! What a certificate shall say.

use std::{
    fmt,
    net::IpAddr,
    str::FromStr,
    time::{Duration, SystemTime},
};

use super::PkiError;

/// Clocks of two hosts differ: a certificate made now must be valid on a host whose clock is behind.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment; whole seconds.
    pub not_before: SystemTime,
    /// Last moment; whole seconds.
    pub not_after: SystemTime,
}

impl Validity {
    /// From now (a little earlier, for clocks that are behind) for so many days.
    pub fn days(days: u32) -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs());
        Self { not_before: now - CLOCK_SKEW, not_after: now + Duration::from_secs(u64::from(days) * 86_400) }
    }
}

/// What the holder of a client certificate may do; each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// Metrics, and processes without secrets.
    Reader,
    /// Also names in environments, unmasked command lines, open files, sockets and maps.
    Inspector,
    /// Also signals, termination and settings of processes.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// As the certificate's organisation says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Inspector => "inspector",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name under which an agent is reached: `DNS:web1.example.org` or `IP:192.0.2.7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// A host name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl FromStr for SubjectName {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        let error = |problem| PkiError::SubjectName { text: text.to_owned(), problem };
        if let Some(address) = text.strip_prefix("IP:") {
            return address.parse().map(Self::Ip).map_err(|_| error("not an IP address"));
        }
        let Some(name) = text.strip_prefix("DNS:") else {
            return Err(error("write DNS:host.example.org or IP:192.0.2.7"));
        };
        if is_host_name(name) { Ok(Self::Dns(name.to_ascii_lowercase())) } else { Err(error("not a host name")) }
    }
}

/// As it is typed.
impl fmt::Display for SubjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(formatter, "DNS:{name}"),
            Self::Ip(address) => write!(formatter, "IP:{address}"),
        }
    }
}

/// How an agent on this host is reached without a name service: its host name, if it has one, and the loopback.
pub fn local_names() -> Vec<SubjectName> {
    let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut names = Vec::new();
    for text in [&format!("DNS:{}", host_name.trim()), "DNS:localhost", "IP:127.0.0.1", "IP:::1"] {
        // A host name that is none (empty, or with odd characters) is left out.
        names.extend(text.parse().ok().filter(|name| !names.contains(name)));
    }
    names
}

/// Letters, digits and inner hyphens in labels of at most 63 (RFC 1123); one leading `*.` is allowed.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let label_is_good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label_is_good)
}

/// The certificate of an agent: for servers only, good for the names and addresses it lists.
#[derive(Clone, Debug)]
pub struct AgentProfile {
    /// Common name, for people; clients look at `subject_names` only.
    pub name: String,
    /// Names and addresses under which clients reach it; at least one.
    pub subject_names: Vec<SubjectName>,
    /// When it is valid.
    pub validity: Validity,
}

/// The certificate of a client: for clients only.
#[derive(Clone, Debug)]
pub struct ClientProfile {
    /// Common name: the principal that agents see and audit.
    pub name: String,
    /// Organisation: what it may do.
    pub role: Role,
    /// When it is valid.
    pub validity: Validity,
}

/// Checks a common name that is a file name too.
pub fn check_name(name: &str) -> Result<(), PkiError> {
    let problem = if name.is_empty() || name.len() > 64 {
        // X.520 ends common names at 64 characters.
        "1 to 64 characters"
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@')) {
        "only letters, digits and - _ . @"
    } else if name.starts_with(['.', '-']) {
        "must not begin with . or -"
    } else if name == "ca" {
        "\"ca\" is the authority's own"
    } else {
        return Ok(());
    };
    Err(PkiError::Name { name: name.to_owned(), problem })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn subject_names_are_hosts_or_addresses() {
        assert_eq!("DNS:Web1.Example.org".parse::<SubjectName>().unwrap(), SubjectName::Dns("web1.example.org".into()));
        assert_eq!("DNS:*.example.org".parse::<SubjectName>().unwrap(), SubjectName::Dns("*.example.org".into()));
        assert_eq!("IP:::1".parse::<SubjectName>().unwrap(), SubjectName::Ip("::1".parse().unwrap()));
        for wrong in ["web1", "DNS:", "DNS:a..b", "DNS:-a", "DNS:a b", "IP:web1", "IP:1.2.3", "URI:x", ""] {
            assert!(wrong.parse::<SubjectName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn local_names_lead_back_here() {
        let names: Vec<_> = local_names().iter().map(ToString::to_string).collect();
        assert!(names.ends_with(&["DNS:localhost", "IP:127.0.0.1", "IP:::1"].map(str::to_owned)), "{names:?}");
    }

    #[test]
    fn names_are_safe_as_file_names() {
        for good in ["alice", "alice@example.org", "web-1.example.org", "a_b"] {
            check_name(good).unwrap();
        }
        for wrong in ["", "ca", "../x", "a/b", ".hidden", "-o", "a b", "ä", "a\u{1b}[2J", &"x".repeat(65)] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }
}
