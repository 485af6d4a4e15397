//! What may be seen.

use procwire_proto::DataClass;

use super::*;

fn seen(policy: &Policy, role: Role) -> Vec<&'static str> {
    let sight = policy.sight(&caller(role), method("GetProcess"));
    Disclosure::ALL.into_iter().filter(|disclosure| sight.has(*disclosure)).map(Disclosure::name).collect()
}

#[test]
fn by_default_roles_decide_what_is_seen() {
    let policy = Policy::built_in().unwrap();
    assert_eq!(seen(&policy, Role::Reader), ["basic", "cmdline"]);
    assert_eq!(
        seen(&policy, Role::Operator),
        ["basic", "cmdline", "cmdline_secrets", "environ", "files", "sockets", "maps"]
    );
    assert_eq!(seen(&policy, Role::Admin).len(), 8, "all but secrets of the environment");
    let same = self::policy(&[("never", "deny", "principal.name == \"bob\""), ("roles", "allow", "role_allows")]);
    for role in Role::ALL {
        assert_eq!(seen(&same, role), seen(&policy, role), "{role}");
    }
}

#[test]
fn rules_take_classes_away_and_give_them() {
    let roles = ("roles", "allow", "role_allows");
    let without = policy(&[roles, ("no maps", "deny", "data_class in [\"maps\", \"cmdline_secrets\"]")]);
    assert_eq!(seen(&without, Role::Inspector), ["basic", "cmdline", "environ", "files", "sockets"]);
    let more = policy(&[roles, ("secrets", "allow", "method == \"GetProcess\" && data_class == \"cmdline_secrets\"")]);
    assert_eq!(seen(&more, Role::Reader), ["basic", "cmdline", "cmdline_secrets"]);
    let list = more.sight(&caller(Role::Reader), method("ListProcesses"));
    assert!(!list.has(Disclosure::CmdlineSecrets), "the rule names one method");
}

#[test]
fn without_a_class_its_secrets_are_not_seen_either() {
    let policy =
        policy(&[("roles", "allow", "role_allows"), ("d", "deny", "data_class in [\"cmdline\", \"environ\"]")]);
    let sight = policy.sight(&caller(Role::Admin), method("GetProcess"));
    assert!(!sight.sees(DataClass::CommandLine) && !sight.sees(DataClass::Environ));
}

#[test]
fn sockets_are_the_same_class_for_processes_and_for_the_host() {
    let policy = policy(&[("roles", "allow", "role_allows"), ("d", "deny", "data_class == \"sockets\"")]);
    assert_eq!(said(&policy.at_the_door(&caller(Role::Admin), method("ListSockets"))), "-d");
    assert_eq!(said(&policy.at_the_door(&caller(Role::Admin), method("ListProcesses"))), "+roles");
}
