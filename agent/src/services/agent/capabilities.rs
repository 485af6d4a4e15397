//! What this agent can answer, from the same tables that it answers by.

use procwire_proto::{
    Availability, DataClass, Field, FieldTable,
    v1::{FeatureCapability, FieldCapability, GetCapabilitiesResponse, MethodCapability, Process, System},
};

use crate::{
    access::{PERMISSIONS, Permission, RoleSet},
    services::process::unmasked_role,
};

pub(super) fn describe(roles: RoleSet, features: Vec<FeatureCapability>) -> GetCapabilitiesResponse {
    GetCapabilitiesResponse {
        methods: PERMISSIONS.iter().map(|row| method(row, roles)).collect(),
        process_fields: Process::FIELDS.iter().map(field).collect(),
        system_fields: System::FIELDS.iter().map(field).collect(),
        features,
    }
}

fn method(row: &Permission, roles: RoleSet) -> MethodCapability {
    let Permission { method, role, served, detail } = *row;
    MethodCapability {
        method: method.to_owned(),
        served,
        role: role.name().to_owned(),
        allowed: roles.allows(role),
        detail: detail.to_owned(),
    }
}

fn field(row: &Field) -> FieldCapability {
    FieldCapability {
        path: row.path.to_owned(),
        available: row.is_served(),
        detail: detail(row).to_owned(),
        cost: row.cost.into(),
        source: row.source.to_owned(),
        in_default_mask: row.availability == Availability::Default,
        role: unmasked_role(row.class).name().to_owned(),
    }
}

fn detail(row: &Field) -> &'static str {
    match (row.is_served(), row.class, row.source) {
        (false, _, _) => "designed, not served by this version",
        (true, DataClass::CommandLine, _) => "secrets are masked for roles below inspector",
        (true, _, "/proc/PID/io" | "/proc/PID/exe" | "/proc/PID/cwd" | "/proc/PID/fd") => {
            "other users' processes only with the feature read_other_users"
        }
        _ => "",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::access::Role;

    #[test]
    fn a_reader_sees_what_it_may_and_what_is_served() {
        let described = describe(RoleSet::from_iter([Role::Reader]), Vec::new());
        let method = |name: &str| described.methods.iter().find(|method| method.method.ends_with(name)).unwrap();
        assert!(method("/ListProcesses").allowed && method("/ListProcesses").served);
        assert!(!method("/TerminateProcesses").allowed && method("/TerminateProcesses").served);
        assert!(!method("/ListSockets").served && !method("/ListSockets").detail.is_empty());
        let field = |path: &str| described.process_fields.iter().find(|field| field.path == path).unwrap();
        assert!(field("cmdline").available && field("cmdline").in_default_mask);
        assert_eq!(field("cmdline").role, "inspector");
        assert!(!field("environ").available && !field("environ").detail.is_empty());
        assert_eq!(described.process_fields.len(), Process::FIELDS.len());
    }
}
