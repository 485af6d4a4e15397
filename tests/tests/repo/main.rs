//! Rules about this tree: what is generated is fresh, the wire breaks nobody, rooms keep their doors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod compatibility;
mod dependencies;
mod documents;
mod generated;
mod layering;
mod options;
mod permissions;
mod psutil_map;
mod sources;
mod wire_comments;

use std::path::{Path, PathBuf};

/// The folder with the workspace's Cargo.toml.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Fails with one line per fault, so that one run shows them all.
#[track_caller]
fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}
