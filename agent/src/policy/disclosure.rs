//! The classes of data as roles and rules grant them: two of them in steps, because they carry secrets.

use procwire_proto::DataClass;

use crate::access::{Role, RoleSet};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight(u16);

impl Sight {
    /// What these roles include.
    pub fn of_roles(roles: RoleSet) -> Self {
        Disclosure::ALL.into_iter().filter(|disclosure| disclosure.is_in(roles)).collect()
    }

    /// True if this may be seen.
    pub fn has(self, disclosure: Disclosure) -> bool {
        self.0 & disclosure.bit() != 0
    }

    /// True if anything of a class may be seen.
    pub fn sees(self, class: DataClass) -> bool {
        self.has(Disclosure::of(class))
    }
}

impl FromIterator<Disclosure> for Sight {
    fn from_iter<I: IntoIterator<Item = Disclosure>>(disclosures: I) -> Self {
        Self(disclosures.into_iter().fold(0, |bits, disclosure| bits | disclosure.bit()))
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
