//! What deny.toml says about licences, bans and duplicates, checked without cargo-deny on what is shipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use crate::{assert_none, root};

struct Package {
    name: String,
    version: String,
    licence: String,
}

/// Everything that becomes a part of the agent, the SDK or the command line tool, or takes part in building them.
fn shipped() -> Vec<Package> {
    let rooms = ["-p", "procwire-cli", "-p", "procwire-agent", "-p", "procwire-client"];
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--all-features", "--edges", "normal,build", "--prefix", "none", "--format", "{p}|{l}"])
        .args(rooms)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: BTreeSet<_> =
        text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 50, "only {} packages", lines.len());
    lines.into_iter().map(package).collect()
}

/// "name v1.2.3 (proc-macro)|licence"
fn package(line: &str) -> Package {
    let (named, licence) = line.split_once('|').unwrap();
    let mut words = named.split_whitespace();
    let mut word = || words.next().unwrap().to_owned();
    Package { name: word(), version: word().trim_start_matches('v').to_owned(), licence: licence.to_owned() }
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
    for package in shipped() {
        if !satisfied(&package.licence, &allowed) {
            faults.push(format!("{}: {}", package.name, package.licence));
        }
    }
    assert_none("licences", &faults);
}

#[test]
fn no_dependency_is_there_twice_or_banned() {
    let rules = rules();
    let skipped = texts(&rules["bans"]["skip"], Some("crate"));
    let banned = texts(&rules["bans"]["deny"], Some("crate"));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in shipped() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let mut faults = Vec::new();
    for (name, versions) in versions {
        let extra = versions.iter().filter(|version| !skipped.contains(&format!("{name}@{version}").as_str())).count();
        if extra > 1 {
            faults.push(format!("{name} {versions:?}"));
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
    for good in
        ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception OR X"]
    {
        assert!(satisfied(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "ISC AND (GPL-3.0 OR LGPL-3.0)", "none stated"] {
        assert!(!satisfied(bad, &allowed), "{bad}");
    }
}
