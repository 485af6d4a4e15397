//! What a caller may be allowed, as the organisations (O) of its certificate say.

use std::fmt;

/// A named bundle of rights. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Metrics, and processes without secrets.
    Reader,
    /// Adds environment keys, whole command lines, open files, sockets and maps.
    Inspector,
    /// Adds signals and settings on unprotected processes.
    Operator,
    /// Adds environment values and the administration of the agent.
    Admin,
}

impl Role {
    /// All of them, lowest first.
    pub const ALL: [Role; 4] = [Role::Reader, Role::Inspector, Role::Operator, Role::Admin];

    /// Its name on the wire, in certificates and in the audit trail.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Inspector => "inspector",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// From an organisation of a certificate: "procwire:reader" or "reader", to the letter.
    pub fn from_organization(organization: &str) -> Option<Role> {
        let name = organization.strip_prefix("procwire:").unwrap_or(organization);
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The roles of one caller. The default is none, and none allows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleSet(u8);

impl RoleSet {
    /// No role.
    pub const NONE: RoleSet = RoleSet(0);

    /// Those of a certificate's organisations that are roles; others are not ours and say nothing.
    pub fn from_organizations<'a>(organizations: impl IntoIterator<Item = &'a str>) -> RoleSet {
        organizations.into_iter().filter_map(Role::from_organization).collect()
    }

    /// True if one of these roles is `needed` or includes it.
    pub fn allows(self, needed: Role) -> bool {
        self.iter().any(|role| role >= needed)
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Lowest first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.0 & role.bit() != 0)
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> RoleSet {
        RoleSet(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl fmt::Display for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<&str> = self.iter().map(Role::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_those_below_it() {
        let operator = RoleSet::from_organizations(["procwire:operator"]);
        assert!(operator.allows(Role::Reader));
        assert!(operator.allows(Role::Inspector));
        assert!(operator.allows(Role::Operator));
        assert!(!operator.allows(Role::Admin));
    }

    #[test]
    fn no_role_allows_nothing() {
        for role in Role::ALL {
            assert!(!RoleSet::default().allows(role));
        }
    }

    #[test]
    fn names_are_taken_to_the_letter() {
        for odd in ["", "Admin", "admin ", "procwire:", "procwire:procwire:admin", "other:admin", "admin\0"] {
            assert!(RoleSet::from_organizations([odd]).is_empty(), "{odd:?}");
        }
        let both = RoleSet::from_organizations(["Example Corp", "reader", "procwire:admin"]);
        assert_eq!(both.to_string(), "reader,admin");
    }
}
