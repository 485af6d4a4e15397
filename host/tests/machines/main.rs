//! Whole machines as their kernels show them, with the answer that each must give.
//!
//! `fixtures/machines/NAME/machine.json` says what the machine is, whether it was captured or made to the kernel's documentation, and
//! how large its pages are; the `*.tree` files beside it hold its files; `golden/SECTION.json` is the answer to the read mask SECTION.
//! `PROCWIRE_BLESS=1` writes the answers of golden files that are there, empty ones too; every one is to be read before it is committed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use procwire_host::{Host, Machine, Roots, SystemReader};
use procwire_proto::{FieldMask, SystemFieldSet, json, v1::System};
use serde_json::Value;
use tempfile::TempDir;

const BOOT_ID: [u8; 16] = *b"0123456789abcdef";

#[test]
fn every_machine_gives_the_answer_that_was_checked() {
    let bless = std::env::var_os("PROCWIRE_BLESS").is_some();
    let mut differences = Vec::new();
    let mut compared = 0;
    for machine in folders(&machines()) {
        let unpacked = unpack(&machine);
        for golden in files(&machine.join("golden"), "json") {
            let section = golden.file_stem().unwrap().to_str().unwrap();
            let answer = format!("{:#}\n", read(&machine, unpacked.path(), section));
            if bless {
                fs::write(&golden, &answer).unwrap();
            }
            compared += 1;
            if fs::read_to_string(&golden).unwrap() != answer {
                differences.push(format!("{} is not the answer:\n{answer}", golden.display()));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > 0, "no machine was found");
}

#[test]
fn every_machine_says_where_it_comes_from() {
    for machine in folders(&machines()) {
        let told = description(&machine);
        let source = told["source"].as_str().unwrap_or_default();
        assert!(source.starts_with("captured ") || source.starts_with("made "), "{}: {told}", machine.display());
    }
}

/// The files of a machine.
fn unpack(machine: &Path) -> TempDir {
    let unpacked = tempfile::tempdir().unwrap();
    for tree in files(machine, "tree") {
        tree::unpack(&fs::read_to_string(&tree).unwrap(), unpacked.path());
    }
    unpacked
}

/// The answer to a read mask, without what changes from call to call.
fn read(machine: &Path, unpacked: &Path, section: &str) -> Value {
    let below = |name: &str| {
        let folder = unpacked.join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    };
    let roots =
        Roots { proc: below("proc"), sys: below("sys"), etc: below("etc"), run: below("run"), dev: below("dev") };
    let told = description(machine);
    let facts = Machine {
        page_size_bytes: told["page_size_bytes"].as_u64().unwrap(),
        ticks_per_second: told["ticks_per_second"].as_u64().unwrap(),
        boot_id: Bytes::from_static(&BOOT_ID),
    };
    let mask = FieldMask { paths: section.split('+').map(str::to_owned).collect() };
    let fields = SystemFieldSet::from_mask(Some(&mask), SystemFieldSet::EMPTY).unwrap();
    let host = Host::with_machine(roots, facts).unwrap();
    let system = System { sampled: None, ..SystemReader::new(Arc::new(host)).read(fields) };
    let mut answer = json::to_json(&system);
    scrub(&mut answer, unpacked.to_str().unwrap());
    answer
}

/// Errors name files: of the machine, not of where it was unpacked.
fn scrub(value: &mut Value, unpacked: &str) {
    match value {
        Value::String(text) => *text = text.replace(unpacked, ""),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, unpacked)),
        Value::Object(members) => members.values_mut().for_each(|member| scrub(member, unpacked)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn description(machine: &Path) -> Value {
    serde_json::from_slice(&fs::read(machine.join("machine.json")).unwrap()).unwrap()
}

fn machines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/machines")
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

fn files(of: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(of) else { return Vec::new() };
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|found| found == extension));
    found.sort();
    found
}
