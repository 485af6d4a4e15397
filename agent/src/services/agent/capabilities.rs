//! What this agent can answer, from the same tables that it answers by.

use procwire_proto::{
    Availability, DataClass, Field, FieldTable,
    v1::{FeatureCapability, FieldCapability, GetCapabilitiesResponse, MethodCapability, Process, System},
};

use crate::{
    access::{PERMISSIONS, Permission, Principal, Role, permission},
    policy::{Decision, Disclosure, Policy, Sight},
};

const GET_PROCESS: &str = "/procwire.v1.ProcessService/GetProcess";
const GET_SYSTEM: &str = "/procwire.v1.SystemService/GetSystem";

/// For this caller, by the policy in force.
pub(super) fn describe(
    caller: &Principal,
    policy: &Policy,
    features: Vec<FeatureCapability>,
) -> GetCapabilitiesResponse {
    let sight = |method| permission(method).map(|row| policy.sight(caller, row)).unwrap_or_default();
    let (of_process, of_system) = (sight(GET_PROCESS), sight(GET_SYSTEM));
    GetCapabilitiesResponse {
        methods: PERMISSIONS.iter().map(|row| method(row, caller, policy)).collect(),
        process_fields: Process::FIELDS.iter().map(|row| field(row, &features, &of_process)).collect(),
        system_fields: System::FIELDS.iter().map(|row| field(row, &features, &of_system)).collect(),
        features,
    }
}

fn method(row: &Permission, caller: &Principal, policy: &Policy) -> MethodCapability {
    let Permission { method, role, served, detail } = *row;
    MethodCapability {
        method: method.to_owned(),
        served,
        role: role.name().to_owned(),
        allowed: !matches!(policy.at_the_door(caller, row), Decision::Denied(_)),
        detail: detail.to_owned(),
    }
}

fn field(row: &Field, features: &[FeatureCapability], sight: &Sight) -> FieldCapability {
    let obstacle = obstacle(row, features);
    // What a role lacks is told by the role; what a rule takes away is told in words.
    let withheld = sight.withheld_by_policy(row.class);
    let remarks: Vec<String> = obstacle.iter().cloned().chain(withheld).collect();
    FieldCapability {
        path: row.path.to_owned(),
        available: obstacle.is_none(),
        detail: if remarks.is_empty() { remark(row).to_owned() } else { remarks.join("; ") },
        cost: row.cost.into(),
        source: row.source.to_owned(),
        in_default_mask: row.availability == Availability::Default,
        role: unmasked_role(row.class).to_owned(),
    }
}

/// Lowest role that sees all of a class that any role sees.
fn unmasked_role(class: DataClass) -> &'static str {
    let whole = match class {
        DataClass::CommandLine => Disclosure::CmdlineSecrets,
        DataClass::Environ => Disclosure::EnvironValues,
        DataClass::Basic | DataClass::Files | DataClass::Sockets | DataClass::Maps => Disclosure::of(class),
    };
    whole.role().map(Role::name).unwrap_or_default()
}

/// Why it cannot be answered, or not for every process.
fn obstacle(row: &Field, features: &[FeatureCapability]) -> Option<String> {
    if !row.is_served() {
        return Some("designed, not served by this version".to_owned());
    }
    // Any one of them is enough.
    let needed: &[&str] = match row.source {
        // Following these links, and reading io, takes the right to trace the process (ptrace(2), "access mode checking").
        "/proc/PID/exe"
        | "/proc/PID/cwd"
        | "/proc/PID/root"
        | "/proc/PID/io"
        | "/proc/PID/environ"
        | "/proc/PID/ns"
        | "/proc/PID/smaps"
        | "/proc/PID/smaps_rollup"
        | "/proc/PID/fd/*"
        | "sock_diag(7)" => &["read_other_users"],
        "/proc/PID/fd" => &["fd_count_by_size", "read_any_file"],
        _ => return None,
    };
    let missing: Vec<_> = features.iter().filter(|feature| needed.contains(&feature.name.as_str())).collect();
    if missing.iter().any(|feature| feature.available) {
        return None;
    }
    let details: Vec<_> = missing.iter().map(|feature| feature.detail.as_str()).collect();
    Some(format!("only for processes of the agent's own user: {}", details.join("; ")))
}

