//! What deny.toml says about licences and duplicates, checked without cargo-deny.

use std::{collections::BTreeMap, fs, process::Command};

use crate::{assert_none, root};

fn packages() -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = metadata["packages"].as_array_mut().unwrap();
    assert!(found.len() > 50, "only {} packages", found.len());
    std::mem::take(found)
}

fn rules() -> toml::Table {
    fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn texts<'a>(list: &'a toml::Value, field: Option<&str>) -> Vec<&'a str> {
    let text = |entry: &'a toml::Value| field.map_or(entry, |field| &entry[field]).as_str().unwrap();
    list.as_array().unwrap().iter().map(text).collect()
}

#[test]
fn every_dependency_has_a_licence_that_we_may_ship() {
    let rules = rules();
    let allowed = texts(&rules["licenses"]["allow"], None);
    let mut faults = Vec::new();
    for package in packages() {
        let licence = package["license"].as_str().unwrap_or("none stated");
        if !satisfied(licence, &allowed) {
            faults.push(format!("{}: {licence}", package["name"]));
        }
    }
    assert_none("licences", &faults);
}

#[test]
fn no_dependency_is_there_twice_or_banned() {
    let rules = rules();
    let skipped = texts(&rules["bans"]["skip"], Some("crate"));
    let banned = texts(&rules["bans"]["deny"], Some("crate"));
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        let text = |key: &str| package[key].as_str().unwrap().to_owned();
        versions.entry(text("name")).or_default().push(text("version"));
    }
    let mut faults = Vec::new();
    for (name, versions) in versions {
        let extra = versions.iter().filter(|version| !skipped.contains(&format!("{name}@{version}").as_str())).count();
        if extra > 1 {
            faults.push(format!("{name} {}", versions.join(" and ")));
        }
        if banned.contains(&name.as_str()) {
            faults.push(format!("{name} is banned"));
        }
    }
    assert_none("duplicates and bans", &faults);
}

/// Whether an SPDX expression can be satisfied with the allowed licences alone. AND binds tighter than OR.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let words: Vec<_> = spaced.split_whitespace().map(|word| word.replace("+WITH+", " WITH ")).collect();
    let mut words: Vec<_> = words.iter().map(String::as_str).rev().collect();
    any_of(&mut words, allowed)
}

/// The words still to come are a stack, the next one on top.
fn any_of(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut good = all_of(words, allowed);
    while words.pop_if(|word| *word == "OR").is_some() {
        good |= all_of(words, allowed);
    }
    good
}

fn all_of(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let mut good = one_of(words, allowed);
    while words.pop_if(|word| *word == "AND").is_some() {
        good &= one_of(words, allowed);
    }
    good
}

fn one_of(words: &mut Vec<&str>, allowed: &[&str]) -> bool {
    let word = words.pop();
    if word != Some("(") {
        return word.is_some_and(|licence| allowed.contains(&licence));
    }
    let good = any_of(words, allowed);
    assert_eq!(words.pop(), Some(")"));
    good
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR X"] {
        assert!(satisfied(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "ISC AND (GPL-3.0 OR LGPL-3.0)", "none stated"] {
        assert!(!satisfied(bad, &allowed), "{bad}");
    }
}
