//! Who may depend on whom: the drawing in ARCHITECTURE.md, held against `cargo metadata`.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use crate::{assert_none, root};

/// Workspace members that a member's code is built on. Exact: a new edge is drawn here and in ARCHITECTURE.md first.
const EDGES: &[(&str, &[&str])] = &[
    ("procwire-proto", &[]),
    ("procwire-host", &["procwire-proto"]),
    ("procwire-client", &["procwire-proto"]),
    ("procwire-agent", &["procwire-host", "procwire-proto"]),
    ("procwire-cli", &["procwire-agent", "procwire-client", "procwire-proto"]),
];

/// Rooms that see everything, because they judge it.
const JUDGES: &[&str] = &["procwire-tests", "procwire-benches"];

/// Who besides the judges may depend on a crate, or on one whose name begins like this.
const DOORS: &[(&str, &[&str])] = &[
    ("tonic", &["procwire-proto", "procwire-agent", "procwire-client"]),
    ("hyper", &["procwire-agent", "procwire-client"]),
    ("tower", &["procwire-agent", "procwire-client"]),
    ("tokio", &["procwire-agent", "procwire-client", "procwire-cli"]),
    ("rustls", &["procwire-agent", "procwire-client", "procwire-cli"]),
    ("rcgen", &["procwire-cli"]),
    ("clap", &["procwire-agent", "procwire-cli"]),
    ("libc", &["procwire-host"]),
    // The command line asks and empties its own terminal with it.
    ("rustix", &["procwire-host", "procwire-cli"]),
];

struct Member {
    name: String,
    /// Dependencies of its code and of its build script.
    needs: BTreeSet<String>,
    /// Dependencies of its tests and examples.
    tested_with: BTreeSet<String>,
}

fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(member).collect()
}

fn member(package: &serde_json::Value) -> Member {
    let named = |tests: bool| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies
            .filter(|dependency| (dependency["kind"] == "dev") == tests)
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    Member { name: package["name"].as_str().unwrap().to_owned(), needs: named(false), tested_with: named(true) }
}

#[test]
fn rooms_depend_on_each_other_exactly_as_drawn() {
    let drawn: BTreeMap<_, BTreeSet<_>> =
        EDGES.iter().map(|(room, edges)| (*room, edges.iter().copied().collect())).collect();
    let mut faults = Vec::new();
    for member in members() {
        let found: BTreeSet<_> =
            member.needs.iter().map(String::as_str).filter(|name| name.starts_with("procwire-")).collect();
        match drawn.get(member.name.as_str()) {
            Some(wanted) if *wanted == found => {}
            Some(wanted) => faults.push(format!("{} is built on {found:?}, drawn is {wanted:?}", member.name)),
            None if JUDGES.contains(&member.name.as_str()) => {}
            None => faults.push(format!("{} is not in the drawing", member.name)),
        }
    }
    assert_none("edges between rooms", &faults);
}

#[test]
fn host_and_client_never_see_each_other_even_in_tests() {
    let mut faults = Vec::new();
    for (room, stranger) in [
        ("procwire-host", "procwire-client"),
        ("procwire-host", "procwire-agent"),
        ("procwire-client", "procwire-host"),
    ] {
        let members = members();
        let member = members.iter().find(|member| member.name == room).unwrap();
        if member.needs.contains(stranger) || member.tested_with.contains(stranger) {
            faults.push(format!("{room} depends on {stranger}"));
        }
    }
    assert_none("strangers", &faults);
}

#[test]
fn heavy_crates_stay_behind_their_doors() {
    let mut faults = Vec::new();
    for member in members().iter().filter(|member| !JUDGES.contains(&member.name.as_str())) {
        for (crate_name, rooms) in DOORS {
            let inside = |name: &&String| **name == *crate_name || name.starts_with(&format!("{crate_name}-"));
            for dependency in member.needs.iter().filter(inside) {
                if !rooms.contains(&member.name.as_str()) {
                    faults.push(format!("{} depends on {dependency}, which belongs to {rooms:?}", member.name));
                }
            }
        }
    }
    assert_none("doors", &faults);
}

#[test]
fn every_room_of_the_workspace_takes_the_workspace_lints() {
    let mut faults = Vec::new();
    for member in members() {
        let room = member.name.trim_start_matches("procwire-").to_owned();
        let manifest = std::fs::read_to_string(root().join(&room).join("Cargo.toml")).unwrap();
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{room}/Cargo.toml has no `[lints] workspace = true`"));
        }
    }
    assert_none("lints", &faults);
}
