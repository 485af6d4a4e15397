//! Rules that every source file keeps.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{assert_none, root};

const LONGEST_FILE_LINES: usize = 500;
const ROOMS: &[&str] = &["proto", "host", "agent", "client", "cli", "tests", "benches"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

struct Source {
    /// Below the root, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// Unit tests in a file of their own, beside the code that they test.
    fn is_unit_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap();
        name == "tests.rs" || name.ends_with("_tests.rs") || self.path.contains("/tests/")
    }

    /// The room that may say `unsafe`: its door and what is behind it.
    fn is_system_room(&self) -> bool {
        self.path == "host/src/sys.rs" || self.path.starts_with("host/src/sys/")
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    for room in ROOMS {
        walk(&root().join(room), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().to_string_lossy().into_owned(),
    };
    paths.into_iter().map(read).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if entry.file_name() != "target" && entry.file_name() != "generated" {
                walk(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let long = sources().into_iter().filter(|source| source.text.lines().count() > LONGEST_FILE_LINES);
    let faults: Vec<_> = long.map(|source| format!("{}: {} lines", source.path, source.text.lines().count())).collect();
    assert_none("longer than 500 lines", &faults);
}

#[test]
fn unsafe_code_lives_in_host_sys_only() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.is_system_room()) {
        for (index, line) in source.text.lines().enumerate() {
            if says_unsafe(line) {
                faults.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    assert_none("unsafe outside host/src/sys", &faults);
}

/// The keyword in front of a block, function, impl, trait or extern, and every way to lift the lint; not the word in a text.
fn says_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap();
    let keyword = ["{", "fn", "impl", "trait", "extern"].map(|next| format!("{} {next}", concat!("un", "safe")));
    let lint = concat!("(un", "safe_code");
    keyword.iter().any(|keyword| code.contains(keyword)) || code.contains(lint)
}

#[test]
fn the_search_for_unsafe_code_finds_it() {
    assert!(says_unsafe(concat!("    let n = un", "safe { read() };")));
    assert!(says_unsafe(concat!("#![allow(un", "safe_code, reason = \"system calls\")]")));
    assert!(!says_unsafe("// nothing unsafe { here }"));
}

#[test]
fn modules_are_named_after_what_they_do() {
    let mut faults = Vec::new();
    for source in sources() {
        let path = Path::new(&source.path);
        let parts = path.with_extension("");
        for part in parts.components().map(|part| part.as_os_str().to_string_lossy().into_owned()) {
            if EMPTY_NAMES.contains(&part.as_str()) {
                faults.push(format!("{}: {part} says nothing", source.path));
            }
        }
    }
    assert_none("empty names", &faults);
}

#[test]
fn every_source_file_begins_by_saying_what_it_is() {
    let silent = |source: &Source| !source.text.starts_with("//!") && !source.is_unit_test();
    let faults: Vec<_> = sources().into_iter().filter(silent).map(|source| source.path).collect();
    assert_none("no `//!` on the first line", &faults);
}

#[test]
fn nothing_is_left_for_later_in_the_sources() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[ig", "nore")];
    let mut faults = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    assert_none("left for later", &faults);
}

#[test]
fn agent_sdk_and_host_reader_never_start_a_program() {
    let rooms = ["host/src/", "agent/src/", "client/src/"];
    let mut faults = Vec::new();
    for source in sources() {
        let is_shipped = rooms.iter().any(|room| source.path.starts_with(room)) && !source.is_unit_test();
        let shipped = source.text.split("#[cfg(test)]").next().unwrap();
        if is_shipped && (shipped.contains("Command::new") || shipped.contains("execve")) {
            faults.push(source.path.clone());
        }
    }
    assert_none("starts a program", &faults);
}
