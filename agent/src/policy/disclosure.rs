//! The classes of data as roles and rules grant them: two of them in steps, because they carry secrets.

use std::collections::BTreeMap;

use procwire_proto::{DataClass, v1::ErrorReason};

use crate::{
    access::{Role, RoleSet},
    status::Failure,
};

/// A class of data, or a further step of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disclosure {
    /// What `ps` shows to everyone, and the figures of the host.
    Basic,
    /// Command lines, with secrets masked.
    Cmdline,
    /// Command lines as they are.
    CmdlineSecrets,
    /// The names of environment variables.
    Environ,
    /// Their values, with secrets masked.
    EnvironValues,
    /// Their values as they are. No role includes it: only a rule can allow it.
    EnvironSecrets,
    /// Open files.
    Files,
    /// Sockets and their holders.
    Sockets,
    /// Mappings of address spaces.
    Maps,
}

impl Disclosure {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Basic,
        Self::Cmdline,
        Self::CmdlineSecrets,
        Self::Environ,
        Self::EnvironValues,
        Self::EnvironSecrets,
        Self::Files,
        Self::Sockets,
        Self::Maps,
    ];

    /// Its name in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Cmdline => "cmdline",
            Self::CmdlineSecrets => "cmdline_secrets",
            Self::Environ => "environ",
            Self::EnvironValues => "environ_values",
            Self::EnvironSecrets => "environ_secrets",
            Self::Files => "files",
            Self::Sockets => "sockets",
            Self::Maps => "maps",
        }
    }

    /// From its name in a policy.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disclosure| disclosure.name() == name)
    }

    /// The lowest role that includes it.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Basic | Self::Cmdline => Some(Role::Reader),
            Self::CmdlineSecrets | Self::Environ | Self::Files | Self::Sockets | Self::Maps => Some(Role::Inspector),
            Self::EnvironValues => Some(Role::Admin),
            Self::EnvironSecrets => None,
        }
    }

    /// True if these roles include it.
    pub fn is_in(self, roles: RoleSet) -> bool {
        self.role().is_some_and(|role| roles.allows(role))
    }

    /// What has to be allowed for anything of a class to be seen.
    pub const fn of(class: DataClass) -> Self {
        match class {
            DataClass::Basic => Self::Basic,
            DataClass::CommandLine => Self::Cmdline,
            DataClass::Environ => Self::Environ,
            DataClass::Files => Self::Files,
            DataClass::Sockets => Self::Sockets,
            DataClass::Maps => Self::Maps,
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What one caller may see in one call. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    bits: u16,
    /// For the words of a refusal.
    roles: RoleSet,
    /// What a rule denies, or none allows, though the roles include it.
    denied: BTreeMap<Disclosure, String>,
}

impl Sight {
    /// What these roles include.
    pub fn of_roles(roles: RoleSet) -> Self {
        let included = Disclosure::ALL.into_iter().filter(|disclosure| disclosure.is_in(roles));
        let bits = included.fold(0, |bits, disclosure| bits | disclosure.bit());
        Self { bits, roles, denied: BTreeMap::new() }
    }

    /// What a policy makes of it: each disclosure, allowed or denied by this rule.
    pub(super) fn of_decisions(
        roles: RoleSet,
        decisions: impl Iterator<Item = (Disclosure, Result<(), String>)>,
    ) -> Self {
        let mut sight = Self { roles, ..Self::default() };
        for (disclosure, decision) in decisions {
            match decision {
                Ok(()) => sight.bits |= disclosure.bit(),
                Err(rule) if disclosure.is_in(roles) => {
                    sight.denied.insert(disclosure, rule);
                }
                Err(_) => {}
            }
        }
        sight
    }

    /// True if this may be seen.
    pub fn has(&self, disclosure: Disclosure) -> bool {
        self.bits & disclosure.bit() != 0
    }

    /// True if anything of a class may be seen.
    pub fn sees(&self, class: DataClass) -> bool {
        self.has(Disclosure::of(class))
    }

    /// Why something is not seen, for the row that lacks it.
    pub(crate) fn obstacle(&self, class: DataClass) -> String {
        match self.denied.get(&Disclosure::of(class)) {
            None => "the caller's roles do not include this class of data".to_owned(),
            Some(rule) => format!("the agent's policy withholds this class of data: {rule}"),
        }
    }

    /// Why something is not seen that the caller's roles include.
    pub(crate) fn withheld_by_policy(&self, class: DataClass) -> Option<String> {
        self.denied.contains_key(&Disclosure::of(class)).then(|| self.obstacle(class))
    }

    /// The answer to a request that would tell by the way what its caller may not see.
    pub(crate) fn refusal(&self, path: &str, disclosure: Disclosure) -> Failure {
        match (self.denied.get(&disclosure), disclosure.role()) {
            (None, Some(role)) => Failure::field_needs_role(path, role.name(), &self.roles.to_string()),
            (rule, _) => {
                let rule = rule.map(String::as_str).unwrap_or_default();
                let class = disclosure.name();
                let problem = format!("is of the class {class}, which the agent's policy withholds: {rule}");
                Failure::new(ErrorReason::PolicyDenied, format!("{path} {problem}"))
                    .with_metadata("rule", rule.strip_prefix("rule ").unwrap_or(rule))
                    .with_metadata("data_class", class)
                    .with_field(path, problem)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_sees_more_and_nobody_sees_nothing() {
        assert_eq!(Sight::of_roles(RoleSet::NONE), Sight::default());
        let mut seen = Sight::default();
        for role in Role::ALL {
            let sight = Sight::of_roles([role].into_iter().collect());
            assert!(
                Disclosure::ALL.iter().all(|disclosure| sight.has(*disclosure) || !seen.has(*disclosure)),
                "{role}"
            );
            seen = sight;
        }
        assert!(seen.has(Disclosure::EnvironValues) && !seen.has(Disclosure::EnvironSecrets));
    }

    #[test]
    fn names_come_back() {
        for disclosure in Disclosure::ALL {
            assert_eq!(Disclosure::from_name(disclosure.name()), Some(disclosure));
        }
        assert_eq!(Disclosure::from_name("cmd"), None);
    }
}
