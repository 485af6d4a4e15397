//! Security settings that nothing reads are worse than none: each must be set in an end-to-end test, which shows what it refuses.

use procwire_agent::config::KEYS;

use crate::{assert_none, root};

#[test]
fn every_security_setting_is_tried_on_the_real_agent() {
    let mut tests = String::new();
    let mut folders = vec![root().join("tests/tests/e2e"), root().join("tests/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                tests.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let is_security = |name: &str| ["tls.", "control.", "policy.", "audit."].iter().any(|room| name.starts_with(room));
    let named: Vec<&str> = KEYS.iter().map(|key| key.name).filter(|name| is_security(name)).collect();
    assert!(named.len() > 10 && named.contains(&"tls.deny_list"), "{named:?}");
    let untried = named.iter().filter(|name| !tests.contains(&format!("\"{name}\"")) && !tests.contains(&flag(name)));
    assert_none("settings that no end-to-end test sets", &untried.map(ToString::to_string).collect::<Vec<_>>());
}

/// "tls.client_ca" as it stands on a command line.
fn flag(name: &str) -> String {
    format!("--{}", name.replace(['.', '_'], "-"))
}
