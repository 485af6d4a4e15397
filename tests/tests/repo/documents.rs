//! The documents a newcomer meets first exist and say what is there.

use std::{fs, path::Path};

use crate::{assert_none, root};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "justfile",
    "deny.toml",
    "clippy.toml",
    ".ci/run",
];

#[test]
fn the_documents_that_people_look_for_are_there() {
    let missing = DOCUMENTS.iter().filter(|name| {
        fs::read_to_string(root().join(name)).is_ok_and(|text| text.len() < 20) || !root().join(name).exists()
    });
    assert_none("missing or empty", &missing.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn the_architecture_names_every_room_of_the_tree() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let rooms: Vec<_> =
        members.split(',').map(|room| room.trim().trim_matches('"')).filter(|room| !room.is_empty()).collect();
    assert!(rooms.len() >= 7, "{rooms:?}");
    let missing = rooms.iter().filter(|room| !text.contains(&format!("{room}/")));
    assert_none("not in ARCHITECTURE.md", &missing.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn the_architecture_tells_how_to_add_a_field_and_an_rpc() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap().to_lowercase();
    for wanted in ["adding a field", "adding an rpc", "glossary"] {
        assert!(text.contains(wanted), "ARCHITECTURE.md has no section on {wanted}");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut faults = Vec::new();
    let mut links = 0;
    let mut documents: Vec<_> =
        DOCUMENTS.iter().filter(|name| name.ends_with(".md")).map(|name| root().join(name)).collect();
    for folder in ["docs", "docs/adr"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    documents.push(root().join("client/README.md"));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            if !document.parent().unwrap_or(Path::new("/")).join(path).exists() {
                faults.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(links > 0, "no link was looked at");
    assert_none("links that lead nowhere", &faults);
}

#[test]
fn decisions_are_recorded() {
    let records = fs::read_dir(root().join("docs/adr")).unwrap().count();
    assert!(records >= 5, "docs/adr has {records} records");
}