fn remark(row: &Field) -> &'static str {
    match row.class {
        DataClass::Basic => "",
        DataClass::CommandLine if row.path == "cmdline_raw" => {
            "withheld from roles below inspector where it has secrets in it"
        }
        DataClass::CommandLine => "secrets are masked for roles below inspector",
        DataClass::Environ => {
            "names without values from role inspector on; values that are secrets are masked for every role"
        }
        DataClass::Files | DataClass::Sockets | DataClass::Maps => "withheld from roles below inspector",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::access::RoleSet;

    fn by_default(roles: RoleSet, features: Vec<FeatureCapability>) -> GetCapabilitiesResponse {
        describe(&Principal { roles, ..Principal::local() }, &Policy::built_in().unwrap(), features)
    }

    #[test]
    fn a_reader_sees_what_it_may_and_what_is_served() {
        let all = ["read_other_users", "read_any_file", "fd_count_by_size"].map(|name| FeatureCapability {
            name: name.to_owned(),
            available: true,
            detail: String::new(),
        });
        let described = by_default(RoleSet::from_iter([Role::Reader]), all.into());
        let method = |name: &str| described.methods.iter().find(|method| method.method.ends_with(name)).unwrap();
        assert!(method("/ListProcesses").allowed && method("/ListProcesses").served);
        assert!(!method("/TerminateProcesses").allowed && method("/TerminateProcesses").served);
        assert!(!method("/WatchProcesses").served && !method("/WatchProcesses").detail.is_empty());
        let field = |path: &str| described.process_fields.iter().find(|field| field.path == path).unwrap();
        assert!(field("cmdline").available && field("cmdline").in_default_mask);
        assert_eq!(field("cmdline").role, "inspector");
        for (path, role) in [
            ("exe", "reader"),
            ("cwd", "reader"),
            ("root", "reader"),
            ("memory_footprint", "reader"),
            ("cmdline_raw", "inspector"),
            ("open_files", "inspector"),
            ("sockets", "inspector"),
            ("memory_maps", "inspector"),
            ("memory_map_groups", "inspector"),
            ("environ", "admin"),
        ] {
            assert_eq!(field(path).role, role, "{path}");
            assert_eq!(field(path).detail.is_empty(), role == "reader", "{path}: what lower roles get is said");
        }
        assert_eq!(described.process_fields.len(), Process::FIELDS.len());
    }

    #[test]
    fn what_a_rule_takes_away_or_gives_is_said() {
        let text = "[[rule]]\nname = \"roles\"\neffect = \"allow\"\nwhen = \"role_allows\"\n\
            [[rule]]\nname = \"no maps\"\neffect = \"deny\"\nwhen = 'data_class == \"maps\" || method == \"GetDiskUsage\"'\n";
        let policy = Policy::parse(text, None).unwrap();
        let caller = Principal { roles: [Role::Inspector].into_iter().collect(), ..Principal::local() };
        let described = describe(&caller, &policy, vec![]);
        let field = |path: &str| described.process_fields.iter().find(|field| field.path == path).unwrap();
        assert!(field("memory_maps").detail.contains("rule no maps"), "{}", field("memory_maps").detail);
        assert!(!field("open_files").detail.contains("rule"));
        let method = |name: &str| described.methods.iter().find(|method| method.method.ends_with(name)).unwrap();
        assert!(!method("/GetDiskUsage").allowed && method("/GetSystem").allowed);
    }

    #[test]
    fn a_field_that_privileges_or_kernel_withhold_says_what_is_missing() {
        let feature = |name: &str, available| FeatureCapability {
            name: name.to_owned(),
            available,
            detail: if available { String::new() } else { format!("without {name}") },
        };
        let answer = |features: Vec<FeatureCapability>, path: &str| {
            let described = by_default(RoleSet::NONE, features);
            let field = described.process_fields.into_iter().find(|field| field.path == path).unwrap();
            (field.available, field.detail)
        };
        let poor = || {
            vec![
                feature("read_other_users", false),
                feature("fd_count_by_size", false),
                feature("read_any_file", false),
            ]
        };
        let (available, detail) = answer(poor(), "exe");
        assert!(!available && detail.ends_with("own user: without read_other_users"), "{detail}");
        let (available, detail) = answer(poor(), "fd_count");
        assert!(!available && detail.contains("without fd_count_by_size; without read_any_file"), "{detail}");
        assert!(answer(poor(), "name").0);
        let by_size = vec![feature("fd_count_by_size", true), feature("read_any_file", false)];
        assert_eq!(answer(by_size, "fd_count"), (true, String::new()));
        assert_eq!(answer(vec![feature("read_other_users", true)], "io.read_bytes"), (true, String::new()));
    }
}
