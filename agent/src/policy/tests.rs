//! Policies as people write them, and what they mean.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_host::TargetFacts;

use super::*;
use crate::access::{PERMISSIONS, Permission, Principal, Role, permission};

mod documented;
mod mistakes;
mod reads;

fn rule(name: &str, effect: &str, when: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\neffect = \"{effect}\"\nwhen = '''{when}'''\n")
}

/// Name, effect and condition of each.
type Rules<'a> = &'a [(&'a str, &'a str, &'a str)];

fn policy(rules: Rules<'_>) -> Policy {
    let text: String = rules.iter().map(|(name, effect, when)| rule(name, effect, when)).collect();
    Policy::parse(&text, None).unwrap()
}

fn method(name: &str) -> &'static Permission {
    PERMISSIONS.iter().find(|row| short_name(row.method) == name).unwrap()
}

fn caller(role: Role) -> Principal {
    Principal { name: "alice".to_owned(), roles: [role].into_iter().collect(), ..Principal::local() }
}

fn nginx() -> TargetFacts {
    TargetFacts {
        uid: Some(33),
        user: Some(b"www-data".to_vec()),
        name: Some(b"nginx".to_vec()),
        executable: Some(b"/usr/sbin/nginx".to_vec()),
        cgroup: Some(b"/system.slice/nginx.service".to_vec()),
        unit: Some(b"nginx.service".to_vec()),
        container: Some(Vec::new()),
        ..TargetFacts::default()
    }
}

/// A termination of a process, with SIGTERM.
fn about<'a>(caller: &'a Principal, facts: &'a TargetFacts) -> Question<'a> {
    Question {
        principal: caller,
        method: "TerminateProcesses",
        role_allows: caller.roles.allows(Role::Operator),
        target: Fact::Known(Target { pid: 7, facts }),
        data_class: Fact::Absent,
        signal: Fact::Known(15),
        settings: Fact::Absent,
        dry_run: Fact::Known(false),
    }
}

/// "+name" of the rule that allows, "-name" of the one that denies, "-" if none allows, "!name" if one that denies failed.
fn said(decision: &Decision<'_>) -> String {
    match decision {
        Decision::Allowed(rule) => format!("+{}", rule.name),
        Decision::Later => "later".to_owned(),
        Decision::Denied(Denial::Rule(rule)) => format!("-{}", rule.name),
        Decision::Denied(Denial::Failed(rule, _)) => format!("!{}", rule.name),
        Decision::Denied(Denial::NoRule) => "-".to_owned(),
    }
}

#[test]
fn the_default_policy_is_the_table_of_roles() {
    let policy = Policy::built_in().unwrap();
    assert_eq!((policy.rules().len(), policy.path()), (1, None));
    for row in PERMISSIONS {
        for role in Role::ALL {
            let caller = caller(role);
            let decision = policy.at_the_door(&caller, row);
            assert_eq!(matches!(decision, Decision::Denied(_)), role < row.role, "{} {role}", row.method);
        }
        assert_eq!(said(&policy.at_the_door(&Principal::nobody(), row)), "-", "{}", row.method);
    }
}

#[test]
fn a_rule_that_denies_wins_and_what_none_allows_is_denied() {
    let (alice, nginx) = (caller(Role::Operator), nginx());
    let question = about(&alice, &nginx);
    let cases: [(Rules<'_>, &str); 6] = [
        (&[("a", "allow", "true"), ("d", "deny", "true")], "-d"),
        (&[("d", "deny", "true"), ("a", "allow", "true")], "-d"),
        (&[("a", "allow", "false")], "-"),
        (&[("d", "deny", "false")], "-"),
        (&[("a", "allow", "false"), ("b", "allow", "true"), ("c", "allow", "true")], "+b"),
        (&[("d", "deny", "false"), ("a", "allow", "role_allows")], "+a"),
    ];
    for (rules, wanted) in cases {
        assert_eq!(said(&policy(rules).decide(&question)), wanted, "{rules:?}");
    }
}

#[test]
fn each_fact_of_principal_and_target_can_be_asked_for() {
    let alice = Principal {
        groups: ["web".to_owned(), "operator".to_owned()].into(),
        certificate_serial: Some("0a1b".to_owned()),
        peer: Some("192.0.2.7:4000".parse().unwrap()),
        ..caller(Role::Operator)
    };
    let nginx = nginx();
    let question = about(&alice, &nginx);
    let conditions = [
        ("principal.name == \"alice\"", "principal.name == \"bob\""),
        ("\"operator\" in principal.roles", "\"admin\" in principal.roles"),
        ("principal.groups.exists(g, g.startsWith(\"we\"))", "principal.groups.all(g, g == \"web\")"),
        ("principal.serial == \"0a1b\"", "principal.serial in [\"0a1c\"]"),
        ("principal.peer.startsWith(\"192.0.2.\")", "principal.peer == \"\""),
        ("method == \"TerminateProcesses\"", "method in [\"SignalProcesses\", \"UpdateProcess\"]"),
        ("acts", "!acts"),
        ("role_allows", "!role_allows"),
        ("signal == \"TERM\"", "signal == \"KILL\""),
        ("!dry_run", "dry_run"),
        ("target.pid == 7", "target.pid < 7"),
        ("target.uid == 33", "target.uid >= 1000"),
        ("target.user == \"www-data\"", "target.user == \"root\""),
        ("target.name.contains(\"gin\")", "target.name.endsWith(\"d\")"),
        ("target.executable.matches(\"^/usr/s?bin/[a-z]+$\")", "target.executable.matches(\"^/opt/\")"),
        ("target.cgroup.startsWith(\"/system.slice/\")", "target.cgroup == \"/\""),
        ("target.unit == \"nginx.service\"", "target.unit != \"nginx.service\""),
        ("target.container == \"\"", "size(target.container) > 0"),
        ("has(target.user) ? true : false", "!has(target.user)"),
    ];
    for (holds, does_not) in conditions {
        for (condition, wanted) in [(holds, "-x"), (does_not, "-")] {
            let policy = policy(&[("x", "deny", &format!("acts && ({condition})"))]);
            assert_eq!(said(&policy.decide(&question)), wanted, "{condition}");
        }
    }
}

#[test]
fn an_unknown_fact_denies_and_never_allows() {
    let alice = caller(Role::Operator);
    let unknown = TargetFacts::default();
    let not_text = TargetFacts { user: Some(b"\xff".to_vec()), ..TargetFacts::default() };
    for facts in [&unknown, &not_text] {
        let question = about(&alice, facts);
        for condition in ["target.user == \"root\"", "target.user != \"root\"", "!(target.user == \"root\")"] {
            let condition = format!("acts && {condition}");
            let denying = policy(&[("d", "deny", &condition), ("roles", "allow", "role_allows")]);
            assert_eq!(said(&denying.decide(&question)), "!d", "{condition}");
            let Decision::Denied(Denial::Failed(_, reason)) = denying.decide(&question) else { unreachable!() };
            assert!(reason.contains("user of the target is unknown"), "{reason}");
            assert_eq!(said(&policy(&[("a", "allow", &condition)]).decide(&question)), "-", "{condition}");
        }
        // What decides without it decides.
        for condition in [
            "acts && target.user == \"root\" && principal.name == \"bob\"",
            "acts && has(target.user) && target.user == \"root\"",
        ] {
            let denying = policy(&[("d", "deny", condition), ("roles", "allow", "role_allows")]);
            assert_eq!(said(&denying.decide(&question)), "+roles", "{condition}");
        }
        let either = policy(&[("d", "deny", "acts && (target.user == \"root\" || signal == \"TERM\")")]);
        assert_eq!(said(&either.decide(&question)), "-d");
    }
}

#[test]
fn a_rule_about_what_a_call_does_not_have_says_nothing() {
    let (alice, nginx) = (caller(Role::Operator), nginx());
    let settings = ["nice".to_owned(), "cpu_affinity".to_owned()];
    let update = Question {
        method: "UpdateProcess",
        signal: Fact::Absent,
        settings: Fact::Known(&settings),
        ..about(&alice, &nginx)
    };
    let roles = ("roles", "allow", "role_allows");
    for condition in ["signal == \"KILL\"", "signal != \"TERM\"", "!(signal == \"TERM\")"] {
        assert_eq!(said(&policy(&[("d", "deny", condition), roles]).decide(&update)), "+roles", "{condition}");
        assert_eq!(said(&policy(&[("a", "allow", condition)]).decide(&update)), "-", "{condition}");
    }
    let nice = policy(&[("d", "deny", "\"nice\" in settings"), roles]);
    assert_eq!(said(&nice.decide(&update)), "-d");
    assert_eq!(said(&nice.decide(&about(&alice, &nginx))), "+roles");
    // The fact that is missing does not hide the one that is unknown, nor the other way round.
    let unknown = TargetFacts::default();
    let update = Question { target: Fact::Known(Target { pid: 7, facts: &unknown }), ..update };
    let either = "acts && (target.user == \"root\" || signal == \"KILL\")";
    let both = "target.user == \"root\" && signal == \"KILL\"";
    assert_eq!(said(&policy(&[("d", "deny", either), roles]).decide(&update)), "!d");
    assert_eq!(said(&policy(&[("d", "deny", both), roles]).decide(&update)), "+roles");
}

#[test]
fn at_the_door_a_call_goes_on_if_it_may_be_allowed_later() {
    let alice = caller(Role::Operator);
    let door = |rules: &[(&str, &str, &str)], name: &str| said(&policy(rules).at_the_door(&alice, method(name)));
    let www = ("www", "allow", "acts && principal.name == \"alice\" && target.user == \"www-data\"");
    assert_eq!(door(&[www], "TerminateProcesses"), "later");
    assert_eq!(door(&[www], "ListProcesses"), "-");
    let bob = ("bob", "allow", "acts && principal.name == \"bob\" && target.user == \"www-data\"");
    assert_eq!(door(&[bob], "TerminateProcesses"), "-", "nothing that comes later makes it bob");
    let roles = ("roles", "allow", "role_allows");
    assert_eq!(door(&[("d", "deny", "acts && target.user == \"root\""), roles], "TerminateProcesses"), "later");
    assert_eq!(door(&[("d", "deny", "acts && target.user == \"root\""), roles], "GetSystem"), "+roles");
    assert_eq!(
        door(&[("d", "deny", "signal == \"KILL\""), roles], "UpdateProcess"),
        "later",
        "the rest is asked when the target is known"
    );
    let either = "acts && (principal.name == \"alice\" || target.user == \"root\")";
    assert_eq!(door(&[("d", "deny", either), roles], "SignalProcesses"), "-d");
}

#[test]
fn who_lacks_the_role_is_told_so_and_who_has_it_is_told_the_rule() {
    let reason = |policy: &Policy, caller: &Principal, name: &str| {
        let Decision::Denied(denial) = policy.at_the_door(caller, method(name)) else { return "allowed".to_owned() };
        let denied = policy.denied(caller, method(name), &denial);
        format!("{} / {}", denied.failure.reason().as_code(), denied.rule)
    };
    let (reader, operator) = (caller(Role::Reader), caller(Role::Operator));
    let default = Policy::built_in().unwrap();
    assert_eq!(reason(&default, &reader, "TerminateProcesses"), "ROLE_MISSING / role operator missing");
    let freeze = policy(&[("roles", "allow", "role_allows"), ("freeze", "deny", "acts")]);
    assert_eq!(reason(&freeze, &operator, "TerminateProcesses"), "POLICY_DENIED / rule freeze");
    assert_eq!(reason(&freeze, &reader, "ListSockets"), "ROLE_MISSING / role inspector missing");
    let bob = policy(&[("bob", "allow", "principal.name == \"bob\"")]);
    assert_eq!(reason(&bob, &operator, "GetSystem"), "POLICY_DENIED / no rule allows it");
}

#[test]
fn quotas_come_with_the_rule_that_allows() {
    let text = "[[rule]]\nname = \"few\"\neffect = \"allow\"\nwhen = \"acts && role_allows\"\nquota = \"10/1m\"\n";
    let policy = Policy::parse(text, None).unwrap();
    let (alice, nginx) = (caller(Role::Operator), nginx());
    let Decision::Allowed(rule) = policy.decide(&about(&alice, &nginx)) else { unreachable!() };
    assert_eq!(rule.quota.unwrap().to_string(), "10/1m");
}

#[test]
fn what_was_considered_is_told_with_the_part_that_decided() {
    let (alice, nginx) = (caller(Role::Operator), nginx());
    let policy = policy(&[
        ("root", "deny", "acts && target.user == \"root\""),
        ("classes", "deny", "data_class == \"environ\""),
        ("team", "allow", "acts && (target.unit.startsWith(\"web\") || target.uid in [33, 34])"),
        ("groups", "allow", "principal.groups.exists(g, g == \"x\")"),
    ]);
    let question = about(&alice, &nginx);
    let told: Vec<String> = policy
        .consider(&question)
        .iter()
        .map(|considered| format!("{} {:?}: {}", considered.rule.name, considered.said, considered.reason))
        .collect();
    assert_eq!(
        told,
        [
            "root DoesNotMatch: target.user == \"root\" does not hold",
            "classes Nothing: data_class == \"environ\": this call has no data_class, or not yet",
            "team Matches: acts && (target.unit.startsWith(\"web\") || (target.uid in [33, 34])) holds",
            "groups DoesNotMatch: principal.groups.exists(g, g == \"x\") does not hold",
        ]
    );
}

/// Not a bound that a slow machine could miss: what it takes is printed for whoever asks (`--nocapture`).
#[test]
#[allow(clippy::print_stderr, reason = "a measurement for people")]
fn what_a_decision_costs() {
    let (alice, nginx) = (caller(Role::Operator), nginx());
    let question = about(&alice, &nginx);
    let rules = [
        ("root", "deny", "acts && target.user == \"root\""),
        ("units", "deny", "acts && target.unit in [\"a.service\", \"b.service\"]"),
        ("roles", "allow", "role_allows"),
    ];
    for (name, policy) in [("default", Policy::built_in().unwrap()), ("three rules", policy(&rules))] {
        let began = std::time::Instant::now();
        for _ in 0..1000 {
            assert_eq!(said(&policy.decide(&question)), "+roles");
        }
        let decided = began.elapsed() / 1000;
        let began = std::time::Instant::now();
        for _ in 0..100 {
            assert!(policy.sight(&alice, method("GetProcess")).has(Disclosure::Maps));
        }
        eprintln!("{name}: a decision {decided:?}, what is seen {:?}", began.elapsed() / 100);
    }
}

#[test]
fn every_method_is_in_the_table_by_its_path() {
    assert!(PERMISSIONS.iter().all(|row| permission(row.method) == Some(row)));
}
