//! The pages about policies and permissions say what is so.

use super::*;

const POLICY_PAGE: &str = include_str!("../../../../docs/policy.md");
const PERMISSIONS_PAGE: &str = include_str!("../../../../docs/permissions.md");

#[test]
fn every_example_is_a_policy_whose_cases_come_out() {
    let examples: Vec<&str> =
        POLICY_PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let policy = Policy::parse(example, None).unwrap_or_else(|error| panic!("{error}"));
        assert!(policy.cases().len() >= 4);
        for case in policy.cases() {
            let result = case.run(&policy);
            assert!(result.passed, "{}: {:#?}", case.name, result.explanation);
        }
    }
}

/// The cells of the rows of a table, the first one without its quotes.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PERMISSIONS_PAGE.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()).collect()
}

#[test]
fn the_page_of_permissions_is_the_table() {
    let cell = |allowed| if allowed { "yes" } else { "" };
    let wanted: Vec<Vec<&str>> = PERMISSIONS
        .iter()
        .map(|row| {
            let cells = Role::ALL.map(|role| cell(role >= row.role));
            std::iter::once(row.method.trim_start_matches('/')).chain(cells).collect()
        })
        .collect();
    assert_eq!(rows("Methods"), wanted);
    let wanted: Vec<Vec<&str>> = Disclosure::ALL
        .iter()
        .map(|disclosure| {
            let cells = Role::ALL.map(|role| cell(disclosure.is_in([role].into_iter().collect())));
            std::iter::once(disclosure.name()).chain(cells).collect()
        })
        .collect();
    let got: Vec<Vec<&str>> = rows("Classes of data").into_iter().map(|row| row[..5].to_vec()).collect();
    assert_eq!(got, wanted);
}

#[test]
fn the_page_of_policies_names_every_word() {
    for disclosure in Disclosure::ALL {
        assert!(POLICY_PAGE.contains(&format!("`{}`", disclosure.name())), "{}", disclosure.name());
    }
    for variable in [
        "principal.name",
        "principal.roles",
        "principal.groups",
        "principal.serial",
        "principal.peer",
        "method",
        "acts",
        "role_allows",
        "data_class",
        "signal",
        "settings",
        "dry_run",
        "target.pid",
        "target.uid",
        "target.user",
        "target.name",
        "target.executable",
        "target.cgroup",
        "target.unit",
        "target.container",
    ] {
        assert!(POLICY_PAGE.contains(&format!("`{variable}`")), "{variable}");
    }
}
